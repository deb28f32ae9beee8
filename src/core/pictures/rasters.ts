import { rasterKey } from '../../model/keys.ts';
import { decodeRaster, encodeRaster, type RasterRecord } from '../../model/raster-record.ts';
import { FormatError } from '../../model/record.ts';
import type { Cache, CasToken } from '../../ports/cache.ts';
import { dropTiles, unneeded } from './fold-picture.ts';

/** A raster as it was read. */
export type HeldRaster = { readonly raster: RasterRecord; readonly token: CasToken };

/** The raster records of pictures: each replaced by `cas`, never behind what stands. */
export class Rasters {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  async read(space: string, item: string): Promise<HeldRaster | undefined> {
    const [entry] = await this.#cache.get([rasterKey(space, item)]);
    if (!entry) return undefined;
    try {
      return { raster: decodeRaster(entry.value), token: entry.token };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      await this.#cache.delete(rasterKey(space, item), entry.token);
      return undefined;
    }
  }

  /** Puts a raster in the place of the one that it was made from. `undefined`: another came first, and the tiles written for this one are gone. */
  async replace(
    space: string,
    item: string,
    before: HeldRaster | undefined,
    raster: RasterRecord,
    old: readonly string[],
  ): Promise<HeldRaster | undefined> {
    const key = rasterKey(space, item);
    const bytes = encodeRaster(raster);
    const token = before
      ? await this.#cache.cas(key, bytes, before.token).then((cas) => (cas.status === 'stored' ? cas.token : undefined))
      : await this.#cache.add(key, bytes);
    const gone = token ? old : unneeded(raster, before?.raster ?? { ...raster, tiles: {} });
    await dropTiles({ cache: this.#cache }, space, gone);
    return token && { raster, token };
  }

  /** Exactly this one, with its tiles. `false`: it is another meanwhile. */
  async drop(space: string, item: string, { raster, token }: HeldRaster): Promise<boolean> {
    if (!(await this.#cache.delete(rasterKey(space, item), token))) return false;
    await dropTiles({ cache: this.#cache }, space, Object.values(raster.tiles));
    return true;
  }
}
