import { picture } from '../../kinds/picture.ts';
import { costOf } from '../../kinds/picture-cost.ts';
import { decodeHead, type Head, isPlaceholder } from '../../model/head.ts';
import { headKey, type Life, pictureLockKey, rasterKey } from '../../model/keys.ts';
import type { PicturePointer, RasterRecord } from '../../model/raster-record.ts';
import { MAX_UNFOLDED_COST, MAX_UNFOLDED_OPS } from '../../protocol/limits.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { type Deps, RetryLater } from '../context.ts';
import { isStored } from '../durable.ts';
import { lineageOf, replacedFrom } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import type { Chore } from './chore.ts';
import type { Folding, FoldingParts } from './folding.ts';
import { KeptPicture } from './kept-picture.ts';
import type { Encoded, PictureEncoder } from './picture-encoder.ts';

export type KeeperParts = Pick<FoldingParts, 'reader' | 'files' | 'rasters'> & {
  readonly deps: Deps;
  readonly folding: Folding;
  readonly encoder: PictureEncoder;
};

/** How often it is looked whether the store has the operations of a picture that waits. */
const LOOK_MS = 500;
/** So long may one instance take to write one picture before another may begin, too, seconds. */
const LOCK_SECONDS = 60;
const PAGE = 100;

/**
 * Has pictures folded and stored some time after they were drawn on: folded after 200 operations or 2 s, stored after 1,000 or 30 s, when everybody has left, and when this
 * instance stops. Only operations that the store has get into a stored picture: what a rollback can take is never in one.
 */
export class PictureKeeper {
  readonly #parts: KeeperParts;
  readonly #kept = new Map<string, KeptPicture>();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** An update of a picture was accepted. */
  written(space: SpaceState, item: string, head: Head, ops: readonly unknown[]): void {
    const now = this.#parts.deps.clock.monotonic();
    const key = `${space.id}/${item}`;
    const kept = this.#kept.get(key) ?? new KeptPicture(space, item, head.index - ops.length, now);
    this.#kept.set(key, kept);
    const size = head.body as { readonly width: number; readonly height: number };
    kept.accepted({ lineage: lineageOf(head), index: head.index, cost: costOf(size, ops as readonly DrawOp[]) }, now);
  }

  /** Throws where folding lags too far behind. */
  admit(space: SpaceState, item: string): void {
    const kept = this.#kept.get(`${space.id}/${item}`);
    if (!kept) return;
    if (kept.undrawnOps > MAX_UNFOLDED_OPS || kept.undrawnCost > MAX_UNFOLDED_COST)
      throw new RetryLater('folding', 1_000);
  }

  /** Begins what is due. */
  tick(): void {
    const { clock, metrics } = this.#parts.deps;
    const now = clock.monotonic();
    let oldest = now;
    for (const [key, kept] of this.#kept) {
      if (!kept.isFiled) oldest = Math.min(oldest, kept.unfiledSince);
      if (kept.mustFile(now)) this.#begin(key, kept, kept.filing, () => this.#file(kept));
      if (kept.mustDraw(now)) this.#begin(key, kept, kept.drawing, () => this.#draw(kept));
      if (kept.isDone) this.#kept.delete(key);
    }
    metrics.gauge('unwritten_pictures', this.#kept.size);
    metrics.gauge('oldest_unwritten_picture_ms', now - oldest);
  }

  /** Before this instance ends: whoever comes next need not draw what was drawn here. What there is no time for is stored by others, or when somebody draws again. */
  async storeAll(until: number): Promise<void> {
    const { clock } = this.#parts.deps;
    const all = async (): Promise<void> => {
      for (const [key, kept] of this.#kept) {
        await kept.filing.running;
        if (clock.monotonic() >= until) return;
        if (!kept.isFiled) this.#begin(key, kept, kept.filing, () => this.#file(kept));
        await kept.filing.running;
      }
    };
    await Promise.race([all(), clock.sleep(Math.max(0, until - clock.monotonic()))]);
  }

  #begin(key: string, kept: KeptPicture, chore: Chore, work: () => Promise<unknown>): void {
    const attempt = async (): Promise<boolean> => {
      try {
        if (await this.#isOver(kept)) this.#kept.delete(key);
        else await work();
        return false;
      } catch (error) {
        this.#failed(kept, error);
        return true;
      }
    };
    chore.begin(attempt, () => this.#parts.deps.clock.monotonic());
  }

  #failed({ space, item }: KeptPicture, error: unknown): void {
    const { log, metrics } = this.#parts.deps;
    metrics.count('picture_failures');
    if (!(error instanceof RetryLater))
      log.warn({ space: space.id, item, error: String(error) }, 'a picture was not drawn or stored; it is tried again');
  }

  /** It has been put away, or is no picture any more. */
  async #isOver(kept: KeptPicture): Promise<boolean> {
    const { space, item, index } = kept;
    if (await this.#isPutAway(kept)) return kept.index === index;
    const head = await this.#parts.reader.headOf(space, item);
    return head.dead || head.kind !== picture.name;
  }

  /** When everybody had left another instance stored all that was drawn here. To look at it as usual would bring head and raster back into the cache. */
  async #isPutAway({ space, item, lineage, index }: KeptPicture): Promise<boolean> {
    const { rasters, files } = this.#parts;
    if (await rasters.read(space.id, item)) return false;
    const [born = 0, L = 0] = lineage.split('.').map(Number);
    const newest = await files.newest({ space: space.id, item, born }).catch(() => undefined); // drawing goes on without the blobs
    const storedL = Number(newest?.lineage.split('.')[1]);
    // A later lineage begins with what is left of this one.
    return newest !== undefined && (storedL > L || (storedL === L && newest.index >= index));
  }

  async #draw(kept: KeptPicture): Promise<RasterRecord> {
    const { folding, deps } = this.#parts;
    const drawn = kept.beginDrawing();
    const { raster } = await folding.toHead(kept.space, kept.item, { urgency: 'fold' });
    drawn(raster.index, deps.clock.monotonic());
    return raster;
  }

  async #file(kept: KeptPicture): Promise<void> {
    const { space, item } = kept;
    const { clock } = this.#parts.deps;
    const began = clock.monotonic();
    kept.waiting ??= await this.#encodeUnlessStored(kept);
    if (!kept.waiting) return;
    const outcome = await this.#store(space, item, kept.waiting);
    if (outcome === 'wait') kept.filing.waitUntil(clock.monotonic() + LOOK_MS);
    else kept.waiting = undefined;
    if (typeof outcome === 'number') kept.filed(outcome, began);
  }

  async #encodeUnlessStored(kept: KeptPicture): Promise<Encoded | undefined> {
    const { space, item } = kept;
    const began = this.#parts.deps.clock.monotonic();
    const raster = await this.#draw(kept);
    const newest = await this.#parts.files.newest(await this.#lifeOf(space, item));
    if (newest && newest.index >= raster.index && newest.lineage === raster.lineage) {
      kept.filed(newest.index, began);
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
      if (kept && !kept.isBusy && kept.index <= head.index) this.#kept.delete(`${space.id}/${item}`);
      return true;
    });
  }
}
