import { LRUCache } from 'lru-cache';
import type { Clock } from '../../ports/clock.ts';
import type { Counts } from '../../ports/counts.ts';
import { BUDGETS, type Budget, type LimitsConfig, WINDOW_MS } from './limits-config.ts';

/** What one caller has used up of one budget in the running window. */
type Bucket = {
  /** Monotonic, ms: when the window ends. */
  until: number;
  /** As last settled: by all instances, this one included. */
  settled: number;
  /** Used up here since. */
  own: number;
  /** Waits to be settled. */
  queued: boolean;
};

/** One caller, as far as limits go. */
export class Account {
  readonly key: string;
  readonly factor: number;
  readonly buckets = {} as { readonly [budget in Budget]: Bucket };
  /** Polls that wait here. */
  parked = 0;

  constructor(key: string, factor: number) {
    this.key = key;
    this.factor = factor;
    const fresh = (): Bucket => ({ until: Number.NEGATIVE_INFINITY, settled: 0, own: 0, queued: false });
    this.buckets = Object.fromEntries(BUDGETS.map((budget) => [budget, fresh()])) as typeof this.buckets;
  }
}

const MAX_ACCOUNTS = 50_000;
const SETTLE_MS = 1_000;
/** Who has used up less than this share of a budget here is not settled: most callers cost the cache nothing. */
const SETTLE_SHARE = 1 / 8;

type Parts = { readonly clock: Clock; readonly counts: Counts; readonly config: LimitsConfig };

/**
 * Counts in this process, so that a request waits for nothing, and settles once a second with the counts that all instances share. Between two settlements instances
 * together may allow more than the budget: an eighth of it each, and what comes in a second. Where the shared counts cannot be had, what is counted here goes
 * on to hold.
 */
export class Budgets {
  readonly #parts: Parts;
  readonly #accounts = new LRUCache<string, Account>({ max: MAX_ACCOUNTS });
  readonly #queue = new Map<Bucket, string>();
  #settling = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  subject(subject: string): Account {
    return this.#account(`s/${subject}`, 1);
  }

  address(address: string): Account {
    return this.#account(`a/${address}`, this.#parts.config.addressFactor);
  }

  /** Uses up `points`, or tells for how many ms there are none. What is taken at once may go beyond the budget; the next has to wait then. */
  take(account: Account, budget: Budget, points = 1): number {
    const limit = this.#parts.config.budgets[budget] * account.factor;
    if (limit === Number.POSITIVE_INFINITY) return 0;
    const bucket = account.buckets[budget];
    const now = this.#parts.clock.monotonic();
    if (now >= bucket.until) Object.assign(bucket, { until: now + WINDOW_MS, settled: 0, own: 0 });
    if (bucket.settled + bucket.own >= limit) return Math.max(1, Math.ceil(bucket.until - now));
    bucket.own += points;
    if (!bucket.queued && bucket.own >= limit * SETTLE_SHARE) this.#enqueue(account, budget, bucket);
    return 0;
  }

  #account(key: string, factor: number): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(key, factor);
      this.#accounts.set(key, account);
    }
    return account;
  }

  #enqueue(account: Account, budget: Budget, bucket: Bucket): void {
    bucket.queued = true;
    this.#queue.set(bucket, `${budget}/${account.key}`);
    if (this.#settling) return;
    this.#settling = true;
    this.#parts.clock.after(SETTLE_MS, () => {
      this.#settling = false;
      const due = [...this.#queue];
      this.#queue.clear();
      for (const [one, key] of due) void this.#settle(one, key);
    });
  }

  /** Never rejects. */
  async #settle(bucket: Bucket, key: string): Promise<void> {
    bucket.queued = false;
    const { clock, counts } = this.#parts;
    const { until, own } = bucket;
    if (clock.monotonic() >= until) return; // of a window that is over
    bucket.own = 0;
    bucket.settled += own;
    try {
      const { points, leftMs } = await counts.add(key, own);
      if (bucket.until !== until) return;
      // The windows of instances begin together from here on.
      bucket.settled = Math.max(points, own);
      bucket.until = clock.monotonic() + leftMs;
    } catch {
      // The cache is away: what was used up here is counted all the same.
    }
  }
}
