import { decodeHead, isPlaceholder } from '../../src/model/head.ts';
import { headKey, itemRowKey, lifePrefix, tileKey } from '../../src/model/keys.ts';
import { decodePointer, decodeRaster, type PicturePointer, type RasterRecord } from '../../src/model/raster-record.ts';
import { decodeRow } from '../../src/model/row.ts';
import type { BlobName } from '../../src/ports/blobs.ts';
import type { CacheKey } from '../../src/ports/cache.ts';
import { spotOf } from './history.ts';
import { type Listed, type ListedPicture, readListed, readTile, tilesOf } from './listing-painter.ts';
import { nameOf } from './ops-viewer.ts';
import type { World } from './world.ts';

type Drawn = { readonly lineage: string; readonly index: number; readonly tiles: ReadonlyMap<number, Listed> };
/** What is known of one lineage: its operations by index, as long as they are its own, and how many it has from the ones before. */
type Lineage = { readonly ops: Map<number, unknown>; from: number };

/** Joins are seen by all instances after this long, whatever sleeps or is slow, ms. */
const SEEN_MS = 5_500;

/** Knows from the heads which operations there are, and holds every raster, tile and stored picture against them as it is written. */
export class PictureOracle {
  readonly #world: World;
  /** By item, and number of the lineage. */
  readonly #lineages = new Map<string, Map<number, Lineage>>();
  /** Whose leases run, and since when. */
  here: () => readonly { readonly id: string; readonly since: number }[] = () => [];

  constructor(world: World) {
    this.#world = world;
    const { cache, blobs } = world.fleet;
    cache.watch = (key, before, value) => {
      if (key.startsWith('i/')) this.#head(key, value);
      if (key.startsWith('a/')) this.#raster(key, before && decodeRaster(before), decodeRaster(value));
    };
    cache.dropped = (key, value) => {
      if (key.startsWith('a/')) this.#dropped(key, decodeRaster(value));
      if (key.startsWith('i/')) this.#headDropped(key, value);
    };
    blobs.written = (name, before, bytes) => this.#stored(name, before, bytes);
    blobs.removed = (name) => this.#removed(name);
  }

  /** A picture that somebody was sent. */
  sent(picture: ListedPicture, spot: string, where: string): void {
    this.#check(spot, { ...picture, tiles: new Map(picture.tiles) }, where);
  }

  /** Names of the operations from the second on, of which there are so many in that lineage. `undefined`: not all are known. */
  opsOf(spot: string, lineage: string, index: number): unknown[] | undefined {
    const lineages = this.#lineages.get(spot);
    const ops: unknown[] = [];
    for (let i = 2, L = 0; i <= index; i++) {
      for (L = Number(lineage.split('.')[1]); L > 0 && i <= (lineages?.get(L)?.from ?? i); ) L--;
      const op = lineages?.get(L)?.ops.get(i);
      if (op === undefined) return undefined;
      ops.push(op);
    }
    return ops;
  }

  /** Of the newest stored picture; items have one life here. */
  pointer(spot: string): PicturePointer | undefined {
    const { blobs } = this.#world.fleet;
    const name = [...blobs.held.keys()].find((one) => one.endsWith('/newest') && this.#spotOf(one) === spot);
    const held = name === undefined ? undefined : blobs.held.get(name);
    return held && decodePointer(held.bytes);
  }

  /** Of the item: it may be higher than that of its last operation. */
  versionOf(spot: string): number {
    const [space = '', item = ''] = spot.split('/');
    const entry = this.#world.fleet.cache.read(headKey(space, item));
    const head = entry && decodeHead(entry.value);
    return Math.max(head && !isPlaceholder(head) ? head.v : 0, this.#row(spot)?.v ?? 0);
  }

  #head(key: CacheKey, value: Buffer): void {
    const head = decodeHead(value);
    if (isPlaceholder(head) || head.kind !== 'picture' || head.dead) return;
    const lineages = this.#lineages.get(key.slice(2)) ?? new Map<number, Lineage>();
    this.#lineages.set(key.slice(2), lineages);
    for (const [L, index] of head.forks ?? []) entry(lineages, L).from = index;
    const own = entry(lineages, head.L);
    for (const { i = 0, op } of head.tail) {
      const ops = (op as { ops?: readonly unknown[] }).ops ?? [op];
      for (const [n, one] of ops.entries()) {
        const index = i - ops.length + 1 + n;
        own.ops.set(index, one);
        this.#world.history.sawOp(key.slice(2), `${head.born}.${head.L}`, index, nameOf(one), 'the head');
      }
    }
  }

  #raster(key: CacheKey, before: RasterRecord | undefined, raster: RasterRecord): void {
    const { history } = this.#world;
    history.count('rasters written');
    if (before && before.lineage === raster.lineage && before.index > raster.index)
      history.found('P1 wrong picture', `the raster ${key} goes back from ${before.index} to ${raster.index}`);
    const tiles = this.#tilesOf(key, raster);
    if (tiles) this.#check(key.slice(2), { ...raster, tiles }, 'the cache');
  }

  /** `undefined`: one of them is gone. */
  #tilesOf(key: CacheKey, raster: RasterRecord): Map<number, Listed> | undefined {
    const tiles = new Map<number, Listed>();
    for (const [tile, name] of Object.entries(raster.tiles)) {
      const record = this.#world.fleet.cache.read(tileKey(spaceIn(key), name));
      if (!record) return undefined;
      tiles.set(Number(tile), readTile(record.value));
    }
    return tiles;
  }

  #check(spot: string, drawn: Drawn, where: string): void {
    const { history } = this.#world;
    const ops = this.opsOf(spot, drawn.lineage, drawn.index);
    history.count(ops ? 'pictures checked' : 'pictures of unknown operations');
    if (!ops) return;
    const expected = new Map<number, string[]>();
    for (const op of ops)
      for (const [tile, color] of tilesOf(op)) expected.set(tile, [...(expected.get(tile) ?? []), color]);
    for (const tile of new Set([...expected.keys(), ...drawn.tiles.keys()])) {
      const [is, should] = [drawn.tiles.get(tile)?.join() ?? '', expected.get(tile)?.join() ?? ''];
      if (is !== should)
        history.found(
          'P1 wrong picture',
          `tile ${tile} of ${spot} in ${where}, ${drawn.lineage} at ${drawn.index}: ${is}, not ${should}`,
        );
    }
  }

  /** An instance has taken a raster out. Nobody could go on from one that lacks a tile, or has what a rollback took. */
  #dropped(key: CacheKey, raster: RasterRecord): void {
    const { history, scheduler } = this.#world;
    const spot = key.slice(2);
    const newest = Math.max(0, ...(this.#lineages.get(spot)?.keys() ?? []));
    const stands = this.#sameOps(spot, raster, newest);
    if (!stands || !this.#tilesOf(key, raster)) return;
    history.count('rasters dropped');
    const pointer = this.pointer(spot);
    if (!pointer || pointer.index < raster.index || !this.#sameOps(spot, pointer, newest))
      history.found('P3 dropped too soon', `${spot} at ${raster.index}; stored is ${JSON.stringify(pointer)}`);
    this.#checkNobody(`the raster of ${spot}`);
    scheduler.note(`${spot} is dropped at ${raster.index}`);
  }

  /** Its operations are the ones of the newest lineage, too. */
  #sameOps(spot: string, { lineage, index }: { readonly lineage: string; readonly index: number }, newest: number) {
    const of = (L: number) => JSON.stringify(this.opsOf(spot, `${lineage.split('.')[0]}.${L}`, index));
    return of(Number(lineage.split('.')[1])) === of(newest);
  }

  #headDropped(key: CacheKey, value: Buffer): void {
    const head = decodeHead(value);
    if (isPlaceholder(head) || head.kind !== 'picture') return;
    const row = this.#row(key.slice(2));
    this.#world.history.count('heads dropped');
    if (!row || row.L < head.L || (row.L === head.L && row.v < head.v))
      this.#world.history.found('P3 dropped too soon', `the head of ${key} at v${head.v}, stored is v${row?.v}`);
  }

  #checkNobody(what: string): void {
    const { history, scheduler } = this.#world;
    for (const { id, since } of this.here())
      if (scheduler.now - since > SEEN_MS)
        history.found('P3 dropped too soon', `${what} is dropped, and ${id} has been here since ${since}`);
  }

  #stored(name: BlobName, before: Buffer | undefined, bytes: Buffer): void {
    const { history, fleet } = this.#world;
    history.count('blobs written');
    if (name.endsWith('/newest')) {
      const is = decodePointer(bytes);
      if (before && decodePointer(before).version >= is.version)
        history.found('P2 pointer back', `${name} from v${decodePointer(before).version} to v${is.version}`);
      if (![...fleet.blobs.held.keys()].some((other) => other.startsWith(blobOf(name, is.version))))
        history.found('P2 pointer back', `${name} names v${is.version}, which is not there`);
      return;
    }
    if (before && !before.equals(bytes)) history.found('P2 pointer back', `${name} has changed`);
    const picture = readListed(bytes);
    const spot = this.#spotOf(name);
    this.sent(picture, spot, 'the blobs');
    const row = this.#row(spot);
    if (!row || row.index < picture.index || !this.#sameOps(spot, picture, row.L))
      history.found(
        'P4 not in the store',
        `${spot} ${picture.lineage} at ${picture.index}; the store has ${row?.L} ${row?.index}`,
      );
  }

  #removed(name: BlobName): void {
    const { history, fleet } = this.#world;
    const pointer = fleet.blobs.held.get(name.replace(/[^/]*$/, 'newest'));
    history.count('blobs removed');
    if (pointer && name.startsWith(blobOf(pointer.info.name, decodePointer(pointer.bytes).version)))
      history.found('P2 pointer back', `${name} is removed, and the pointer names it`);
  }

  #row(spot: string) {
    const [space = '', item = ''] = spot.split('/');
    const [record] = this.#world.fleet.store.read([itemRowKey(space, item)]);
    return record && decodeRow(record);
  }

  #spotOf(name: BlobName): string {
    const { spaces, items } = this.#world;
    const spots = spaces.flatMap((space) => items.map((item) => [space, item] as const));
    const born = Number(name.split('/').at(-2));
    const found = spots.find(([space, item]) => name.startsWith(lifePrefix({ space, item, born })));
    return found ? spotOf(...found) : '';
  }
}

function entry(lineages: Map<number, Lineage>, L: number): Lineage {
  const found = lineages.get(L) ?? { ops: new Map<number, unknown>(), from: 0 };
  lineages.set(L, found);
  return found;
}

function spaceIn(key: CacheKey): string {
  return key.split('/')[1] ?? '';
}

function blobOf(pointer: BlobName, version: number): string {
  return `${pointer.slice(0, -'newest'.length)}${String(version).padStart(16, '0')}-`;
}
