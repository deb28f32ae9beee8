import type { World } from './world.ts';

/** The store's index finds overdue rows by times this coarse, ms. */
const COARSE_MS = 10_000;
const CLOCK_JUMP_MS = 20_000;

/**
 * C10: until when an update acknowledged at `ackedAt` may be missing from the store. N, and what a paused instance, a slow store and the rhythm of the sweeps
 * add. Where the store was away before that time had come, it begins again when the store is back. Where a ledger shard was lost, the item of a dead
 * instance is found by the store's own index, which goes by coarse stamps of clocks that may be off.
 */
export function lossDeadline({ config, fleet, history }: World, ackedAt: number): number {
  const { persistMs, sweepMs } = fleet.engineConfig;
  const { store, clock } = config;
  // Attempts that fail, and the pauses after them, each twice as long.
  const failing = Math.ceil(20 * (store.refused + store.unclear));
  const lag = (1 + failing) * store.slowMs + 100 * 2 ** failing;
  const byIndex = history.counters.has('evictLedger') ? COARSE_MS + 2 * clock.skewMs + CLOCK_JUMP_MS : 0;
  const bound = 4 * persistMs + 2 * sweepMs + config.pauses.maxMs + 9_000 + lag + byIndex;
  let until = ackedAt + bound;
  for (const outage of history.outages)
    if (outage.from < until && outage.until > ackedAt) until = Math.max(until, outage.until + bound);
  return until;
}
