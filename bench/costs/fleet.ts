/** Two instances on one memcached and one Datastore, and what a load of them costs, all of it counted. */
import type { ChildProcess } from 'node:child_process';
import { CacheTap } from '../host/cache-tap.ts';
import { cpuOf } from '../host/cpu.ts';
import { DatastoreTap } from '../host/datastore-tap.ts';
import { stop } from '../host/processes.ts';
import { type LongshoreOptions, type Running, startLongshore, startMemcached } from '../host/servers.ts';
import { Connection } from '../load/connection.ts';
import { sleep } from '../load/measure.ts';
import { cacheBytes } from './cache-bytes.ts';

/** Totals of one window over both instances. Times in microseconds of CPU. */
export type Window = {
  readonly seconds: number;
  readonly serverUs: number;
  readonly cacheUs: number;
  /** Requests to memcached, a multi-get of whatever size being one; and bytes, both ways. */
  readonly cacheCalls: number;
  readonly cacheBytes: number;
  readonly storeReads: number;
  readonly storeWrites: number;
  /** Readings of a space, each for all polls that wait for it at one instance. */
  readonly looks: number;
  readonly casConflicts: number;
  readonly pictures: number;
};

export type FleetOptions = Pick<LongshoreOptions, 'nodeFlags' | 'persistMs'>;

export const INSTANCES = 2;
const STARTS = 4;

export class Fleet {
  readonly instances: readonly Running[];
  readonly cachePort: number;
  readonly #memcached: ChildProcess;
  readonly #tap: CacheTap;
  readonly #store: DatastoreTap;

  private constructor(parts: {
    readonly instances: readonly Running[];
    readonly memcached: { readonly port: number; readonly child: ChildProcess };
    readonly tap: CacheTap;
    readonly store: DatastoreTap;
  }) {
    this.instances = parts.instances;
    this.cachePort = parts.memcached.port;
    this.#memcached = parts.memcached.child;
    this.#tap = parts.tap;
    this.#store = parts.store;
  }

  /** `emulator`: where Datastore is. */
  static async open(emulator: string, options: FleetOptions): Promise<Fleet> {
    const memcached = await startMemcached();
    // One for both: instances with different addresses of memcached do not serve one store.
    const tap = await CacheTap.open(memcached.port);
    const store = await DatastoreTap.open(emulator);
    const instances: Running[] = [];
    for (let i = 0; i < INSTANCES; i++) {
      const backends = { cachePort: tap.port, store: 'datastore:costs', datastore: store.host };
      instances.push(await startPatiently({ ...backends, ...options }));
    }
    return new Fleet({ instances, memcached, tap, store });
  }

  portOf(instance: number): number {
    return this.instances[instance % this.instances.length]?.target.port ?? 0;
  }

  /** Begins to count; the call returned ends it. */
  async count(): Promise<() => Promise<Window>> {
    const before = await this.#read();
    this.#store.taken();
    this.#tap.takenAll();
    const bytes = this.#tap.bytes.count;
    const start = performance.now();
    return async () => {
      const seconds = (performance.now() - start) / 1_000;
      const calls = this.#tap.takenAll().reduce((sum, trip) => sum + trip.length, 0);
      const moved = this.#tap.bytes.count - bytes;
      const { reads, writes } = this.#store.taken();
      const after = await this.#read();
      const { serverUs, cacheUs, looks, casConflicts, pictures } = minus(after, before);
      const stored = { storeReads: reads, storeWrites: writes };
      return {
        seconds,
        serverUs,
        cacheUs,
        cacheCalls: calls,
        cacheBytes: moved,
        ...stored,
        looks,
        casConflicts,
        pictures,
      };
    };
  }

  /** What all records in memcached take up, with what it keeps about them. */
  cacheBytes(): Promise<number> {
    return cacheBytes(this.cachePort);
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.stop()));
    this.#tap.close();
    this.#store.close();
    await stop(this.#memcached);
  }

  async #read() {
    const pages = await Promise.all(this.instances.map(({ target }) => metricsOf(target.port)));
    const total = (name: string) =>
      pages.reduce(
        (sum, page) => sum + Number(new RegExp(`^longshore_${name}_total (\\d+)`, 'm').exec(page)?.[1] ?? 0),
        0,
      );
    return {
      serverUs: this.instances.reduce((sum, { target }) => sum + cpuOf(target.pids.server), 0),
      cacheUs: cpuOf(this.#memcached.pid ?? 0),
      looks: total('reads'),
      casConflicts: total('cas_conflicts'),
      pictures: total('pictures_stored'),
    };
  }
}

/** An emulator that has just begun may answer later than a server waits for it. */
async function startPatiently(options: LongshoreOptions): Promise<Running> {
  for (let turn = 1; ; turn++) {
    try {
      return await startLongshore(options);
    } catch (error) {
      if (turn === STARTS) throw error;
    }
  }
}

function minus<T extends { readonly [name: string]: number }>(after: T, before: T): T {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)])) as T;
}

async function metricsOf(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

const MARKER = /"marker":"([^"]+)"/;
const NEWS = Buffer.from('"items":[{');

export type Bytes = { readonly received: number; readonly sent: number };

function bytesOf(connections: readonly Connection[]): Bytes {
  const sum = (of: (one: Connection) => number) => connections.reduce((total, one) => total + of(one), 0);
  return { received: sum((one) => one.received), sent: sum((one) => one.sent) };
}

function since(before: Bytes, after: Bytes): Bytes {
  return { received: after.received - before.received, sent: after.sent - before.sent };
}

/** Requests that were answered 503 and sent again: what a busy machine does to deadlines. */
let refused = 0;
const AGAIN_MS = 1_000;

function refusedFor(again: () => unknown): void {
  refused++;
  setTimeout(again, AGAIN_MS).unref();
}

export function refusals(): number {
  return refused;
}

/** Polls of spaces that ask again at once with the marker they got. */
export class Polls {
  news = 0;
  readonly #connections: Connection[] = [];
  #before: Bytes = { received: 0, sent: 0 };
  #closed = false;

  async add(port: number, space: string, marker: string, clientId?: string): Promise<void> {
    const connection = await Connection.open(port);
    const client = clientId === undefined ? '' : `&clientId=${clientId}`;
    let last = marker;
    const ask = (from: string) =>
      connection.send(
        Buffer.from(`GET /v1/spaces/${space}/updates?marker=${from}${client} HTTP/1.1\r\nHost: bench\r\n\r\n`),
      );
    connection.onAnswer = (body) => {
      if (body.includes(NEWS)) this.news++;
      last = MARKER.exec(body.toString('latin1', 0, 5_000))?.[1] ?? '';
      ask(last);
    };
    connection.onRefused = () => refusedFor(() => this.#closed || ask(last));
    this.#connections.push(connection);
    ask(marker);
  }

  startOver(): void {
    this.news = 0;
    this.#before = bytesOf(this.#connections);
  }

  /** Since the last start: to the polls and from them, headers included. */
  get bytes(): Bytes {
    return since(this.#before, bytesOf(this.#connections));
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
  }
}

/** Sends requests at a rate, each on whichever connection is free; returns how many there were, and their bytes. */
export async function sendAtRate(
  connections: readonly Connection[],
  request: (n: number) => Buffer,
  load: { readonly perSecond: number; readonly seconds: number },
): Promise<Bytes & { readonly count: number }> {
  const before = bytesOf(connections);
  const start = performance.now();
  let count = 0;
  const next = async (connection: Connection): Promise<void> => {
    while (true) {
      const n = count;
      const due = start + (n * 1_000) / load.perSecond;
      if (due >= start + load.seconds * 1_000) return;
      count++;
      if (due > performance.now()) await sleep(due - performance.now());
      connection.onRefused = () => refusedFor(() => connection.send(request(n)));
      await connection.ask(request(n));
    }
  };
  await Promise.all(connections.map(next));
  return { count, ...since(before, bytesOf(connections)) };
}
