import { busyOf, cpuOf } from '../host/cpu.ts';
import type { Pids, Result } from './job.ts';

/** What one phase cost, microseconds, and how long it took. */
export type Cost = {
  readonly seconds: number;
  readonly server: number;
  readonly memcached: number;
  /** Of this process. */
  readonly generator: number;
  /** What others took of the server's core, as a share of the time. */
  readonly others: number;
};

const SERVER_CORE = 0;

/** Begins to count; the call returned ends it. */
export function startCost(pids: Pids): () => Cost {
  const read = () => ({
    at: performance.now(),
    server: cpuOf(pids.server),
    memcached: pids.memcached === undefined ? 0 : cpuOf(pids.memcached),
    generator: cpuOf(process.pid),
    busy: busyOf(SERVER_CORE),
  });
  const before = read();
  return () => {
    const after = read();
    const us = (after.at - before.at) * 1_000;
    const server = after.server - before.server;
    const memcached = after.memcached - before.memcached;
    const others = (after.busy - before.busy - server - memcached) / us;
    const generator = after.generator - before.generator;
    return { seconds: us / 1e6, server, memcached, generator, others: Math.max(0, others) };
  };
}

/** Times in milliseconds, of which only quantiles are wanted. */
export class Times {
  #values = new Float64Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = ms;
  }

  /** `share` 0.5 is the median. 0 of nothing. */
  quantile(share: number): number {
    const sorted = this.#values.subarray(0, this.#count).sort();
    return sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))] ?? 0;
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What each of `count` operations took, with the times of all. */
export function costOfEach(cost: Cost, count: number, times: Times): Result {
  return {
    rate: count / cost.seconds,
    us: cost.server / count,
    cacheUs: cost.memcached / count,
    generatorUs: cost.generator / count,
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    others: cost.others,
  };
}
