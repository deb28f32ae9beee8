import { tileKey } from '../../model/keys.ts';
import type { RasterRecord } from '../../model/raster-record.ts';
import type { Cache } from '../../ports/cache.ts';
import type { DecodedImage, Folded, PackedTile } from '../../ports/painters.ts';
import type { Random } from '../../ports/random.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { ALGO } from '../../raster/raster.ts';
import type { PaintPool } from './paint-pool.ts';
import type { Urgency } from './work-queue.ts';

export type FoldParts = {
  readonly cache: Pick<Cache, 'get' | 'set' | 'delete'>;
  readonly pool: Pick<PaintPool, 'run'>;
  readonly random: Random;
  /** `undefined`: there is no such image, and nothing is drawn. Rejects where that is not known: then nothing is folded, or instances would draw different pictures. */
  readonly stamp: (space: string, hash: string) => Promise<DecodedImage | undefined>;
};

/** The operations after those that are in the pixels, without a gap. */
export type Tail = { readonly ops: readonly DrawOp[]; readonly version: number; readonly lineage?: string };

/** What is drawn on. A stored picture is a raster without tiles, and its file. */
export type Ground = { readonly raster: RasterRecord; readonly png?: Uint8Array };

export type FoldHow = {
  readonly urgency?: Urgency | undefined;
  /** It is written as well, as the picture of this item. */
  readonly fileOf?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Fold =
  /** `old`: names of tiles that this raster does not need any more; they stay until its record has taken the place of the one before. */
  | {
      readonly outcome: 'folded';
      readonly raster: RasterRecord;
      readonly old: readonly string[];
      readonly file?: Uint8Array | undefined;
    }
  /** A tile is gone from the cache, or was drawn in another way: the picture has to be made again. */
  | { readonly outcome: 'lost' };

export function emptyRaster(width: number, height: number, version: number, index = 0, lineage = ''): RasterRecord {
  return { algo: ALGO, width, height, version, index, lineage, tiles: {} };
}

/**
 * Draws a tail into the tiles of a picture. Tiles that change are written under new names; nobody knows of them before the caller has put the new raster into the
 * picture's record, and until then the raster before stays whole. So a fold that loses against another, or dies in the middle, harms nothing.
 */
export async function foldPicture(
  parts: FoldParts,
  space: string,
  { raster: before, png }: Ground,
  tail: Tail,
  { urgency = 'fold', fileOf, signal }: FoldHow = {},
): Promise<Fold> {
  if (before.algo !== ALGO) return { outcome: 'lost' };
  const tiles = await readTiles(parts, space, before);
  if (tiles === undefined) return { outcome: 'lost' };
  const { width, height } = before;
  const { ops, version, lineage = before.lineage } = tail;
  const index = before.index + ops.length;
  const stamps = await stampsOf(parts, space, ops);
  const file = fileOf === undefined ? undefined : { item: fileOf, version, index, lineage };
  const job = { task: 'fold', width, height, tiles, png, ops, stamps, file } as const;
  const painted = await parts.pool.run(urgency, job, signal);
  const { names, old } = await writeTiles(parts, space, before.tiles, painted.changed);
  const raster = { ...before, version, index, lineage, tiles: names };
  return { outcome: 'folded', raster, old, file: painted.file };
}

/** Under new names, all at once. */
async function writeTiles(
  { cache, random }: FoldParts,
  space: string,
  before: RasterRecord['tiles'],
  changed: Folded['changed'],
): Promise<{ readonly names: RasterRecord['tiles']; readonly old: readonly string[] }> {
  const names: Record<string, string> = { ...before };
  const old: string[] = [];
  const writing: Promise<unknown>[] = [];
  for (const [index, bytes] of changed) {
    const name = names[index];
    if (name !== undefined) old.push(name);
    delete names[index];
    if (bytes === undefined) continue;
    const fresh = random.id();
    writing.push(cache.set(tileKey(space, fresh), Buffer.from(bytes)));
    names[index] = fresh;
  }
  await Promise.all(writing);
  return { names, old };
}

/** Tiles that no record names. A failure leaves them to the cache, which makes room as it needs. */
export async function dropTiles(
  { cache }: Pick<FoldParts, 'cache'>,
  space: string,
  names: readonly string[],
): Promise<void> {
  await Promise.allSettled(names.map((name) => cache.delete(tileKey(space, name))));
}

/** Of a fold that came too late: what it has written, and the raster that stands does not name. */
export function unneeded(lost: RasterRecord, stands: RasterRecord): string[] {
  const needed = new Set(Object.values(stands.tiles));
  return Object.values(lost.tiles).filter((name) => !needed.has(name));
}

/** `undefined` where one of them is gone. */
export async function readTiles(
  { cache }: Pick<FoldParts, 'cache'>,
  space: string,
  { tiles }: RasterRecord,
): Promise<PackedTile[] | undefined> {
  const named = Object.entries(tiles);
  const entries = await cache.get(named.map(([, name]) => tileKey(space, name)));
  const found: PackedTile[] = [];
  for (const [i, [index]] of named.entries()) {
    const entry = entries[i];
    if (entry === undefined) return undefined;
    found.push([Number(index), entry.value]);
  }
  return found;
}

async function stampsOf(
  { stamp }: FoldParts,
  space: string,
  ops: readonly DrawOp[],
): Promise<ReadonlyMap<string, DecodedImage>> {
  const stamps = new Map<string, DecodedImage>();
  for (const hash of new Set(ops.flatMap((op) => ('stamp' in op ? [op.stamp.hash] : [])))) {
    const image = await stamp(space, hash);
    if (image !== undefined) stamps.set(hash, image);
  }
  return stamps;
}
