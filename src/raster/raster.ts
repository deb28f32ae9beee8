/**
 * Names how operations become pixels. Pictures keep it: another way of drawing would make other pictures of the same operations, and needs another name.
 */
export const ALGO = 'longshore-raster-1';

export const TILE_SIDE = 256;
const SHIFT = 8;
const MASK = TILE_SIDE - 1;
const TILE_PIXELS = TILE_SIDE * TILE_SIDE;

/** A pixel: R + 256 G + 65,536 B + 16,777,216 A, colours not multiplied by alpha; in memory R, G, B, A where the machine is little-endian. */
export type Pixel = number;

/** Where the pixels of a tile are; absent: all of them are 0, transparent. */
export type Tile = Uint32Array;

/** A picture in tiles of 256 by 256, row by row. Tiles at the right and at the bottom reach beyond it; nothing is ever drawn there. */
export class Raster {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
  readonly #tiles: (Tile | undefined)[];
  /** Tiles that were written to, or went, since the last `takeDirty`. */
  #dirty = new Set<number>();

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.columns = Math.ceil(width / TILE_SIDE);
    this.rows = Math.ceil(height / TILE_SIDE);
    this.#tiles = new Array(this.columns * this.rows).fill(undefined);
  }

  /** From R, G, B, A of all rows. Nothing is dirty for that. */
  static from(width: number, height: number, rgba: Uint8Array): Raster {
    const raster = new Raster(width, height);
    const pixels = toPixels(rgba);
    for (const [index] of raster.#tiles.entries()) {
      const left = (index % raster.columns) << SHIFT;
      const top = Math.floor(index / raster.columns) << SHIFT;
      const right = Math.min(left + TILE_SIDE, width);
      const tile = new Uint32Array(TILE_PIXELS);
      for (let y = top; y < Math.min(top + TILE_SIDE, height); y++)
        tile.set(pixels.subarray(y * width + left, y * width + right), (y - top) << SHIFT);
      if (hasPixels(tile)) raster.#tiles[index] = tile;
    }
    return raster;
  }

  get tileCount(): number {
    return this.#tiles.length;
  }

  tile(index: number): Tile | undefined {
    return this.#tiles[index];
  }

  /** Takes over a tile as it was kept. It is not dirty for that. */
  load(index: number, tile: Tile | undefined): void {
    if (tile !== undefined && tile.length !== TILE_PIXELS) throw new RangeError('a tile has 65,536 pixels');
    this.#tiles[index] = tile;
  }

  takeDirty(): number[] {
    const dirty = [...this.#dirty].sort((a, b) => a - b);
    this.#dirty = new Set();
    return dirty;
  }

  /** 0 outside of the picture. */
  get(x: number, y: number): Pixel {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return 0;
    return this.#tiles[(y >> SHIFT) * this.columns + (x >> SHIFT)]?.[((y & MASK) << SHIFT) | (x & MASK)] ?? 0;
  }

  set(x: number, y: number, pixel: Pixel): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const tile = this.#forWriting((y >> SHIFT) * this.columns + (x >> SHIFT), pixel);
    if (tile !== undefined) tile[((y & MASK) << SHIFT) | (x & MASK)] = pixel;
  }

  /** Sets the pixels `from..to` (both included) of a row, as far as they lie in the picture. */
  span(y: number, from: number, to: number, pixel: Pixel): void {
    if (y < 0 || y >= this.height) return;
    const last = Math.min(to, this.width - 1);
    const line = (y & MASK) << SHIFT;
    const row = (y >> SHIFT) * this.columns;
    for (let x = Math.max(from, 0); x <= last; ) {
      const end = Math.min(last, x | MASK);
      const tile = this.#forWriting(row + (x >> SHIFT), pixel);
      if (tile !== undefined) {
        if (end - x < 8) for (let at = line | (x & MASK); at <= (line | (end & MASK)); at++) tile[at] = pixel;
        else tile.fill(pixel, line | (x & MASK), (line | (end & MASK)) + 1);
      }
      x = end + 1;
    }
  }

  clear(): void {
    for (const [index, tile] of this.#tiles.entries()) if (tile !== undefined) this.#dirty.add(index);
    this.#tiles.fill(undefined);
  }

  /** R, G, B, A of the rows from `top` on, at most `count` of them. */
  bytes(top = 0, count = this.height): Uint8Array {
    const bottom = Math.min(top + count, this.height);
    const pixels = new Uint32Array(this.width * Math.max(0, bottom - top));
    for (let y = top; y < bottom; y++) {
      for (let column = 0; column < this.columns; column++) {
        const tile = this.#tiles[(y >> SHIFT) * this.columns + column];
        if (tile === undefined) continue;
        const x = column << SHIFT;
        const line = (y & MASK) << SHIFT;
        const length = Math.min(TILE_SIDE, this.width - x);
        pixels.set(tile.subarray(line, line + length), (y - top) * this.width + x);
      }
    }
    return toBytes(pixels);
  }

  #forWriting(index: number, pixel: Pixel): Tile | undefined {
    let tile = this.#tiles[index];
    if (tile === undefined) {
      if (pixel === 0) return undefined;
      tile = new Uint32Array(TILE_PIXELS);
      this.#tiles[index] = tile;
    }
    this.#dirty.add(index);
    return tile;
  }
}

function hasPixels(tile: Tile): boolean {
  for (const pixel of tile) if (pixel !== 0) return true;
  return false;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** The same memory as R, G, B, A where the machine allows it. */
export function toBytes(pixels: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  return LITTLE_ENDIAN ? bytes : swapped(bytes);
}

/** The other way; `bytes` has R, G, B, A. */
export function toPixels(bytes: Uint8Array): Uint32Array {
  const copy = LITTLE_ENDIAN ? new Uint8Array(bytes) : swapped(bytes);
  return new Uint32Array(copy.buffer, copy.byteOffset, copy.byteLength / 4);
}

function swapped(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  for (let i = 0; i < copy.length; i += 4) copy.subarray(i, i + 4).reverse();
  return copy;
}
