import type { Color, DrawOp } from '../../raster/ops.ts';
import { type Pixel, type Raster, TILE_SIDE } from '../../raster/raster.ts';
import type { TileChange } from './layers.ts';

/** Runs of pixels that are put back at most: beyond that it is another picture. */
const MAX_RUNS = 4_000;

/**
 * The operations that put back what was there before: pixel by pixel, the newest change first, and only where nobody has drawn since. `undefined`: they would be
 * too many.
 */
export function undoOf(raster: Raster, changes: readonly (readonly TileChange[])[]): readonly DrawOp[] | undefined {
  const wanted = new Map<number, Uint32Array>();
  for (const { index, before, after } of changes.toReversed().flat()) {
    const tile = wanted.get(index) ?? raster.tile(index)?.slice() ?? new Uint32Array(TILE_SIDE * TILE_SIDE);
    wanted.set(index, tile);
    for (let at = 0; at < tile.length; at++) {
      const [was, became] = [before?.[at] ?? 0, after?.[at] ?? 0];
      if (was !== became && tile[at] === became) tile[at] = was;
    }
  }
  const ops: DrawOp[] = [];
  for (const [index, tile] of [...wanted].sort(([a], [b]) => a - b)) {
    for (let row = 0; row < TILE_SIDE; row++) addRuns(ops, raster, index, tile, row);
    if (ops.length > MAX_RUNS) return undefined;
  }
  return ops;
}

function addRuns(ops: DrawOp[], raster: Raster, index: number, tile: Uint32Array, row: number): void {
  const left = (index % raster.columns) * TILE_SIDE;
  const y = Math.floor(index / raster.columns) * TILE_SIDE + row;
  const line = row * TILE_SIDE;
  if (y >= raster.height) return;
  const isOther = (x: number): boolean => left + x < raster.width && raster.get(left + x, y) !== tile[line + x];
  for (let x = 0; x < TILE_SIDE; x++) {
    if (!isOther(x)) continue;
    const from = x;
    const pixel = tile[line + x] ?? 0;
    while (x + 1 < TILE_SIDE && tile[line + x + 1] === pixel && isOther(x + 1)) x++;
    const points = [
      [left + from, y],
      [left + x, y],
    ] as const;
    ops.push({ stroke: { color: colorOf(pixel), width: 1, points } });
  }
}

export function colorOf(pixel: Pixel): Color {
  const bytes = [pixel & 255, (pixel >>> 8) & 255, (pixel >>> 16) & 255, pixel >>> 24];
  return `#${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
