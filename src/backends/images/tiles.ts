import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Folded, FoldJob } from '../../ports/painters.ts';
import { draw, type StampImage } from '../../raster/draw.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { Raster, TILE_SIDE, type Tile, toBytes, toPixels } from '../../raster/raster.ts';

const TILE_BYTES = TILE_SIDE * TILE_SIDE * 4;

/** Quickly rather than small: tiles are written again and again. Noise takes a little more than the 256 KiB that a tile has. */
export function packTile(tile: Tile): Uint8Array {
  return deflateRawSync(toBytes(tile), { level: constants.Z_BEST_SPEED });
}

/** Throws on what is no tile. */
export function unpackTile(bytes: Uint8Array): Tile {
  const raw = inflateRawSync(bytes, { maxOutputLength: TILE_BYTES });
  if (raw.length !== TILE_BYTES) throw new Error(`a tile of ${raw.length} bytes`);
  return toPixels(raw);
}

export function loadRaster({ width, height, tiles }: Pick<FoldJob, 'width' | 'height' | 'tiles'>): Raster {
  const raster = new Raster(width, height);
  for (const [index, bytes] of tiles) raster.load(index, unpackTile(bytes));
  return raster;
}

/** Draws on a raster. A picture that was written has no tiles yet: then all that have pixels are given back. */
export function fold({ ops, stamps, png }: FoldJob, raster: Raster): Folded {
  const images = new Map<string, StampImage>();
  for (const [hash, image] of stamps) images.set(hash, { ...image, pixels: toPixels(image.rgba) });
  draw(raster, ops as readonly DrawOp[], (hash) => images.get(hash));
  const dirty = raster.takeDirty();
  const indexes = png
    ? Array.from({ length: raster.tileCount }, (_, index) => index).filter((index) => raster.tile(index))
    : dirty;
  const changed = indexes.map((index) => {
    const tile = raster.tile(index);
    return [index, tile && packTile(tile)] as const;
  });
  return { changed };
}
