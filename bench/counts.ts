/** What is counted, not timed: round trips to memcached, and writes to the store. */
import { CacheTap, type RoundTrip } from './host/cache-tap.ts';
import { stop } from './host/processes.ts';
import { type Running, startLongshore, startMemcached } from './host/servers.ts';
import { Connection } from './load/connection.ts';
import { FanOut } from './load/fan-out.ts';
import type { Result } from './load/job.ts';
import { sleep } from './load/measure.ts';
import { PROTOCOLS, updateOf } from './load/protocols.ts';

const { post } = PROTOCOLS.longshore;
const SPACE = 'counted';
const MOVES = 100;

export type Pair = {
  readonly near: Running;
  readonly far: Running;
  readonly nearTap: CacheTap;
  readonly farTap: CacheTap;
};

/** Two instances on one memcached, each behind a tap of its own. A store in memory: what is counted here never reads it. */
export async function withPair<T>(use: (pair: Pair) => Promise<T>): Promise<T> {
  const memcached = await startMemcached();
  const nearTap = await CacheTap.open(memcached.port);
  const farTap = await CacheTap.open(memcached.port);
  const near = await startLongshore({ cachePort: nearTap.port, store: 'memory:' });
  const far = await startLongshore({ cachePort: farTap.port, store: 'memory:' });
  try {
    return await use({ near, far, nearTap, farTap });
  } finally {
    await Promise.all([near.stop(), far.stop()]);
    nearTap.close();
    farTap.close();
    await stop(memcached.child);
  }
}

/**
 * Round trips per move: of an instance that made the last move of the item itself (`held`), of one that never saw the item (`warm`), and of two that
 * move one item in turn (`contended`).
 */
export function countMoves(): Promise<Result> {
  return withPair(async ({ near, far, nearTap, farTap }) => {
    const here = await Connection.open(near.target.port);
    const there = await Connection.open(far.target.port);
    const move = (connection: Connection, item: string, count: number) =>
      connection.ask(post(SPACE, item, updateOf(1, count)));
    await move(there, 'elsewhere', 0);
    await move(here, 'a', 0);
    nearTap.taken();
    for (let i = 1; i <= MOVES; i++) await move(here, 'a', i);
    const held = tripsOn(nearTap, 'i/') / MOVES;

    for (let i = 0; i < MOVES; i++) await move(here, `b${i}`, 0);
    farTap.taken();
    for (let i = 0; i < MOVES; i++) await move(there, `b${i}`, 1);
    const warm = tripsOn(farTap, 'i/') / MOVES;

    nearTap.taken();
    farTap.taken();
    for (let i = 0; i < MOVES; i++) await move(i % 2 === 0 ? there : here, 'a', MOVES + i);
    const contended = (tripsOn(nearTap, 'i/') + tripsOn(farTap, 'i/')) / MOVES;
    here.close();
    there.close();
    return { held, warm, contended };
  });
}

/** Round trips for writes: those that name an item, and the appends that announce it. */
function tripsOn(tap: CacheTap, prefix: string): number {
  const concerns = (trip: RoundTrip) =>
    trip.some(({ command, keys }) => command === 'append' || keys.some((key) => key.startsWith(prefix)));
  return tap.taken().filter(concerns).length;
}

const WAKES = 10;

/** What a thousand polls of one space ask of memcached when an update wakes them: calls per wake, the write itself left out. */
export function countWake(observers: number): Promise<Result> {
  return withPair(async ({ near, nearTap }) => {
    const { target } = near;
    const fan = await FanOut.open({ posts: target, polls: target, space: SPACE, observers, writers: 1 });
    const counts = { floorWrites: 0, shardReads: 0, itemReads: 0, otherCalls: 0, wakeTrips: 0 };
    for (let i = 0; i < WAKES; i++) {
      nearTap.taken();
      await fan.step();
      addTrips(counts, nearTap.taken());
      await sleep(150); // far enough apart for each to raise the floor
    }
    fan.close();
    return Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / WAKES]));
  });
}

type WakeCounts = { floorWrites: number; shardReads: number; itemReads: number; otherCalls: number; wakeTrips: number };

function addTrips(counts: WakeCounts, trips: readonly RoundTrip[]): void {
  for (const trip of trips) {
    if (trip.some(({ command, keys }) => (command === 'cas' && keys[0]?.startsWith('i/')) || command === 'append'))
      continue;
    counts.wakeTrips++;
    for (const { command, keys } of trip) {
      const letters = new Set(keys.map((key) => key[0]));
      if (command === 'cas' && letters.has('f')) counts.floorWrites++;
      else if (command === 'get' && letters.has('x')) counts.shardReads++;
      else if (command === 'get' && letters.has('i')) counts.itemReads++;
      else counts.otherCalls++;
    }
  }
}

/** Writes to the store while one item moves, and until it is released. */
export async function countStoreWrites(moves: number, rate: number): Promise<Result> {
  const memcached = await startMemcached();
  const server = await startLongshore({ cachePort: memcached.port });
  try {
    const connection = await Connection.open(server.target.port);
    const before = await storeWrites(server);
    const start = performance.now();
    for (let i = 0; i < moves; i++) {
      await sleep(Math.max(0, start + (i * 1_000) / rate - performance.now()));
      await connection.ask(post(SPACE, 'moved', updateOf(1, i)));
    }
    await connection.ask(release());
    connection.close();
    return { moves, storeWrites: (await storeWrites(server)) - before };
  } finally {
    await server.stop();
    await stop(memcached.child);
  }
}

function release(): Buffer {
  const text = post(SPACE, 'moved', updateOf(1, 0)).toString();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const released = body.replace('}}]}', '},"release":true}]}');
  return Buffer.from(`${head.replace(/Length: \d+/, `Length: ${released.length}`)}\r\n\r\n${released}`);
}

async function storeWrites({ target }: Running): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${target.port}/metrics`)).text();
  return Number(/^longshore_store_writes_total (\d+)/m.exec(page)?.[1]);
}
