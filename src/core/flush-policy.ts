import type { EngineConfig } from './engine-types.ts';

/** What the policy looks at: plain times on the monotonic clock, ms. */
export type FlushCandidate = {
  /** The first change since the last store write. */
  readonly since: number;
  readonly movedAt: number;
  /** Nothing newer than what the store has: only waiting to be closed. */
  readonly stored: boolean;
  /** The last attempt failed at this time, this many times in a row. */
  readonly failedAt: number;
  readonly failures: number;
};

export type FlushDecision = { readonly do: 'store' | 'close' } | { readonly do: 'wait'; readonly until: number };

const BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5_000;
/** After so many refusals in a row the item is set aside: it would never be taken. */
export const POISON_FAILURES = 5;

/**
 * Write-behind in one place: an open item is stored N after its first unstored change, so at least once every N while it moves; when it has been still for 2 N
 * it is closed. First updates, releases and durable ones are stored by their own request and never wait here.
 */
export function decideFlush(item: FlushCandidate, now: number, config: Pick<EngineConfig, 'persistMs'>): FlushDecision {
  if (item.failures > 0) {
    const until = item.failedAt + Math.min(BACK_OFF_MS * 2 ** (item.failures - 1), MAX_BACK_OFF_MS);
    if (until > now) return { do: 'wait', until };
  }
  const stillAt = item.movedAt + 2 * config.persistMs;
  if (now >= stillAt) return { do: 'close' };
  if (item.stored) return { do: 'wait', until: stillAt };
  const storeAt = item.since + config.persistMs;
  return now >= storeAt ? { do: 'store' } : { do: 'wait', until: Math.min(storeAt, stillAt) };
}

/** How far behind its time the store may be, ms, before first updates are refused, and before all are: what is on time is never refused, however long N is. */
const BEHIND_FOR_FIRST_MS = 55_000;
const BEHIND_FOR_ALL_MS = 295_000;

/** Ages of the oldest unstored change, ms. */
export function refusalAges(persistMs: number): Pick<EngineConfig, 'refuseFirstAfterMs' | 'refuseAllAfterMs'> {
  return { refuseFirstAfterMs: persistMs + BEHIND_FOR_FIRST_MS, refuseAllAfterMs: persistMs + BEHIND_FOR_ALL_MS };
}

export type Admission = 'all' | 'notFirst' | 'none';

/** How much may still be taken in while the store lags: the loss a dead cache could cause stays bounded, and known. */
export function admit(
  lag: { readonly oldestDirtyMs: number; readonly dirtyItems: number },
  config: Pick<EngineConfig, 'refuseFirstAfterMs' | 'refuseAllAfterMs' | 'maxDirtyItems'>,
): Admission {
  if (lag.oldestDirtyMs > config.refuseAllAfterMs || lag.dirtyItems > config.maxDirtyItems) return 'none';
  return lag.oldestDirtyMs > config.refuseFirstAfterMs ? 'notFirst' : 'all';
}
