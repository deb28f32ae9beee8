import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DrawOp } from '../src/raster/ops.ts';
import { Folder, ServerProcess } from '../test/support/server-process.ts';
import { strokesIn } from '../test/support/strokes.ts';

/*
 * `node bench/pictures.ts [--quick]`: strokes that a server takes in a second from 20 clients, and how long somebody who joins then waits for the picture. Strokes
 * that people drew, where the recordings are there (LONGSHORE_DATA), else made ones of the same length.
 */

const SIDE = 1024;
const CLIENTS = 20;
const quick = process.argv.includes('--quick');
const total = quick ? 1_000 : 10_000;
const data = join(process.env.LONGSHORE_DATA ?? join(import.meta.dirname, '../../shared/data'), 'strokes');
const strokes: readonly DrawOp[] = existsSync(data) ? strokesIn(data) : madeStrokes(400);

function madeStrokes(count: number): DrawOp[] {
  return Array.from({ length: count }, (_, i) => {
    const points = Array.from({ length: 28 }, (__, k) => [(i * 37 + k * 9) % SIDE, (i * 53 + k * k) % SIDE] as const);
    return { stroke: { color: '#336699', width: 1 + (i % 8), points } };
  });
}

async function post(url: string, op: unknown): Promise<void> {
  const body = JSON.stringify({ updates: [{ item: 'sketch', kind: 'picture', op }] });
  const headers = { 'Content-Type': 'application/json' };
  for (;;) {
    const answer = await fetch(`${url}/v1/spaces/bench/updates`, { method: 'POST', headers, body });
    const { results } = (await answer.json()) as { results?: { result: string; retryAfterMs?: number }[] };
    const [result] = results ?? [];
    if (result?.result === 'ok') return;
    if (result !== undefined && result.result !== 'retry') throw new Error(JSON.stringify(result));
    const ms = result?.retryAfterMs ?? 1_000;
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

/** From the request to the last byte, ms. */
async function timeOf(url: string): Promise<number> {
  const began = performance.now();
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} for ${url}`);
  await answer.arrayBuffer();
  return performance.now() - began;
}

async function newestStored(url: string): Promise<number> {
  const { pictures } = (await (await fetch(url)).json()) as { pictures: { index: number }[] };
  return pictures.at(-1)?.index ?? 0;
}

const folder = new Folder();
const settings = ['--data-dir', folder.path];
let server = await ServerProcess.start(settings, { LONGSHORE_LIMITS: 'off' });
try {
  const picture = (): string => `${server.url}/v1/spaces/bench/items/sketch/picture.png`;
  await post(server.url, { create: { width: SIDE, height: SIDE } });
  let next = 0;
  const began = performance.now();
  const drawing = Array.from({ length: CLIENTS }, async () => {
    while (next < total) await post(server.url, strokes[next++ % strokes.length]);
  });
  await Promise.all(drawing);
  const seconds = (performance.now() - began) / 1_000;
  console.log(
    `${CLIENTS} clients, one stroke an update, stored before each answer: ${Math.round(total / seconds)} strokes/s`,
  );
  const first = await timeOf(picture());
  const second = await timeOf(picture());
  console.log(
    `joining after ${total} strokes, ${SIDE} by ${SIDE}: ${first.toFixed(0)} ms (target 200), the next one ${second.toFixed(0)} ms`,
  );
  for (const joins of [false, true]) {
    await server.end();
    server = await ServerProcess.start(settings, { LONGSHORE_LIMITS: 'off' });
    const behind = total + 1 - (await newestStored(`${server.url}/v1/spaces/bench/items/sketch/pictures`));
    const joining = joins ? await timeOf(`${server.url}/v1/spaces/bench/updates`) : 0;
    const whole = joining + (await timeOf(picture()));
    const how = joins ? `after the snapshot (${joining.toFixed(0)} ms of it)` : 'and nothing asked before';
    console.log(
      `the same on a server that has just begun, from the stored picture and ${behind} operations, ${how}: ${whole.toFixed(0)} ms`,
    );
  }
} finally {
  await server.end();
  folder.remove();
}
