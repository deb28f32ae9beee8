import { draw } from '../../raster/draw.ts';
import type { DrawOp } from '../../raster/ops.ts';
import { Raster, TILE_SIDE, type Tile, toBytes } from '../../raster/raster.ts';

/** A tile that an operation changed. */
export type TileChange = {
  readonly index: number;
  readonly before: Tile | undefined;
  readonly after: Tile | undefined;
};

/**
 * What everybody has, and over it what was drawn here and has not come back yet. What comes in its order is drawn into the first; then the second is made anew where either of them
 * changed.
 */
export class Layers {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #shared = new Raster(1, 1);
  #shown = new Raster(1, 1);
  /** Tiles of what is shown that are not those that everybody has. */
  #own = new Set<number>();

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('the canvas has no context');
    this.#canvas = canvas;
    this.#context = context;
  }

  get size(): { readonly width: number; readonly height: number } {
    return { width: this.#shared.width, height: this.#shared.height };
  }

  /** The pixels that everybody has. */
  get shared(): Raster {
    return this.#shared;
  }

  /** All of it anew. */
  show(raster: Raster, own: readonly DrawOp[]): void {
    const { width, height } = raster;
    this.#shared = raster;
    this.#shown = new Raster(width, height);
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#own = new Set(Array.from({ length: raster.tileCount }, (_, index) => index));
    this.renew(own);
  }

  /** An operation that everybody has now. Returns what it changed, where that is asked for. */
  take(op: DrawOp, watch: boolean): readonly TileChange[] {
    const shared = this.#shared;
    const others = shared.takeDirty();
    for (const index of others) this.#own.add(index);
    const near = watch ? tilesNear(op, shared) : [];
    const before = new Map(near.map((index) => [index, shared.tile(index)?.slice()]));
    draw(shared, [op]);
    const dirty = shared.takeDirty();
    for (const index of dirty) this.#own.add(index);
    if (!watch) return [];
    return dirty.map((index) => ({ index, before: before.get(index), after: shared.tile(index)?.slice() }));
  }

  /** What everybody has, with these operations over it. */
  renew(own: readonly DrawOp[]): void {
    const stale = this.#own;
    for (const index of stale) this.#shown.load(index, this.#shared.tile(index)?.slice());
    draw(this.#shown, own);
    this.#own = new Set(this.#shown.takeDirty());
    this.#paint(new Set([...stale, ...this.#own]));
  }

  /** One more operation over it. */
  add(op: DrawOp): void {
    draw(this.#shown, [op]);
    const dirty = this.#shown.takeDirty();
    for (const index of dirty) this.#own.add(index);
    this.#paint(dirty);
  }

  #paint(indexes: Iterable<number>): void {
    const { columns } = this.#shown;
    for (const index of indexes) {
      const [x, y] = [(index % columns) * TILE_SIDE, Math.floor(index / columns) * TILE_SIDE];
      const tile = this.#shown.tile(index);
      if (tile === undefined) this.#context.clearRect(x, y, TILE_SIDE, TILE_SIDE);
      else this.#context.putImageData(imageOf(tile), x, y);
    }
  }
}

/** Tiles that it may change. */
function tilesNear(op: DrawOp, { columns, tileCount }: Raster): number[] {
  const all = Array.from({ length: tileCount }, (_, index) => index);
  if (!('stroke' in op)) return all;
  const { points, width } = op.stroke;
  const bounds = (axis: 0 | 1): readonly [number, number] => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values) - width, Math.max(...values) + width];
  };
  const [[left, right], [top, bottom]] = [bounds(0), bounds(1)];
  return all.filter((index) => {
    const [x, y] = [(index % columns) * TILE_SIDE, Math.floor(index / columns) * TILE_SIDE];
    return x <= right && x + TILE_SIDE > left && y <= bottom && y + TILE_SIDE > top;
  });
}

function imageOf(tile: Tile): ImageData {
  const pixels = new Uint8ClampedArray(toBytes(tile));
  return new ImageData(pixels, TILE_SIDE, TILE_SIDE);
}
