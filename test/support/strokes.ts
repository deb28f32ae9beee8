import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { DrawOp, Point } from '../../src/raster/ops.ts';
import { skipFor } from './need.ts';

/** Recordings lie beside the project unless said; they are no part of it. */
const DATA = process.env.LONGSHORE_DATA ?? join(import.meta.dirname, '../../../shared/data');

type Drawing = { readonly drawing: readonly (readonly [readonly number[], readonly number[], readonly number[]])[] };

/** Strokes that people drew, as operations. Skips the test where there are none. */
export function readStrokes(context: Context): DrawOp[] {
  const folder = join(DATA, 'strokes');
  if (!existsSync(folder)) return skipFor(context, `no recordings of strokes at ${folder} (LONGSHORE_DATA)`);
  return strokesIn(folder);
}

export function strokesIn(folder: string): DrawOp[] {
  const ops: DrawOp[] = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.ndjson')) continue;
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n')) {
      if (line === '') continue;
      for (const [xs, ys] of (JSON.parse(line) as Drawing).drawing) {
        const points = xs.map((x, i): Point => [Math.round(x), Math.round(ys[i] ?? 0)]);
        const color = `#${((ops.length * 2_654_435) % 0x1000000).toString(16).padStart(6, '0')}`;
        ops.push({ stroke: { color, width: 1 + (ops.length % 8), points } });
      }
    }
  }
  return ops;
}
