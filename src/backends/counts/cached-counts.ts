import { RateLimiterMemcache } from 'rate-limiter-flexible';
import { countKey } from '../../model/keys.ts';
import type { Cache } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Counts } from '../../ports/counts.ts';

type Parts = { readonly cache: Cache; readonly clock: Clock; readonly windowMs: number };
/** The library's words for what a store found. */
type Upserted = { readonly consumedPoints: number; readonly msBeforeNext: number };

/** Counts kept in the cache by rate-limiter-flexible. */
export function createCachedCounts(parts: Parts): Counts {
  const limiter = new CacheLimiter(parts);
  return {
    async add(key, points) {
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key, points);
      return { points: consumedPoints, leftMs: msBeforeNext };
    },
  };
}

/**
 * The library's limiter for memcached with a store of our own. A record holds what was added in one window, as numbers with a comma after each: to append is
 * atomic and keeps the time to live, which a compare-and-set would not. Windows are cut by the wall clock, so that instances agree on them as far as
 * their clocks do.
 */
class CacheLimiter extends RateLimiterMemcache {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    // It refuses nobody: whoever counts decides.
    const points = Number.MAX_SAFE_INTEGER;
    super({ points, duration: parts.windowMs / 1_000, keyPrefix: '', storeClient: parts.cache });
    this.#parts = parts;
  }

  /** What the library calls to add points; a test holds that it does. */
  async _upsert(key: string | number, points: number, windowMs: number): Promise<Upserted> {
    const { cache, clock } = this.#parts;
    const now = clock.now();
    const window = Math.floor(now / windowMs);
    const record = countKey(String(key), window);
    const added = Buffer.from(`${points},`);
    if (!(await cache.append(record, added))) {
      const ttlSeconds = Math.ceil((2 * windowMs) / 1_000);
      // Another instance may have made it meanwhile.
      if (!(await cache.add(record, added, ttlSeconds))) await cache.append(record, added);
    }
    const [entry] = await cache.get([record]);
    const consumedPoints = entry === undefined ? points : sumOf(entry.value);
    return { consumedPoints, msBeforeNext: (window + 1) * windowMs - now };
  }
}

function sumOf(value: Buffer): number {
  let sum = 0;
  for (const part of value.toString('latin1').split(',')) sum += Number(part);
  return sum;
}
