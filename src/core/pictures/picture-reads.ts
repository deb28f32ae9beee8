import { must } from '../../base/assert.ts';
import type { StoredPicture } from '../../model/raster-record.ts';
import type { ItemId, SpaceId } from '../../protocol/ids.ts';
import type { PictureAnswers, PictureFile } from '../engine-types.ts';
import type { SpaceState } from '../space-state.ts';
import { troubleOf, troubleProblem } from '../trouble.ts';
import type { Pictures } from './pictures.ts';

export type ReadsParts = {
  readonly pictures: Pictures | undefined;
  readonly space: (id: SpaceId) => SpaceState;
  /** Throws where nothing new is taken any more. */
  readonly admit: () => void;
};

/** Pictures as callers from outside ask for them. */
export class PictureReads implements PictureAnswers {
  readonly #parts: ReadsParts;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
  }

  file(space: SpaceId, item: ItemId, version?: number): Promise<PictureFile | undefined> {
    return this.#ask((pictures) => pictures.file(this.#parts.space(space), item, version));
  }

  stored(space: SpaceId, item: ItemId, after: number): Promise<readonly StoredPicture[]> {
    return this.#ask((pictures) => pictures.stored(this.#parts.space(space), item, after));
  }

  async #ask<T>(ask: (pictures: Pictures) => Promise<T>): Promise<T> {
    this.#parts.admit();
    try {
      return await ask(must(this.#parts.pictures, 'this engine was given what drawing takes'));
    } catch (error) {
      const trouble = troubleOf(error);
      throw trouble ? troubleProblem(trouble, error) : error;
    }
  }
}
