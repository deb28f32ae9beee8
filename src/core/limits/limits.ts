import type { Clock } from '../../ports/clock.ts';
import type { Counts } from '../../ports/counts.ts';
import type { Metrics } from '../../ports/metrics.ts';
import type { Random } from '../../ports/random.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { type Account, Budgets } from './budgets.ts';
import { type Budget, type LimitsConfig, WINDOW_MS } from './limits-config.ts';
import { Permits } from './permits.ts';
import { SharedBytes } from './shared-bytes.ts';

export type LimitsParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: Counts;
  readonly metrics: Metrics;
  readonly config: LimitsConfig;
};

/** Shed load comes back spread over so many ms, from as many on. */
const OVERLOAD_MS = 1_000;

/** How much callers may do, and how much may go on at once. Nothing here waits. */
export class Limits {
  readonly #parts: LimitsParts;
  readonly #budgets: Budgets;
  readonly #parkedEach: number;
  /** Writing requests in flight. */
  readonly posts: Permits;
  /** Bytes of bodies that are being read. */
  readonly bodies: Permits;
  /** Bytes of resources on their way to or from the blobs. */
  readonly transfers: Permits;
  /** Large answers, and messages of streams, until their readers have taken them. */
  readonly answers: SharedBytes;
  /** Polls that wait, of all callers together; the engine bounds them. */
  parked = 0;

  constructor(parts: LimitsParts) {
    const { config, random } = parts;
    const soon = () => Math.round(OVERLOAD_MS * (1 + random.fraction()));
    this.#parts = parts;
    this.#budgets = new Budgets(parts);
    this.#parkedEach = config.parkedEach;
    this.posts = new Permits('writing requests', config.posts, soon);
    this.bodies = new Permits('bytes of request bodies', config.bodyBytes, soon);
    this.transfers = new Permits('bytes of resources on their way', config.transferBytes, soon);
    this.answers = new SharedBytes(new Permits('bytes of answers on their way', config.answerBytes, soon));
  }

  /** Who uses it up: the subject, or the address of those who are `anonymous`. */
  subject(subject: string): Account {
    return this.#budgets.subject(subject);
  }

  address(address: string): Account {
    return this.#budgets.address(address);
  }

  /** Throws `rateLimited` where the caller has used up the budget. */
  take(account: Account, budget: Budget, points = 1): void {
    const waitMs = this.#budgets.take(account, budget, points);
    if (waitMs === 0) return;
    throw this.#refusal(account, budget, waitMs);
  }

  #refusal(account: Account, budget: Budget, waitMs: number): ProblemError {
    this.#parts.metrics.count('rate_limited');
    // After a lost cache everybody resets at once: they must not come back at once, too.
    const retryAfterMs = budget === 'resync' ? Math.ceil(waitMs * (1 + this.#parts.random.fraction())) : waitMs;
    const most = this.#parts.config.budgets[budget] * account.factor;
    const detail = `at most ${most} of the kind "${budget}" in ${WINDOW_MS / 1_000} s; wait as Retry-After says`;
    return new ProblemError('rateLimited', detail, { retryAfterMs });
  }

  /**
   * The same, counted at once by all instances together, for what is rare and costs much. Where the count cannot be had nothing is let through: rejects with what
   * kept it from being had.
   */
  async takeShared(account: Account, budget: Budget): Promise<void> {
    const most = this.#parts.config.budgets[budget] * account.factor;
    if (most === Number.POSITIVE_INFINITY) return;
    const { points, leftMs } = await this.#parts.counts.add(`${budget}/${account.key}`, 1);
    if (points > most) throw this.#refusal(account, budget, leftMs);
  }

  /** Throws `overloaded`; else `unpark` has to follow once. */
  park(account: Account): void {
    if (account.parked >= this.#parkedEach * account.factor) {
      const detail = `too many polls of this caller wait here; at most ${this.#parkedEach * account.factor}`;
      const retryAfterMs = Math.round(OVERLOAD_MS * (1 + this.#parts.random.fraction()));
      throw new ProblemError('overloaded', detail, { retryAfterMs });
    }
    this.parked++;
    account.parked++;
  }

  unpark(account: Account): void {
    this.parked--;
    account.parked--;
  }
}
