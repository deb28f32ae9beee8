import { PICTURES_PREFIX } from '../../model/keys.ts';
import { decodePointer } from '../../model/raster-record.ts';
import type { BlobName, Blobs, ListedBlob } from '../../ports/blobs.ts';
import { isFailure } from '../../ports/failure.ts';
import type { Deps } from '../context.ts';
import { lifeOf, pictureOf, pointerOf } from './picture-files.ts';
import { type KeepRule, surplusOf } from './surplus.ts';

/** Blobs of one look; the next one goes on. */
const PAGE = 500;
/** Blobs that one look deletes, one after the other. */
const MAX_DELETES = 200;

type Parts = { readonly deps: Pick<Deps, 'clock' | 'metrics'>; readonly blobs: Blobs; readonly rule: KeepRule };

/**
 * Goes round all stored pictures and deletes versions that need not be kept. Only ones below that of the pointer, which is read before: as it only moves up, none that
 * it names, now or later, is ever deleted. Several instances that do this at once delete the same.
 */
export class PictureThinner {
  readonly #parts: Parts;
  #after: BlobName = '';

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One page. The next look begins where this one ended, also where it failed. */
  async thin(): Promise<void> {
    const found = await this.#parts.blobs.list(PICTURES_PREFIX, this.#after, PAGE);
    const lives = Map.groupBy(found, ({ name }) => lifeOf(name));
    let left = MAX_DELETES;
    for (const [life, blobs] of lives) {
      const surplus = await this.#surplus(life, blobs);
      for (const blob of surplus.slice(0, left)) await this.#delete(blob);
      left -= surplus.length;
      if (left <= 0) break; // the next look comes to the rest of this life
      this.#after = blobs.at(-1)?.name ?? '';
    }
    if (left > 0 && found.length < PAGE) this.#after = '';
  }

  async #surplus(life: string, blobs: readonly ListedBlob[]): Promise<ListedBlob[]> {
    const { deps, blobs: all, rule } = this.#parts;
    const versions = blobs.filter(({ name }) => pictureOf(name) !== undefined);
    const surplus = surplusOf(versions, deps.clock.now(), rule);
    if (surplus.length === 0) return [];
    const pointer = await all.get(pointerOf(life));
    const newest = pointer ? decodePointer(pointer.bytes).version : 0;
    return surplus.filter(({ name }) => (pictureOf(name)?.version ?? newest) < newest);
  }

  async #delete({ name, generation }: ListedBlob): Promise<void> {
    try {
      await this.#parts.blobs.delete(name, { ifGeneration: generation });
      this.#parts.deps.metrics.count('pictures_thinned');
    } catch (error) {
      if (!isFailure(error, 'preconditionFailed')) throw error; // it was written anew
    }
  }
}
