import { costOf } from '../../kinds/picture-cost.ts';
import { tileKey } from '../../model/keys.ts';
import type { RasterRecord } from '../../model/raster-record.ts';
import { isFailure } from '../../ports/failure.ts';
import { MAX_OPS_PER_ANSWER, MAX_PAINT_COST, MAX_UNFOLDED_OPS } from '../../protocol/limits.ts';
import type { OpAnswer, OpsResponse } from '../../protocol/ops.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { ALGO } from '../../raster/raster.ts';
import { RetryLater } from '../context.ts';
import type { OpsReader } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import { emptyRaster, type FoldParts, foldPicture } from './fold-picture.ts';
import type { PictureFiles } from './picture-files.ts';
import type { HeldRaster, Rasters } from './rasters.ts';
import type { Urgency } from './work-queue.ts';

export type FoldingParts = {
  readonly fold: FoldParts;
  readonly rasters: Rasters;
  readonly files: PictureFiles;
  readonly reader: Pick<OpsReader, 'read' | 'headOf'>;
};

/** Operations that one fold draws, with the version that the last of them made. */
type Batch = { readonly ops: readonly DrawOp[]; readonly version: number; readonly lineage: string };

/**
 * Brings rasters up to the operations that were accepted. A raster is nothing but what its operations make, so it does not matter who folds, how far, or how often: of
 * two that fold at once one wins, and the other goes on from there. Where there is none, or it has operations that a rollback took, it begins at the
 * newest stored picture, else at nothing.
 */
export class Folding {
  readonly #parts: FoldingParts;
  readonly #running = new Map<string, Promise<HeldRaster>>();

  constructor(parts: FoldingParts) {
    this.#parts = parts;
  }

  /** The raster with every operation that was there when this was called. Throws `ProblemError`, `RetryLater`, or what kept a part from answering. */
  async toHead(space: SpaceState, item: string, urgency: Urgency): Promise<HeldRaster> {
    const { index } = await this.#parts.reader.headOf(space, item);
    const held = await this.#joined(space, item, urgency);
    // One that had begun before may have looked too early; the next one begins now.
    return held.raster.index >= index ? held : this.#joined(space, item, urgency);
  }

  #joined(space: SpaceState, item: string, urgency: Urgency): Promise<HeldRaster> {
    const key = `${space.id}/${item}`;
    let running = this.#running.get(key);
    if (!running) {
      running = this.#fold(space, item, urgency).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  async #fold(space: SpaceState, item: string, urgency: Urgency): Promise<HeldRaster> {
    const { rasters, fold } = this.#parts;
    for (let turn = 0; turn < MAX_FOLDS; turn++) {
      const held = (await rasters.read(space.id, item)) ?? (await this.#begin(space, item));
      if (!held) continue;
      const read = await this.#after(space, item, held.raster);
      if (read.replaced !== undefined || held.raster.algo !== ALGO) {
        await rasters.drop(space.id, item, held);
        continue;
      }
      const batch = batchOf(held.raster, read);
      if (!batch) return held;
      const folded = await foldPicture(fold, space.id, held.raster, batch, undefined, urgency);
      if (folded.outcome === 'lost') await rasters.drop(space.id, item, held);
      else await rasters.replace(space.id, item, held, folded.raster, folded.old);
    }
    throw new RetryLater('folding', 1_000);
  }

  async #after(space: SpaceState, item: string, { index, lineage }: RasterRecord): Promise<OpsResponse> {
    const query = { index: index + 1, limit: MAX_OPS_PER_ANSWER, wait: 0, lineage };
    return (await this.#parts.reader.read(space, item, query)).answer;
  }

  /** The raster to begin with; `undefined`: somebody else has begun. */
  async #begin(space: SpaceState, item: string): Promise<HeldRaster | undefined> {
    const { rasters } = this.#parts;
    const raster =
      (await this.#stored(space, item).catch((error) => this.#without(space, item, error))) ??
      (await this.#blank(space, item));
    return rasters.replace(space.id, item, undefined, raster, []);
  }

  /** A picture of few operations can be drawn anew where nobody knows whether it is stored. */
  async #without(space: SpaceState, item: string, error: unknown): Promise<undefined> {
    if (!isFailure(error, 'blobsUnavailable')) throw error;
    if ((await this.#parts.reader.headOf(space, item)).index > MAX_UNFOLDED_OPS) throw error;
  }

  async #blank(space: SpaceState, item: string): Promise<RasterRecord> {
    const { answer } = await this.#parts.reader.read(space, item, { index: 1, limit: 1, wait: 0 });
    const [first] = answer.ops;
    const { create } = (first?.op ?? {}) as { readonly create?: { readonly width: number; readonly height: number } };
    if (!first || !create) throw new RetryLater('contention', 100); // another life has begun
    return emptyRaster(create.width, create.height, first.version, 1, answer.lineage);
  }

  /** From the newest stored picture, where nothing in it was taken since. */
  async #stored(space: SpaceState, item: string): Promise<RasterRecord | undefined> {
    const { files, fold, reader } = this.#parts;
    const { born } = await reader.headOf(space, item);
    const life = { space: space.id, item, born };
    const found = await files.readNewest(life, async ({ algo, index, lineage }) => {
      if (algo !== ALGO) return false;
      const { answer } = await reader.read(space, item, { index: index + 1, limit: 1, wait: 0, lineage });
      return answer.replaced === undefined;
    });
    if (!found) return undefined;
    const { bytes, newest } = found;
    const { index, lineage, version, width, height, algo } = newest;
    const tiles: Record<string, string> = {};
    for (const [at, packed] of await fold.pool.run('fold', { task: 'load', bytes })) {
      const name = fold.random.id();
      await fold.cache.set(tileKey(space.id, name), Buffer.from(packed));
      tiles[at] = name;
    }
    return { algo, width, height, version, index, lineage, tiles };
  }
}

/** Folds of one call; each draws up to 500 operations, or about a second. */
const MAX_FOLDS = 1_000;

/** Whole updates, as many as take about a second to draw, and one at least. */
function batchOf(raster: RasterRecord, { ops, upToDate, lineage }: OpsResponse): Batch | undefined {
  const whole = upToDate ? ops : withoutLastUpdate(ops);
  const drawn: DrawOp[] = [];
  let cost = 0;
  let end = 0;
  for (const [i, { op, version }] of whole.entries()) {
    drawn.push(op as DrawOp);
    cost += costOf(raster, [op as DrawOp]);
    if (whole[i + 1]?.version === version) continue;
    end = i + 1;
    if (cost > MAX_PAINT_COST) break;
  }
  const last = whole[end - 1];
  return last && { ops: drawn.slice(0, end), version: last.version, lineage };
}

/** The page may end in the middle of it. */
function withoutLastUpdate(ops: readonly OpAnswer[]): readonly OpAnswer[] {
  const last = ops.at(-1)?.version;
  const before = ops.filter(({ version }) => version !== last);
  return before.length > 0 ? before : ops;
}
