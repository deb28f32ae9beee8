import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createThreadPainter } from '../src/backends/images/thread-painter.ts';
import { fold, loadRaster } from '../src/backends/images/tiles.ts';
import { PaintPool } from '../src/core/pictures/paint-pool.ts';
import type { PackedTile } from '../src/ports/painters.ts';
import { draw } from '../src/raster/draw.ts';
import type { DrawOp } from '../src/raster/ops.ts';
import { Raster } from '../src/raster/raster.ts';
import { systemClock } from '../src/server/system.ts';
import { strokesIn } from '../test/support/strokes.ts';

/*
 * `node bench/painting.ts [--quick]`: how fast strokes are folded, and what that and writing PNGs do to the event loop. Strokes that people drew, where
 * the recordings are there (LONGSHORE_DATA), else made ones of the same length.
 */

const SIDE = 1024;
const STROKES_PER_FOLD = 500;
const quick = process.argv.includes('--quick');
const folder = join(process.env.LONGSHORE_DATA ?? join(import.meta.dirname, '../../shared/data'), 'strokes');
const real = existsSync(folder);
const ops = real ? strokesIn(folder) : madeStrokes(400);

function madeStrokes(count: number): DrawOp[] {
  return Array.from({ length: count }, (_, i) => ({
    stroke: {
      color: '#336699',
      width: 1 + (i % 8),
      points: Array.from({ length: 28 }, (_, k) => [(i * 37 + k * 9) % SIDE, (i * 53 + k * k) % SIDE] as const),
    },
  }));
}

function drawingRate(seconds: number): number {
  const raster = new Raster(SIDE, SIDE);
  let strokes = 0;
  const began = process.cpuUsage();
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    draw(raster, ops);
    strokes += ops.length;
  }
  const { user, system } = process.cpuUsage(began);
  return strokes / ((user + system) / 1e6);
}

/** As rasters are kept: each fold unpacks the tiles, draws 500 strokes, and packs the tiles that changed. */
function foldingRate(seconds: number): number {
  const tiles = new Map<number, Uint8Array>();
  let strokes = 0;
  const began = process.cpuUsage();
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    const batch = Array.from({ length: STROKES_PER_FOLD }, (_, i) => ops[(strokes + i) % ops.length]);
    const job = { task: 'fold', width: SIDE, height: SIDE, tiles: [...tiles], ops: batch, stamps: new Map() } as const;
    for (const [index, bytes] of fold(job, loadRaster(job)).changed) if (bytes !== undefined) tiles.set(index, bytes);
    strokes += batch.length;
  }
  const { user, system } = process.cpuUsage(began);
  return strokes / ((user + system) / 1e6);
}

async function loopDelay(seconds: number): Promise<{ p99: number; max: number; folded: number; written: number }> {
  const pool = new PaintPool({ clock: systemClock, hire: createThreadPainter, painters: 2, maxWaiting: 100 });
  const size = { width: SIDE, height: SIDE };
  const tiles = new Map<number, Uint8Array>();
  const packed = (): PackedTile[] => [...tiles];
  const until = performance.now() + seconds * 1_000;
  let [folded, written] = [0, 0];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const folding = async (): Promise<void> => {
    while (performance.now() < until) {
      const { changed } = await pool.run('fold', { task: 'fold', ...size, tiles: packed(), ops, stamps: new Map() });
      for (const [index, bytes] of changed) if (bytes !== undefined) tiles.set(index, bytes);
      folded += ops.length;
    }
  };
  const writing = async (): Promise<void> => {
    while (performance.now() < until) {
      await pool.run('write', {
        task: 'encode',
        ...size,
        tiles: packed(),
        item: 'bench',
        version: written,
        index: 1,
        lineage: '1.1',
      });
      written++;
    }
  };
  await Promise.all([folding(), writing()]);
  delay.disable();
  await pool.close();
  return {
    p99: delay.percentile(99) / 1e6,
    max: delay.max / 1e6,
    folded: folded / seconds,
    written: written / seconds,
  };
}

const seconds = quick ? 1 : 10;
drawingRate(seconds / 2); // warm
console.log(`strokes: ${real ? 'drawn by people' : 'made up; no recordings are there'}, ${SIDE} by ${SIDE}`);
console.log(`drawing, one core: ${Math.round(drawingRate(seconds)).toLocaleString('en')} strokes/s (target 10,000)`);
foldingRate(seconds / 2); // warm
console.log(
  `folding, one core, tiles unpacked and packed every ${STROKES_PER_FOLD}: ${Math.round(foldingRate(seconds)).toLocaleString('en')} strokes/s`,
);
const { p99, max, folded, written } = await loopDelay(seconds);
console.log(
  `two threads folding and writing: ${Math.round(folded).toLocaleString('en')} strokes/s with tiles unpacked and packed, ${written.toFixed(1)} PNGs/s`,
);
console.log(`event loop meanwhile: p99 ${p99.toFixed(1)} ms (target 20), longest ${max.toFixed(1)} ms`);
