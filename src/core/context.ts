import type { Compare, Kinds } from '../kinds/kind.ts';
import type { Head } from '../model/head.ts';
import type { Bus } from '../ports/bus.ts';
import type { Cache, CasToken } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';
import type { EngineConfig } from './engine-types.ts';

/** What the flows are given; they take nothing from anywhere else. */
export type Deps = {
  readonly cache: Cache;
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly kinds: Kinds;
  readonly config: EngineConfig;
  /** Compares two texts, away from whatever else goes on. Absent: at once. */
  readonly compare?: Compare;
};

/** A head as it was read, with the token that names exactly that value. */
export type HeldHead = {
  readonly head: Head;
  readonly token: CasToken;
  /** The record, where it was written a moment ago; not kept for long. */
  readonly bytes?: Buffer;
};

/** What was read was replaced or given up meanwhile: read it again. */
export const CHANGED = Symbol('changed');

/** Not now: the caller may try the same again after a while. */
export class RetryLater extends Error {
  readonly code: 'recovering' | 'contention' | 'folding' | 'overloaded' | 'stopping';
  readonly retryAfterMs: number;

  constructor(code: RetryLater['code'], retryAfterMs: number) {
    super(`retry later: ${code}`);
    this.name = 'RetryLater';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Bounds of the loops in the flows. */
export const LOOP = {
  /** Turns of one update, or of one load, before the answer is "retry". */
  turns: 40,
  /** One update may take this long, ms. */
  updateMs: 8_000,
  /** A placeholder lives this long without its loader, seconds. */
  placeholderSeconds: 5,
  /** Length of the recovery window after an epoch began over open items, ms. */
  recoveryMs: 1_500,
  /** Numbers reserved by one store write. */
  reserve: 1_024,
  /** The floor rises by at most this much at once, ms: no crazy clock can run away with it. */
  floorMaxStepMs: 1_000,
  /** The floor is raised at most this often, ms. */
  floorStepMs: 100,
} as const;
