import { picture } from '../../kinds/picture.ts';
import { costOf } from '../../kinds/picture-cost.ts';
import { decodeHead, type Head, isPlaceholder } from '../../model/head.ts';
import { headKey, type Life, pictureLockKey, rasterKey } from '../../model/keys.ts';
import type { PicturePointer } from '../../model/raster-record.ts';
import { MAX_UNFOLDED_COST, MAX_UNFOLDED_OPS } from '../../protocol/limits.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { type Deps, RetryLater } from '../context.ts';
import { isStored } from '../durable.ts';
import { replacedFrom } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import type { Folding, FoldingParts } from './folding.ts';
import type { Encoded, PictureEncoder } from './picture-encoder.ts';

export type KeeperParts = Pick<FoldingParts, 'reader' | 'files' | 'rasters'> & {
  readonly deps: Deps;
  readonly folding: Folding;
  readonly encoder: PictureEncoder;
};

/** A picture that this process has written to. Times are monotonic, ms. */
type Kept = {
  readonly space: SpaceState;
  readonly item: string;
  /** Under which its operations were accepted here. */
  lineage: string;
  /** Of the newest operation accepted, drawn and stored. */
  index: number;
  drawn: number;
  filed: number;
  /** What drawing those takes that were accepted here and are not drawn. */
  cost: number;
  undrawnSince: number | undefined;
  unfiledSince: number;
  busy: boolean;
  notBefore: number;
  failures: number;
  /** Encoded, and not yet stored: the store does not have all of its operations. */
  waiting: Encoded | undefined;
};

const FOLD_OPS = 200;
const FOLD_MS = 2_000;
const FILE_OPS = 1_000;
const FILE_MS = 30_000;
/** How often it is looked whether the store has the operations of a picture that waits. */
const LOOK_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** So long may one instance take to write one picture before another may begin, too, seconds. */
const LOCK_SECONDS = 60;
const PAGE = 100;

/**
 * Has pictures folded and stored some time after they were drawn on: folded after 200 operations or 2 s, stored after 1,000 or 30 s, and when everybody has left. Only
 * operations that the store has get into a stored picture: what a rollback can take is never in one.
 */
export class PictureKeeper {
  readonly #parts: KeeperParts;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** An update of a picture was accepted. */
  written(space: SpaceState, item: string, head: Head, ops: readonly unknown[]): void {
    const now = this.#parts.deps.clock.monotonic();
    const key = `${space.id}/${item}`;
    let kept = this.#kept.get(key);
    if (!kept) {
      const before = head.index - ops.length;
      const nothing = { undrawnSince: undefined, busy: false, failures: 0, notBefore: now, waiting: undefined };
      kept = {
        space,
        item,
        lineage: '',
        index: before,
        drawn: before,
        filed: before,
        cost: 0,
        unfiledSince: now,
        ...nothing,
      };
      this.#kept.set(key, kept);
    }
    if (kept.filed >= kept.index) kept.unfiledSince = now;
    kept.lineage = `${head.born}.${head.L}`;
    kept.index = head.index;
    kept.undrawnSince ??= now;
    const size = head.body as { readonly width: number; readonly height: number };
    kept.cost += costOf(size, ops as readonly DrawOp[]);
  }

  /** Throws where folding lags too far behind. */
  admit(space: SpaceState, item: string): void {
    const kept = this.#kept.get(`${space.id}/${item}`);
    if (!kept) return;
    if (kept.index - kept.drawn > MAX_UNFOLDED_OPS || kept.cost > MAX_UNFOLDED_COST)
      throw new RetryLater('folding', 1_000);
  }

  /** Begins what is due. */
  tick(): void {
    const { clock, metrics } = this.#parts.deps;
    const now = clock.monotonic();
    let oldest = now;
    for (const [key, kept] of this.#kept) {
      const { index, drawn, filed, busy, undrawnSince, unfiledSince } = kept;
      if (filed < index) oldest = Math.min(oldest, unfiledSince);
      if (busy || now < kept.notBefore) continue;
      if (undrawnSince !== undefined && (index - drawn >= FOLD_OPS || now - undrawnSince >= FOLD_MS))
        this.#begin(key, kept, () => this.#draw(kept));
      else if (filed < index && (kept.waiting || index - filed >= FILE_OPS || now - unfiledSince >= FILE_MS))
        this.#begin(key, kept, () => this.#file(kept));
      else if (undrawnSince === undefined && filed >= index) this.#kept.delete(key);
    }
    metrics.gauge('unwritten_pictures', this.#kept.size);
    metrics.gauge('oldest_unwritten_picture_ms', now - oldest);
  }

  #begin(key: string, kept: Kept, work: () => Promise<void>): void {
    kept.busy = true;
    void this.#isOver(kept)
      .then((over) => (over ? void this.#kept.delete(key) : work()))
      .then(() => {
        kept.failures = 0;
      })
      .catch((error: unknown) => this.#failed(kept, error))
      .finally(() => {
        kept.busy = false;
      });
  }

  #failed(kept: Kept, error: unknown): void {
    const { clock, log, metrics } = this.#parts.deps;
    const pause = Math.min(1_000 * 2 ** kept.failures++, MAX_PAUSE_MS);
    kept.notBefore = clock.monotonic() + pause;
    metrics.count('picture_failures');
    const { space, item } = kept;
    if (!(error instanceof RetryLater))
      log.warn({ space: space.id, item, error: String(error) }, 'a picture was not drawn or stored; it is tried again');
  }

  /** It has been put away, or is no picture any more. */
  async #isOver(kept: Kept): Promise<boolean> {
    const { space, item, index } = kept;
    if (await this.#isPutAway(kept)) return kept.index === index;
    const head = await this.#parts.reader.headOf(space, item);
    return head.dead || head.kind !== picture.name;
  }

  /** When everybody had left another instance stored all that was drawn here. To look at it as usual would bring head and raster back into the cache. */
  async #isPutAway({ space, item, lineage, index }: Kept): Promise<boolean> {
    const { rasters, files } = this.#parts;
    if (await rasters.read(space.id, item)) return false;
    const [born = 0, L = 0] = lineage.split('.').map(Number);
    const newest = await files.newest({ space: space.id, item, born }).catch(() => undefined); // drawing goes on without the blobs
    const storedL = Number(newest?.lineage.split('.')[1]);
    // A later lineage begins with what is left of this one.
    return newest !== undefined && (storedL > L || (storedL === L && newest.index >= index));
  }

  async #draw(kept: Kept): Promise<void> {
    const { folding, deps } = this.#parts;
    const { cost } = kept;
    const { raster } = await folding.toHead(kept.space, kept.item, { urgency: 'fold' });
    kept.drawn = raster.index;
    kept.cost -= cost;
    kept.undrawnSince = raster.index < kept.index ? deps.clock.monotonic() : undefined;
  }

  async #file(kept: Kept): Promise<void> {
    const { space, item } = kept;
    const { clock } = this.#parts.deps;
    const began = clock.monotonic();
    kept.waiting ??= await this.#encodeUnlessStored(kept);
    if (!kept.waiting) return;
    const outcome = await this.#store(space, item, kept.waiting);
    if (outcome === 'wait') kept.notBefore = clock.monotonic() + LOOK_MS;
    else kept.waiting = undefined;
    if (typeof outcome === 'number') this.#filed(kept, outcome, began);
  }

  #filed(kept: Kept, index: number, began: number): void {
    kept.filed = index;
    kept.unfiledSince = began;
  }

  async #encodeUnlessStored(kept: Kept): Promise<Encoded | undefined> {
    const { space, item } = kept;
    const began = this.#parts.deps.clock.monotonic();
    const { raster } = await this.#parts.folding.toHead(space, item, { urgency: 'fold' });
    const newest = await this.#parts.files.newest(await this.#lifeOf(space, item));
    if (newest && newest.index >= raster.index && newest.lineage === raster.lineage) {
      this.#filed(kept, newest.index, began);
      return undefined;
    }
    return this.#locked(space.id, item, async () => {
      // The blobs may have been slow, and everybody left meanwhile; the next look finds that it is over.
      if (await this.#isPutAway(kept)) return undefined;
      return this.#parts.encoder.encode(space, item, 'write');
    });
  }

  async #lifeOf(space: SpaceState, item: string): Promise<Life> {
    const { born } = await this.#parts.reader.headOf(space, item);
    return { space: space.id, item, born };
  }

  /** Its index once it is stored; `gone`: a rollback took some of it. */
  async #store(space: SpaceState, item: string, encoded: Encoded): Promise<number | 'wait' | 'gone'> {
    const { reader, files, deps } = this.#parts;
    const head = await reader.headOf(space, item);
    const { raster, png } = encoded;
    const { version, index, lineage, algo, width, height } = raster;
    const replaced = replacedFrom(head, lineage);
    if (head.dead || (replaced !== undefined && replaced <= index)) return 'gone';
    if (!(await isStored(deps, space.id, item, head, version))) return 'wait';
    const pointer: PicturePointer = { version, index, lineage, algo, width, height };
    await files.put({ space: space.id, item, born: head.born }, pointer, png);
    deps.metrics.count('pictures_stored');
    return index;
  }

  async #locked<T>(space: string, item: string, work: () => Promise<T>): Promise<T> {
    const { cache } = this.#parts.deps;
    const key = pictureLockKey(space, item);
    const token = await cache.add(key, Buffer.from('1'), LOCK_SECONDS);
    if (!token) throw new RetryLater('contention', 1_000);
    try {
      return await work();
    } finally {
      await cache.delete(key, token).catch(() => false); // it ends by itself
    }
  }

  /** Everybody has left: each picture of the space that is in the cache is stored, then its raster goes. Throws `RetryLater` where that has to be done again. */
  async tidy(space: SpaceState, isStillEmpty: () => Promise<boolean>): Promise<void> {
    const { deps } = this.#parts;
    let left = 0;
    for (let after = ''; ; ) {
      const ids = await deps.store.list(space.id, 'item', after, PAGE);
      const heads = await deps.cache.get(ids.map((id) => headKey(space.id, id)));
      const rasters = await deps.cache.get(ids.map((id) => rasterKey(space.id, id)));
      for (const [i, id] of ids.entries()) {
        const head = heads[i] && decodeHead(heads[i].value);
        const isPicture = head && !isPlaceholder(head) && head.kind === picture.name && !head.dead;
        if (!isPicture && !rasters[i]) continue;
        if (!(await this.#leave(space, id, isStillEmpty))) left++;
      }
      if (ids.length < PAGE) break;
      after = ids.at(-1) ?? after;
    }
    if (left > 0) throw new RetryLater('contention', 1_000);
  }

  /** `false`: somebody draws on it or is back, or the store does not have all of it yet. */
  async #leave(space: SpaceState, item: string, isStillEmpty: () => Promise<boolean>): Promise<boolean> {
    const { reader, rasters, encoder, files } = this.#parts;
    const head = await reader.headOf(space, item);
    const before = await rasters.read(space.id, item);
    if (head.dead || head.kind !== picture.name) return !before || rasters.drop(space.id, item, before);
    return this.#locked(space.id, item, async () => {
      const newest = await files.newest(await this.#lifeOf(space, item));
      if (newest?.index !== head.index || replacedFrom(head, newest.lineage) !== undefined) {
        const encoded = await encoder.encode(space, item, 'write');
        if (typeof (await this.#store(space, item, encoded)) !== 'number') return false;
        if (encoded.raster.index < head.index) return false;
      }
      // To write it may have taken long.
      const [held, now] = [await rasters.read(space.id, item), await reader.headOf(space, item)];
      if (now.v !== head.v || !(await isStillEmpty())) return false;
      if (held && !(await rasters.drop(space.id, item, held))) return false;
      const kept = this.#kept.get(`${space.id}/${item}`);
      if (kept && !kept.busy && kept.index <= head.index) this.#kept.delete(`${space.id}/${item}`);
      return true;
    });
  }
}
