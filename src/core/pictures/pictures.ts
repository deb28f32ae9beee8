import type { Json } from '../../base/json.ts';
import { picture } from '../../kinds/picture.ts';
import type { Head } from '../../model/head.ts';
import type { Life } from '../../model/keys.ts';
import type { StoredPicture } from '../../model/raster-record.ts';
import type { Blobs } from '../../ports/blobs.ts';
import type { CHANGED, Deps } from '../context.ts';
import type { PictureFile } from '../engine-types.ts';
import type { OpsReader } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import type { FoldParts } from './fold-picture.ts';
import { Folding } from './folding.ts';
import type { PaintPool } from './paint-pool.ts';
import { PictureEncoder } from './picture-encoder.ts';
import { PictureFiles } from './picture-files.ts';
import { PictureKeeper } from './picture-keeper.ts';
import { PictureThinner } from './picture-thinner.ts';
import { PictureViews } from './picture-views.ts';
import { Rasters } from './rasters.ts';

/** What drawing takes: threads, images, and where pictures are stored. */
export type Painting = Pick<FoldParts, 'stamp'> & {
  readonly pool: Pick<PaintPool, 'run' | 'prepare'>;
  readonly blobs: Blobs;
};

const KIND = picture as { readonly name: string; readonly ops: (delta: Json) => readonly Json[] };

/** Drawing and storing pictures, away from the requests that change them. */
export class Pictures {
  readonly #keeper: PictureKeeper;
  readonly #views: PictureViews;
  readonly #files: PictureFiles;
  readonly #thinner: PictureThinner;

  constructor(deps: Deps, reader: Pick<OpsReader, 'read' | 'headOf'>, { pool, stamp, blobs }: Painting) {
    const fold = { cache: deps.cache, random: deps.random, pool, stamp };
    const [rasters, files] = [new Rasters(deps.cache), new PictureFiles(blobs)];
    const folding = new Folding({ fold, rasters, files, reader });
    const encoder = new PictureEncoder(folding, rasters, fold);
    this.#files = files;
    const { pictureAllMs: allMs, pictureHourlyMs: hourlyMs } = deps.config;
    this.#thinner = new PictureThinner({ deps, blobs, rule: { allMs, hourlyMs } });
    this.#keeper = new PictureKeeper({ deps, reader, rasters, files, folding, encoder });
    this.#views = new PictureViews({ reader, rasters, files, encoder, pool });
  }

  isPicture(head: Head): boolean {
    return head.kind === KIND.name && !head.dead;
  }

  /** After the head was replaced. */
  written(space: SpaceState, item: string, head: Head, deltas: readonly { readonly op: Json }[]): void {
    if (deltas.length === 0 || !this.isPicture(head)) return;
    const ops = deltas.flatMap(({ op }) => KIND.ops(op));
    this.#keeper.written(space, item, head, ops);
  }

  /** Before it is. Throws `RetryLater` where folding lags too far behind. */
  admit(space: SpaceState, item: string, head: Head, deltas: readonly unknown[]): void {
    if (deltas.length > 0 && this.isPicture(head)) this.#keeper.admit(space, item);
  }

  tick(): void {
    this.#keeper.tick();
  }

  storeAll(until: number): Promise<void> {
    return this.#keeper.storeAll(until);
  }

  tidy(space: SpaceState, isStillEmpty: () => Promise<boolean>): Promise<void> {
    return this.#keeper.tidy(space, isStillEmpty);
  }

  /** Some of the stored pictures that need not be kept any more go. */
  get sweeps() {
    return [{ run: () => this.#thinner.thin(), failed: 'stored pictures could not be thinned out' }];
  }

  async endLife(life: Life): Promise<void> {
    await this.#files.removeLife(life);
  }

  complete(space: SpaceState, item: string, head: Head, value: Json): Promise<Json | typeof CHANGED> {
    return this.#views.complete(space, item, head, value);
  }

  file(space: SpaceState, item: string, version: number | undefined): Promise<PictureFile | undefined> {
    return this.#views.file(space, item, version);
  }

  stored(space: SpaceState, item: string, after: number): Promise<readonly StoredPicture[]> {
    return this.#views.stored(space, item, after);
  }
}
