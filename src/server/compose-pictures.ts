import { availableParallelism } from 'node:os';
import { createThreadPainter } from '../backends/images/thread-painter.ts';
import { PaintPool } from '../core/pictures/paint-pool.ts';
import type { PictureFiles } from '../core/pictures/picture-files.ts';
import type { Painting } from '../core/pictures/pictures.ts';
import type { Resources } from '../core/resources/resources.ts';
import type { SpaceContents } from '../core/spaces/settings.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { ImageType } from '../ports/images.ts';
import type { DecodedImage } from '../ports/painters.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { MAX_RESOURCE_BYTES, MAX_STAMP_PIXELS } from '../protocol/limits.ts';
import { parseResourceHash } from '../protocol/resources.ts';

const MAX_PAINTERS = 4;
const MAX_WAITING = 1_000;

type Parts = { readonly blobs: Blobs; readonly resources: Resources; readonly clock: Clock };

/** Threads that draw, which are started when they are needed, and images from the resources of the same space. */
export function composePainting({ blobs, resources, clock }: Parts): {
  readonly painting: Painting;
  readonly close: () => Promise<void>;
} {
  const painters = Math.max(1, Math.min(MAX_PAINTERS, availableParallelism() - 1));
  const pool = new PaintPool({ clock, hire: createThreadPainter, painters, maxWaiting: MAX_WAITING });
  const stamp = async (space: string, name: string): Promise<DecodedImage | undefined> => {
    const hash = parseResourceHash(name);
    const found = hash && (await resources.find(space as SpaceId, hash));
    if (!hash || !found?.width || !found.height || found.size > MAX_RESOURCE_BYTES) return undefined;
    if (found.width * found.height > MAX_STAMP_PIXELS) return undefined;
    const bytes = await resources.read(space as SpaceId, hash, { start: 0, end: found.size - 1 });
    if (!bytes) return undefined;
    return pool.run('fold', { task: 'decode', type: found.type as ImageType, bytes });
  };
  return { painting: { pool, stamp, blobs }, close: () => pool.close() };
}

/** What a space holds besides its items: resources and stored pictures. */
export class Contents implements SpaceContents {
  readonly #resources: SpaceContents;
  readonly #pictures: PictureFiles;
  readonly #clock: Clock;

  constructor(resources: SpaceContents, pictures: PictureFiles, clock: Clock) {
    this.#resources = resources;
    this.#pictures = pictures;
    this.#clock = clock;
  }

  async clear(space: string, until: number): Promise<boolean> {
    if (!(await this.#resources.clear(space, until))) return false;
    return this.#pictures.clear(space, () => this.#clock.monotonic() < until);
  }
}
