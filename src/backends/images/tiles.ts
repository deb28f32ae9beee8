import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { DecodedImage, Folded, FoldJob, PackedTile } from '../../ports/painters.ts';
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

export function loadRaster(width: number, height: number, tiles: readonly PackedTile[]): Raster {
  const raster = new Raster(width, height);
  for (const [index, bytes] of tiles) raster.load(index, unpackTile(bytes));
  return raster;
}

export function fold({ width, height, tiles, ops, stamps }: FoldJob): Folded {
  const raster = loadRaster(width, height, tiles);
  const images = new Map<string, StampImage>();
  for (const [hash, image] of stamps) images.set(hash, { ...image, pixels: toPixels(image.rgba) });
  draw(raster, ops as readonly DrawOp[], (hash) => images.get(hash));
  const changed = raster.takeDirty().map((index) => {
    const tile = raster.tile(index);
    return [index, tile && packTile(tile)] as const;
  });
  return { changed };
}

/** Tiles that have pixels. */
export function packRaster({ width, height, rgba }: DecodedImage): PackedTile[] {
  const pixels = toPixels(rgba);
  const columns = Math.ceil(width / TILE_SIDE);
  const packed: PackedTile[] = [];
  for (let top = 0; top < height; top += TILE_SIDE) {
    for (let left = 0; left < width; left += TILE_SIDE) {
      const tile = new Uint32Array(TILE_SIDE * TILE_SIDE);
      const right = Math.min(left + TILE_SIDE, width);
      for (let y = top; y < Math.min(top + TILE_SIDE, height); y++)
        tile.set(pixels.subarray(y * width + left, y * width + right), (y - top) * TILE_SIDE);
      if (tile.some((pixel) => pixel !== 0))
        packed.push([(top / TILE_SIDE) * columns + left / TILE_SIDE, packTile(tile)]);
    }
  }
  return packed;
}
