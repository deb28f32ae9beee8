import type { History } from './history.ts';
import type { World } from './world.ts';

/** The store's index finds overdue rows by times this coarse, ms. */
const COARSE_MS = 10_000;
export const CLOCK_JUMP_MS = 20_000;
/** Longest pause between two attempts to store an item. */
const MAX_BACK_OFF_MS = 5_000;

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
  const byIndex = isLedgerLost(history) ? COARSE_MS + 2 * clock.skewMs + CLOCK_JUMP_MS : 0;
  const bound = 4 * persistMs + 2 * sweepMs + config.pauses.maxMs + 9_000 + lag + byIndex;
  let until = ackedAt + bound;
  for (const outage of history.outages)
    if (outage.from < until && outage.until > ackedAt) until = Math.max(until, outage.until + bound);
  return until;
}

/**
 * C10: how long after the last fault everything is stored. What living instances hold: N after it came, or with the next attempt. What dead ones left: when a
 * sweep finds its stamp, which is of another clock, to be 4 N old, and, by its own clock, that nobody else has stored it for N.
 */
export function storedAfterMs({ config, fleet, history, scheduler }: World): number {
  const { persistMs, sweepMs } = fleet.engineConfig;
  const { skewMs, driftPerMille } = config.clock;
  const jumps = config.chaos.weights.clockJump === undefined ? 0 : 2 * CLOCK_JUMP_MS;
  const clocks = 2 * skewMs + jumps + (2 * driftPerMille * scheduler.now) / 1_000;
  const sweeps = 5 * persistMs + 3 * sweepMs + clocks + (isLedgerLost(history) ? COARSE_MS : 0);
  return Math.ceil(Math.max(sweeps, persistMs + MAX_BACK_OFF_MS) + 2_000);
}

/** A new epoch begins with empty shards, while the heads of the old one may stand. */
function isLedgerLost({ counters }: History): boolean {
  return counters.has('evictLedger') || counters.has('evictFloor');
}
