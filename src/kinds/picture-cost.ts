import type { DrawOp, Point } from '../raster/ops.ts';

/*
 * What it takes to draw operations, before anything is drawn: never less than it will be. One unit is what a pixel of the widest pen takes, some 2 ns.
 */

type Size = { readonly width: number; readonly height: number };

/** A step of a line, whatever the width of the pen. */
const STEP = 3;
const PIXEL = 5;
const FILLED_PIXEL = 6;
const BLENDED_PIXEL = 20;
/** Reading an image and decoding it. */
const IMAGE = 100_000_000;

export function costOf(size: Size, ops: readonly DrawOp[]): number {
  return ops.reduce((sum, op) => sum + costOfOne(size, op), 0);
}

function costOfOne({ width, height }: Size, op: DrawOp): number {
  if ('stroke' in op) return steps(op.stroke.points) * (op.stroke.width + STEP);
  if ('pixels' in op) return op.pixels.length * PIXEL;
  if ('fill' in op) return width * height * FILLED_PIXEL;
  if ('stamp' in op) return width * height * BLENDED_PIXEL + IMAGE;
  return 1;
}

function steps(points: readonly Point[]): number {
  let sum = 1;
  let last = points[0];
  for (const point of points) {
    if (last !== undefined) sum += Math.max(Math.abs(point[0] - last[0]), Math.abs(point[1] - last[1])) + 1;
    last = point;
  }
  return sum;
}
