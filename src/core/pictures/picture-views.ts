import { LRUCache } from 'lru-cache';
import type { Json } from '../../base/json.ts';
import { picture } from '../../kinds/picture.ts';
import type { Head } from '../../model/head.ts';
import type { RasterRecord, StoredPicture } from '../../model/raster-record.ts';
import { isFailure } from '../../ports/failure.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { MAX_PICTURES_PER_ANSWER, MAX_VALUE_OPS, MAX_VALUE_OPS_BYTES } from '../../protocol/limits.ts';
import { CHANGED } from '../context.ts';
import type { PictureFile } from '../engine-types.ts';
import { lineageOf, replacedFrom } from '../history/read-ops.ts';
import type { SpaceState } from '../space-state.ts';
import type { FoldingParts } from './folding.ts';
import type { PaintPool } from './paint-pool.ts';
import type { Encoded, PictureEncoder } from './picture-encoder.ts';

export type ViewParts = Pick<FoldingParts, 'reader' | 'files' | 'rasters'> & {
  readonly encoder: PictureEncoder;
  readonly pool: Pick<PaintPool, 'prepare'>;
};

/** PNG files that were made a moment ago, for who asks for the same. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;

/** What clients see of pictures besides their operations. */
export class PictureViews {
  readonly #parts: ViewParts;
  readonly #made = new LRUCache<string, Encoded>({ maxSize: MAX_KEPT_BYTES });
  readonly #making = new Map<string, Promise<Encoded>>();

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /**
   * Completes the value of a picture: how far it is drawn or stored, where its pixels are, and the operations after that, if they are few. Nothing is drawn for
   * it. `CHANGED`: the head is older than the raster; read it again.
   */
  async complete(space: SpaceState, item: string, head: Head, value: Json): Promise<Json | typeof CHANGED> {
    this.#parts.pool.prepare(); // whoever sees the value asks for the pixels next
    const drawn = await this.#drawn(space, item, head);
    if (drawn === CHANGED) return CHANGED;
    const [index, version] = drawn ? [drawn.index, drawn.version] : [0, 0];
    const url = `/v1/spaces/${space.id}/items/${item}/picture.png`;
    const lineage = lineageOf(head);
    const known = { ...(value as object), lineage, rasterVersion: version, rasterIndex: index, url };
    if (head.index - index > MAX_VALUE_OPS) return known;
    const query = { index: index + 1, limit: MAX_VALUE_OPS, wait: 0, lineage };
    const { answer } = await this.#parts.reader.read(space, item, query);
    if (answer.lineage !== lineage || answer.replaced !== undefined) return CHANGED;
    const ops = answer.ops.filter((op) => op.version <= head.v);
    if (ops.length !== head.index - index) return known;
    return JSON.stringify(ops).length > MAX_VALUE_OPS_BYTES ? known : ({ ...known, ops } as Json);
  }

  async #drawn(space: SpaceState, item: string, head: Head): Promise<StoredPicture | undefined | typeof CHANGED> {
    const { rasters, files } = this.#parts;
    const held = await rasters.read(space.id, item);
    const isOf = ({ lineage, index }: StoredPicture) => {
      const replaced = replacedFrom(head, lineage);
      return replaced === undefined || replaced > index;
    };
    if (held && isOf(held.raster)) return held.raster.index > head.index ? CHANGED : held.raster;
    const newest = await files.newest({ space: space.id, item, born: head.born }).catch((error: unknown) => {
      if (!isFailure(error, 'blobsUnavailable')) throw error; // polls go on without the blobs
      return undefined;
    });
    return newest && isOf(newest) && newest.index <= head.index ? newest : undefined;
  }

  /** The picture with all that is accepted; or, of a version, as it is stored. `undefined`: it is not. */
  async file(space: SpaceState, item: string, version: number | undefined): Promise<PictureFile | undefined> {
    const head = await this.#picture(space, item);
    if (version !== undefined) {
      const life = { space: space.id, item, born: head.born };
      const stored = await this.#parts.files.at(life, version);
      const png = stored && (await this.#parts.files.read(life, stored));
      return png && { ...stored, png };
    }
    this.#parts.pool.prepare();
    const { raster, png } = await this.#now(space, item, head);
    return { version: raster.version, index: raster.index, lineage: raster.lineage, png };
  }

  /** All who ask while one is being made for the same operations get that. */
  #now(space: SpaceState, item: string, head: Head): Promise<Encoded> {
    const key = nameOf(space, item, { lineage: lineageOf(head), index: head.index });
    const made = this.#made.get(key);
    if (made) return Promise.resolve(made);
    let making = this.#making.get(key);
    if (!making) {
      const known = (raster: RasterRecord) => {
        const one = this.#made.get(nameOf(space, item, raster));
        return one && Promise.resolve(one.png);
      };
      making = this.#parts.encoder
        .encode(space, item, 'broadcast', known)
        .then((encoded) => {
          this.#made.set(nameOf(space, item, encoded.raster), encoded, { size: encoded.png.length + 1_000 });
          return encoded;
        })
        .finally(() => this.#making.delete(key));
      this.#making.set(key, making);
    }
    return making;
  }

  /** Stored pictures after a version, oldest first. */
  async stored(space: SpaceState, item: string, after: number): Promise<readonly StoredPicture[]> {
    const { born } = await this.#picture(space, item);
    return this.#parts.files.list({ space: space.id, item, born }, after, MAX_PICTURES_PER_ANSWER);
  }

  async #picture(space: SpaceState, item: string): Promise<Head> {
    const head = await this.#parts.reader.headOf(space, item);
    if (head.dead) throw new ProblemError('notFound', `there is no item ${item}`);
    if (head.kind !== picture.name) throw new ProblemError('kindMismatch', `${item} is a ${head.kind}`);
    return head;
  }
}

/** Of these operations there is one picture. */
function nameOf(
  { id }: SpaceState,
  item: string,
  { lineage, index }: Pick<StoredPicture, 'lineage' | 'index'>,
): string {
  return `${id}/${item}/${lineage}/${index}`;
}
