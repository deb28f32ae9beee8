import { assert } from '../../base/assert.ts';
import type { CacheKey } from '../../ports/cache.ts';
import { Failure } from '../../ports/failure.ts';
import { MAX_CACHE_KEY_BYTES, MAX_RECORD_BYTES } from '../../protocol/limits.ts';

/*
 * What every cache backend checks before it does anything. memcached closes the connection on a key that is too long,
 * which fails whatever else is in flight, and takes a time to live of over 30 days for a date in the past.
 */

/** memcached takes 30 days; one second of it is spent on its coarse clock. */
const MAX_TTL_SECONDS = 30 * 86_400 - 1;

const KEY = /^[a-z]\/[!-.0-~]+\/[!-~]*$/;

export function checkKey(key: CacheKey): void {
  assert(key.length <= MAX_CACHE_KEY_BYTES && KEY.test(key), 'a cache key is letter/place/rest in printable ASCII');
}

export function checkTtl(ttlSeconds: number | undefined): void {
  assert(
    ttlSeconds === undefined || (ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS),
    'a time to live is above 0 and below 30 days',
  );
}

export function checkSize(value: Buffer): void {
  if (value.length > MAX_RECORD_BYTES) {
    throw new Failure('tooLarge', `a record of ${value.length} bytes, at most ${MAX_RECORD_BYTES}`);
  }
}

/** The text between the first and the second `/` of a checked key. */
export function placeOf(key: CacheKey): string {
  return key.slice(2, key.indexOf('/', 2));
}

export function checkSamePlace(key: CacheKey, others: readonly CacheKey[]): void {
  const place = key.slice(1, key.indexOf('/', 2) + 1);
  for (const other of others) assert(other.startsWith(place, 1), 'keys of one casThenGet share their place');
}
