import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { storedPicturesSchema } from '../src/protocol/pictures.ts';
import type { DrawOp } from '../src/raster/ops.ts';
import { Folder, ServerProcess } from '../test/support/server-process.ts';
import { strokesIn } from '../test/support/strokes.ts';
import { cpuOf } from './host/cpu.ts';

/*
 * `node bench/pictures.ts [--quick]`: strokes that a server takes in a second from 20 clients, and how long somebody who joins then waits for the picture: on that server, and on
 * one that has just begun after it was killed. Strokes that people drew, where the recordings are there (LONGSHORE_DATA), else made ones of the same length.
 */

const SIDE = 1024;
const CLIENTS = 20;
const quick = process.argv.includes('--quick');
const total = quick ? 1_000 : 10_000;
const starts = quick ? 2 : 7;
const ITEM = '/v1/spaces/bench/items/sketch';
const data = join(process.env.LONGSHORE_DATA ?? join(import.meta.dirname, '../../shared/data'), 'strokes');
const strokes: readonly DrawOp[] = existsSync(data) ? strokesIn(data) : madeStrokes(400);

function madeStrokes(count: number): DrawOp[] {
  return Array.from({ length: count }, (_, i) => {
    const points = Array.from({ length: 28 }, (__, k) => [(i * 37 + k * 9) % SIDE, (i * 53 + k * k) % SIDE] as const);
    return { stroke: { color: '#336699', width: 1 + (i % 8), points } };
  });
}

const folder = new Folder();
let server = await start();
let drawn = 1;

function start(): Promise<ServerProcess> {
  return ServerProcess.start(['--data-dir', folder.path], { LONGSHORE_LIMITS: 'off' });
}

async function post(op: unknown): Promise<void> {
  const body = JSON.stringify({ updates: [{ item: 'sketch', kind: 'picture', op }] });
  const headers = { 'Content-Type': 'application/json' };
  for (;;) {
    const answer = await fetch(`${server.url}/v1/spaces/bench/updates`, { method: 'POST', headers, body });
    const { results } = (await answer.json()) as { results?: { result: string; retryAfterMs?: number }[] };
    const [result] = results ?? [];
    if (result?.result === 'ok') return;
    if (result !== undefined && result.result !== 'retry') throw new Error(JSON.stringify(result));
    await pause(result?.retryAfterMs ?? 1_000);
  }
}

/** By 20 clients, each one stroke after the other. */
async function drawAll(count: number): Promise<void> {
  const end = drawn + count;
  const one = async (): Promise<void> => {
    while (drawn < end) await post(strokes[drawn++ % strokes.length]);
  };
  await Promise.all(Array.from({ length: CLIENTS }, one));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** From the request to the last byte, ms. */
async function timeOf(path: string): Promise<number> {
  const began = performance.now();
  const answer = await fetch(server.url + path);
  if (!answer.ok) throw new Error(`${answer.status} for ${path}`);
  await answer.arrayBuffer();
  return performance.now() - began;
}

/** Operations that are in no stored picture. */
async function unstored(): Promise<number> {
  for (let [newest, index] = [0, 0]; ; ) {
    const answer = await fetch(`${server.url}${ITEM}/pictures?after=${newest}`);
    const { pictures, upToDate } = storedPicturesSchema.parse(await answer.json());
    const last = pictures.at(-1);
    if (last) ({ version: newest, index } = last);
    if (upToDate) return drawn - index;
  }
}

/** Whoever has drawn stores it. */
async function allStored(): Promise<void> {
  await drawAll(1);
  while ((await unstored()) > 0) await pause(500);
}

/** The server is killed, and each time started anew: nothing but store and blobs is left. CPU is that of the server until the answer, all threads together. */
async function joinCold(how: string): Promise<void> {
  const behind = await unstored();
  const [cold, after] = [new Joins(), new Joins()];
  for (let n = 0; n < 2 * starts; n++) {
    await server.end('SIGKILL');
    server = await start();
    if (n % 2) await timeOf('/v1/spaces/bench/updates');
    await (n % 2 ? after : cold).join();
  }
  console.log(
    `joining ${drawn - 1} strokes on a server that has just begun, ${how} (the stored picture and ${behind} operations): ` +
      `${cold.medians}; after the snapshot ${after.medians} (medians of ${starts}; target 200 ms)`,
  );
}

class Joins {
  readonly #ms: number[] = [];
  readonly #cpuMs: number[] = [];

  async join(): Promise<void> {
    const pid = server.child.pid ?? 0;
    const before = cpuOf(pid);
    this.#ms.push(await timeOf(`${ITEM}/picture.png`));
    this.#cpuMs.push((cpuOf(pid) - before) / 1_000);
  }

  get medians(): string {
    const [ms, cpu] = [this.#ms, this.#cpuMs].map((all) => all.sort((a, b) => a - b)[all.length >> 1]?.toFixed(0));
    return `${ms} ms, CPU ${cpu} ms`;
  }
}

try {
  await post({ create: { width: SIDE, height: SIDE } });
  const began = performance.now();
  await drawAll(total);
  const seconds = (performance.now() - began) / 1_000;
  console.log(
    `${CLIENTS} clients, one stroke an update, stored before each answer: ${Math.round(total / seconds)} strokes/s`,
  );
  const first = await timeOf(`${ITEM}/picture.png`);
  const second = await timeOf(`${ITEM}/picture.png`);
  console.log(
    `joining after ${total} strokes, ${SIDE} by ${SIDE}: ${first.toFixed(0)} ms (target 200), the next one ${second.toFixed(0)} ms`,
  );
  await drawAll(total / 10);
  await joinCold('killed while all draw');
  await allStored();
  await joinCold('killed when all was stored');
  await drawAll(100);
  await joinCold('killed a moment later');
  await allStored();
  await drawAll(950);
  await joinCold('killed just before the next picture is stored');
} finally {
  await server.end();
  folder.remove();
}
