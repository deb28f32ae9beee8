import type { RasterRecord } from '../../model/raster-record.ts';
import { RetryLater } from '../context.ts';
import type { SpaceState } from '../space-state.ts';
import { type FoldParts, readTiles } from './fold-picture.ts';
import type { Folding } from './folding.ts';
import type { Rasters } from './rasters.ts';
import type { Urgency } from './work-queue.ts';

/** A picture as a PNG, and what is in it. */
export type Encoded = { readonly raster: RasterRecord; readonly png: Uint8Array };

const TURNS = 5;

/** Pictures as PNG files, with everything in them that was accepted when it was asked for. */
export class PictureEncoder {
  readonly #folding: Folding;
  readonly #rasters: Rasters;
  readonly #parts: FoldParts;

  constructor(folding: Folding, rasters: Rasters, parts: FoldParts) {
    this.#folding = folding;
    this.#rasters = rasters;
    this.#parts = parts;
  }

  async encode(
    space: SpaceState,
    item: string,
    urgency: Urgency,
    known: (raster: RasterRecord) => Promise<Uint8Array> | undefined = () => undefined,
  ): Promise<Encoded> {
    for (let turn = 0; turn < TURNS; turn++) {
      const { raster, held, png } = await this.#folding.toHead(space, item, { urgency, file: true });
      const file = png ?? (await (known(raster) ?? this.#of(space.id, item, raster, urgency)));
      if (file) return { raster, png: file };
      // Unless it was replaced meanwhile, one of its tiles is lost, and nobody would notice before it is drawn on.
      if (held) await this.#rasters.drop(space.id, item, held);
    }
    throw new RetryLater('folding', 1_000);
  }

  /** `undefined`: a tile has gone, as the raster was replaced meanwhile or the cache has lost it. */
  async #of(space: string, item: string, raster: RasterRecord, urgency: Urgency): Promise<Uint8Array | undefined> {
    const tiles = await readTiles(this.#parts, space, raster);
    if (!tiles) return undefined;
    const { width, height, version, index, lineage } = raster;
    const job = { task: 'encode', width, height, tiles, item, version, index, lineage } as const;
    return this.#parts.pool.run(urgency, job);
  }
}
