import { costOf } from '../../kinds/picture-cost.ts';
import type { RasterRecord } from '../../model/raster-record.ts';
import { isFailure } from '../../ports/failure.ts';
import { MAX_PAINT_COST, MAX_UNFOLDED_OPS } from '../../protocol/limits.ts';
import type { OpAnswer, OpsResponse } from '../../protocol/ops.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { ALGO } from '../../raster/raster.ts';
import { RetryLater } from '../context.ts';
import { type OpsReader, replacedFrom } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import { emptyRaster, type FoldParts, foldPicture, type Ground } from './fold-picture.ts';
import type { PictureFiles } from './picture-files.ts';
import type { HeldRaster, Rasters } from './rasters.ts';
import type { Urgency } from './work-queue.ts';

export type FoldingParts = {
  readonly fold: FoldParts;
  readonly rasters: Rasters;
  readonly files: PictureFiles;
  readonly reader: Pick<OpsReader, 'read' | 'headOf'>;
};

export type DrawHow = {
  readonly urgency: Urgency;
  /** A file of it is wanted: it may be made on the way. */
  readonly file?: boolean;
};

export type DrawnPicture = {
  readonly raster: RasterRecord;
  /** Absent: it is as it is stored, and was not brought into the cache for that. */
  readonly held?: HeldRaster;
  readonly png?: Uint8Array | undefined;
};

/** Operations that one fold draws, with the version that the last of them made. `whole`: there are no more. */
type Batch = {
  readonly ops: readonly DrawOp[];
  readonly version: number;
  readonly lineage: string;
  readonly whole: boolean;
};

/**
 * Brings rasters up to the operations that were accepted. A raster is nothing but what its operations make, so it does not matter who folds, how far, or how often: of
 * two that fold at once one wins, and the other goes on from there. Where there is none, or it has operations that a rollback took, it begins at the
 * newest stored picture, else at nothing.
 */
export class Folding {
  readonly #parts: FoldingParts;
  readonly #running = new Map<string, Promise<DrawnPicture>>();

  constructor(parts: FoldingParts) {
    this.#parts = parts;
  }

  /** The picture with every operation that was there when this was called. Throws `ProblemError`, `RetryLater`, or what kept a part from answering. */
  async toHead(space: SpaceState, item: string, how: DrawHow): Promise<DrawnPicture> {
    const { index } = await this.#parts.reader.headOf(space, item);
    const drawn = await this.#joined(space, item, how);
    // One that had begun before may have looked too early; the next one begins now.
    const whole = drawn.raster.index >= index ? drawn : await this.#joined(space, item, how);
    // Who waits for a stored picture need not wait for its tiles; who looks or draws next finds them, or makes them.
    if (!whole.held && how.urgency === 'broadcast')
      void this.#joined(space, item, { urgency: 'fold' }).catch(() => undefined);
    return whole;
  }

  #joined(space: SpaceState, item: string, how: DrawHow): Promise<DrawnPicture> {
    const key = `${space.id}/${item}`;
    let running = this.#running.get(key);
    if (!running) {
      running = this.#fold(space, item, how).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  async #fold(space: SpaceState, item: string, { urgency, file }: DrawHow): Promise<DrawnPicture> {
    const { rasters, fold } = this.#parts;
    for (let turn = 0; turn < MAX_FOLDS; turn++) {
      const held = await rasters.read(space.id, item);
      const ground: Ground = held ?? (await this.#begin(space, item));
      const read = await this.#after(space, item, ground.raster);
      if (read.replaced !== undefined || ground.raster.algo !== ALGO) {
        if (held) await rasters.drop(space.id, item, held);
        continue;
      }
      const batch = batchOf(ground.raster, read);
      if (batch.ops.length === 0 && held) return { raster: held.raster, held };
      if (batch.ops.length === 0 && ground.png && file) return ground;
      const fileOf = file && batch.whole ? item : undefined;
      const folded = await foldPicture(fold, space.id, ground, batch, { urgency, fileOf });
      if (folded.outcome === 'lost') {
        if (held) await rasters.drop(space.id, item, held);
        continue;
      }
      const stands = await rasters.replace(space.id, item, held, folded.raster, folded.old);
      if (stands && batch.whole) return { raster: stands.raster, held: stands, png: folded.file };
    }
    throw new RetryLater('folding', 1_000);
  }

  async #after(space: SpaceState, item: string, { index, lineage }: RasterRecord): Promise<OpsResponse> {
    const query = { index: index + 1, limit: FOLD_OPS, wait: 0, lineage };
    return (await this.#parts.reader.read(space, item, query)).answer;
  }

  /** Where there is no raster. */
  async #begin(space: SpaceState, item: string): Promise<Ground> {
    const stored = await this.#stored(space, item).catch((error) => this.#without(space, item, error));
    return stored ?? { raster: await this.#blank(space, item) };
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

  /** The newest stored picture, where nothing in it was taken since. */
  async #stored(space: SpaceState, item: string): Promise<Ground | undefined> {
    const { files, reader } = this.#parts;
    const { born } = await reader.headOf(space, item);
    const life = { space: space.id, item, born };
    const found = await files.readNewest(life, async ({ algo, index, lineage }) => {
      if (algo !== ALGO) return false;
      const replaced = replacedFrom(await reader.headOf(space, item), lineage);
      return replaced === undefined || replaced > index;
    });
    return found && { raster: { ...found.newest, tiles: {} }, png: found.bytes };
  }
}

/** Folds of one call. */
const MAX_FOLDS = 1_000;
/** Operations of one fold; it ends sooner where drawing takes about a second. */
const FOLD_OPS = 2_000;

/** Whole updates, as many as take about a second to draw, and one at least. */
function batchOf(raster: RasterRecord, { ops, upToDate, lineage }: OpsResponse): Batch {
  const entire = upToDate ? ops : withoutLastUpdate(ops);
  const drawn: DrawOp[] = [];
  let cost = 0;
  let end = 0;
  for (const [i, { op, version }] of entire.entries()) {
    drawn.push(op as DrawOp);
    cost += costOf(raster, [op as DrawOp]);
    if (entire[i + 1]?.version === version) continue;
    end = i + 1;
    if (cost > MAX_PAINT_COST) break;
  }
  const version = entire[end - 1]?.version ?? raster.version;
  return { ops: drawn.slice(0, end), version, lineage, whole: upToDate && end === ops.length };
}

/** The page may end in the middle of it. */
function withoutLastUpdate(ops: readonly OpAnswer[]): readonly OpAnswer[] {
  const last = ops.at(-1)?.version;
  const before = ops.filter(({ version }) => version !== last);
  return before.length > 0 ? before : ops;
}
