import type { Color, DrawOp, Point } from './ops.ts';
import type { Pixel, Raster } from './raster.ts';

/** An image that was decoded; pixels row by row. */
export type StampImage = { readonly width: number; readonly height: number; readonly pixels: Uint32Array };

/** The image of a resource; `undefined`: it cannot be had any more, or is none, and nothing is drawn. */
export type StampSource = (hash: string) => StampImage | undefined;

const NO_STAMPS: StampSource = () => undefined;

/**
 * Carries out operations, in their order. Integers alone, hence the same pixels on every machine; each operation depends on nothing but the pixels before it, hence
 * the same picture however the operations are cut into batches.
 */
export function draw(raster: Raster, ops: Iterable<DrawOp>, stamps: StampSource = NO_STAMPS): void {
  for (const op of ops) drawOne(raster, op, stamps);
}

function drawOne(raster: Raster, op: DrawOp, stamps: StampSource): void {
  if ('stroke' in op) stroke(raster, op.stroke.points, op.stroke.width, toPixel(op.stroke.color));
  else if ('pixels' in op) for (const { x, y, c } of op.pixels) raster.set(x, y, toPixel(c));
  else if ('fill' in op) floodFill(raster, op.fill.x, op.fill.y, toPixel(op.fill.color));
  else if ('clear' in op) raster.clear();
  else {
    const image = stamps(op.stamp.hash);
    if (image !== undefined) stamp(raster, op.stamp.x, op.stamp.y, image);
  }
}

export function toPixel(color: Color): Pixel {
  const value = Number.parseInt(color.slice(1), 16);
  const rgba = color.length === 7 ? value * 256 + 255 : value;
  const swapped = (rgba << 24) | ((rgba & 0xff00) << 8) | ((rgba >>> 8) & 0xff00) | (rgba >>> 24);
  return swapped >>> 0;
}

/** For each row of a pen, how far it reaches to the left and to the right of its middle. */
type Pen = { readonly top: number; readonly left: Int32Array; readonly right: Int32Array };
const pens: (Pen | undefined)[] = [];

/**
 * A disc of `width` pixels across: those whose middle is not farther from its own than half the width. The middle of an even one lies at the corner of a pixel, half a pixel to
 * the right of and below the point; hence twice the distances are compared, which are whole numbers.
 */
function penOf(width: number): Pen {
  let pen = pens[width];
  if (pen !== undefined) return pen;
  const even = width % 2 === 0 ? 1 : 0;
  const top = -((width - 1) >> 1);
  const left = new Int32Array(width);
  const right = new Int32Array(width);
  for (let row = 0; row < width; row++) {
    const dy = 2 * (top + row) - even;
    let reach = even;
    while ((2 * (reach + 1) - even) ** 2 + dy * dy <= width * width) reach++;
    right[row] = reach;
    left[row] = reach - even;
  }
  pen = { top, left, right };
  pens[width] = pen;
  return pen;
}

function stroke(raster: Raster, points: readonly Point[], width: number, pixel: Pixel): void {
  const pen = penOf(width);
  let last = points[0];
  for (const point of points.length === 1 ? points : points.slice(1)) {
    if (last !== undefined) segment(raster, last, point, pen, pixel);
    last = point;
  }
}

/** Ends of the rows of one segment; grown where a segment needs more. */
let lows = new Int32Array(0);
let highs = new Int32Array(0);

/**
 * The discs around all points of Bresenham's line. In a row they always join without a gap, as each holds its own middle column and columns move by one at most; so a
 * row is known by its two ends. Points whose discs lie outside of the picture are passed over.
 */
function segment(raster: Raster, [fromX, fromY]: Point, [toX, toY]: Point, pen: Pen, pixel: Pixel): void {
  const width = pen.left.length;
  const base = Math.min(fromY, toY) + pen.top;
  const rows = Math.abs(toY - fromY) + width;
  if (lows.length < rows) {
    lows = new Int32Array(2 * rows);
    highs = new Int32Array(2 * rows);
  }
  lows.fill(NOTHING, 0, rows);
  highs.fill(-NOTHING, 0, rows);
  const dx = Math.abs(toX - fromX);
  const dy = -Math.abs(toY - fromY);
  const stepX = fromX < toX ? 1 : -1;
  const stepY = fromY < toY ? 1 : -1;
  const [endX, endY] = [raster.width + width, raster.height + width];
  let error = dx + dy;
  for (let x = fromX, y = fromY; ; ) {
    if (x >= -width && y >= -width && x <= endX && y <= endY) widen(x, y + pen.top - base, pen);
    if (x === toX && y === toY) break;
    const twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x += stepX;
    }
    if (twice <= dx) {
      error += dx;
      y += stepY;
    }
  }
  for (let row = 0; row < rows; row++) raster.span(base + row, lows[row] as number, highs[row] as number, pixel);
}

const NOTHING = 0x7fffffff;

function widen(x: number, start: number, { left, right }: Pen): void {
  for (let row = 0; row < left.length; row++) {
    const at = start + row;
    const low = x - (left[row] as number);
    const high = x + (right[row] as number);
    if (low < (lows[at] as number)) lows[at] = low;
    if (high > (highs[at] as number)) highs[at] = high;
  }
}

/** Row by row: each run of the old colour is filled whole, then the runs above and below that touch it are looked for. */
function floodFill(raster: Raster, x: number, y: number, pixel: Pixel): void {
  if (x < 0 || y < 0 || x >= raster.width || y >= raster.height) return;
  const old = raster.get(x, y);
  if (old === pixel) return;
  const open = [x, y];
  while (open.length > 0) {
    const row = open.pop() as number;
    const at = open.pop() as number;
    if (raster.get(at, row) !== old) continue;
    let from = at;
    while (from > 0 && raster.get(from - 1, row) === old) from--;
    let to = at;
    while (to < raster.width - 1 && raster.get(to + 1, row) === old) to++;
    raster.span(row, from, to, pixel);
    if (row > 0) openRuns(raster, from, to, row - 1, old, open);
    if (row < raster.height - 1) openRuns(raster, from, to, row + 1, old, open);
  }
}

function openRuns(raster: Raster, from: number, to: number, y: number, old: Pixel, open: number[]): void {
  let within = false;
  for (let x = from; x <= to; x++) {
    const same = raster.get(x, y) === old;
    if (same && !within) open.push(x, y);
    within = same;
  }
}

function stamp(raster: Raster, left: number, top: number, { width, height, pixels }: StampImage): void {
  const [firstX, firstY] = [Math.max(0, -left), Math.max(0, -top)];
  const [endX, endY] = [Math.min(width, raster.width - left), Math.min(height, raster.height - top)];
  for (let y = firstY; y < endY; y++) {
    for (let x = firstX; x < endX; x++) {
      const source = pixels[y * width + x] as number;
      const alpha = source >>> 24;
      if (alpha === 255) raster.set(left + x, top + y, source);
      else if (alpha > 0) raster.set(left + x, top + y, over(source, raster.get(left + x, top + y)));
    }
  }
}

/** Source over destination, each division rounded half up; no step is larger than 255 * 255 * 2. */
export function over(source: Pixel, under: Pixel): Pixel {
  const alpha = source >>> 24;
  const rest = roundedDivision((under >>> 24) * (255 - alpha), 255);
  const all = alpha + rest;
  if (all === 0) return 0;
  const channel = (shift: number): number =>
    roundedDivision(((source >>> shift) & 255) * alpha + ((under >>> shift) & 255) * rest, all);
  return (channel(0) | (channel(8) << 8) | (channel(16) << 16) | (all << 24)) >>> 0;
}

function roundedDivision(value: number, by: number): number {
  return Math.floor((2 * value + by) / (2 * by));
}
