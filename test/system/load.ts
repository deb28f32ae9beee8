import assert from 'node:assert/strict';
import { checkFinal, checkReader, type Final, type Truth } from '../simulation/checkers.ts';
import { contentOf, History, spotOf } from '../simulation/history.ts';
import { Seeded } from '../simulation/seeded.ts';
import { eventually, metric, type Target, told } from './calls.ts';
import type { Cluster } from './cluster.ts';
import { LoadReader } from './load-reader.ts';
import { LoadWriter } from './load-writer.ts';

export type LoadOptions = {
  readonly space: string;
  readonly seed: number;
  readonly writers: number;
  readonly readers: number;
  readonly items?: number;
};

/** What a flush may take beyond N besides what was measured: two ticks of the flusher, ms. */
const TICKS_MS = 600;

/**
 * Work on one space: writers and readers that choose a server anew for each request, until what the test waits for has been acknowledged. What they see goes
 * into a history, which is judged when everything is quiet.
 *
 *   new ── begin ──▶ working ── judge ──▶ finishing (writers settle what they have) ──▶ stopped (nobody polls any more) ──▶ judged
 */
export class Load {
  readonly cluster: Cluster;
  readonly space: string;
  readonly random: Seeded;
  readonly history = new History();
  readonly items: readonly string[];
  readonly readers: LoadReader[];
  readonly #options: LoadOptions;
  readonly #abort = new AbortController();
  readonly #awaited = new Set<{ readonly count: number; readonly resolve: () => void }>();
  readonly #onPost = new Map<Target, () => void>();
  #acked = 0;
  finishing = false;
  #writing: Promise<unknown> = Promise.resolve();
  #reading: Promise<unknown> = Promise.resolve();
  /** All that was changed before this time was stored when it was measured. */
  #storedUntil = Number.NEGATIVE_INFINITY;

  constructor(cluster: Cluster, options: LoadOptions) {
    this.cluster = cluster;
    this.space = options.space;
    this.random = new Seeded(options.seed);
    this.items = Array.from({ length: options.items ?? 6 }, (_, n) => `item${n}`);
    this.#options = options;
    this.readers = Array.from({ length: options.readers }, (_, n) => new LoadReader(`r${n}`, this));
  }

  get stopped(): boolean {
    return this.#abort.signal.aborted;
  }

  get stopping(): AbortSignal {
    return this.#abort.signal;
  }

  /** As a load balancer would: any of those that are up. With none up, one of those that were. */
  anyServer(): Target {
    const { alive, servers } = this.cluster;
    return this.random.pick(alive.length > 0 ? alive : servers);
  }

  async begin(): Promise<void> {
    // The space is made by one server: two that begin it at once leave readers too little of an index to start with.
    await told(this.anyServer(), this.space);
    const writers = Array.from({ length: this.#options.writers }, (_, n) => new LoadWriter(`w${n}`, this));
    this.#writing = Promise.all(writers.map((writer) => writer.live()));
    this.#reading = Promise.all(this.readers.map((reader) => reader.live()));
    this.cluster.onStop(() => this.#abandon());
  }

  /** Settles when `count` more updates have been acknowledged. */
  ackedMore(count: number): Promise<void> {
    return new Promise((resolve) => this.#awaited.add({ count: this.#acked + count, resolve }));
  }

  acked(): void {
    this.#acked++;
    for (const awaited of this.#awaited) {
      if (awaited.count > this.#acked) continue;
      this.#awaited.delete(awaited);
      awaited.resolve();
    }
  }

  /** Settles in the moment in which somebody posts to this server. */
  nextPostTo(server: Target): Promise<void> {
    return new Promise((resolve) => this.#onPost.set(server, resolve));
  }

  posting(server: Target): void {
    this.#onPost.get(server)?.();
    this.#onPost.delete(server);
  }

  /** To be called right after a fault that may cost what is not stored yet. */
  lost(): void {
    this.history.losses.push({ at: performance.now() });
  }

  /** Measures how far the store is behind; before a fault, as it cannot be asked of the dead. */
  async measureLag(): Promise<void> {
    this.#storedUntil = await storedUntil(this.cluster.alive);
  }

  /** What is in flight comes to nothing. */
  async #abandon(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#writing, this.#reading]);
  }

  /** Waits for the writers, lets all readers catch up, reads everything afresh, and judges what was seen. */
  async judge(): Promise<ReadonlyMap<string, Truth>> {
    this.finishing = true;
    await this.#writing;
    this.#abort.abort();
    await this.#reading;
    await Promise.all(this.readers.map((reader) => reader.catchUp()));
    const cold = new LoadReader('cold reader', this);
    await cold.catchUp();
    const truth = this.#truthOf(cold);
    const boundMs = this.cluster.persistMs + TICKS_MS;
    const final: Final = {
      truth: new Map([...truth].map(([item, one]) => [spotOf(this.space, item), one])),
      // What was not stored when the lag was measured may be lost however long after that the fault came.
      mayBeLostUntil: (ackedAt) => (ackedAt > this.#storedUntil ? Number.POSITIVE_INFINITY : ackedAt + boundMs),
    };
    checkFinal(this.history, final);
    for (const { model } of this.readers) {
      checkReader(
        this.history,
        {
          name: model.name,
          space: this.space,
          partialSince: undefined,
          version: (item) => model.held.get(item)?.version,
          content: (item) => model.content(item),
        },
        final,
      );
    }
    await this.#compareStore(truth);
    const counts = JSON.stringify(Object.fromEntries(this.history.counters));
    assert.deepEqual(this.history.findings, [], `${this.#acked} acknowledged, ${counts}`);
    return truth;
  }

  #truthOf(cold: LoadReader): Map<string, Truth> {
    const absent = { version: 0, content: '-' };
    return new Map(
      this.items.map((item) => {
        const version = cold.model.held.get(item)?.version;
        return [item, version === undefined ? absent : { version, content: cold.model.content(item) }];
      }),
    );
  }

  /** C6: what the store has in the end is what clients see. */
  async #compareStore(truth: ReadonlyMap<string, Truth>): Promise<void> {
    const versions = new Map([...truth].filter(([, { version }]) => version > 0).map(([id, one]) => [id, one.version]));
    await this.cluster.settled(this.space, versions);
    for (const item of versions.keys()) {
      const row = await this.cluster.row(this.space, item);
      if (row) this.history.saw(spotOf(this.space, item), row.v, row.v, contentOf(row.body), 'the store');
    }
  }
}

/** Up to when all changes are stored, by what the servers say of the lag. */
export async function storedUntil(servers: readonly Target[]): Promise<number> {
  const asked = performance.now();
  const lags = await Promise.all(servers.map((server) => metric(server, 'oldest_dirty_ms')));
  return asked - Math.max(...lags);
}

/** Settles once so many polls are parked at the server. */
export async function parked(server: Target, count: number): Promise<void> {
  await eventually(`${count} polls are parked`, async () =>
    (await metric(server, 'parked_polls')) === count ? true : undefined,
  );
}
