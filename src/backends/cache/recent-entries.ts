import type { CacheEntry, CacheKey } from '../../ports/cache.ts';
import { Detacher } from './detach.ts';
import type { MemcachedAnswer } from './memcached-answers.ts';
import { type MemcachedToken, readToken } from './memcached-token.ts';

const MAX_RECENT_BYTES = 16 * 1024 * 1024;
/** Of a key, an entry and their place in the map, about. */
const RECENT_OVERHEAD_BYTES = 300;
const MAX_RECENT_VALUE_BYTES = 16 * 1024;

/**
 * Entries that came over one connection, by key. memcached gives every change a token of its own: what has the same token
 * is the same value, and whoever has decoded it need not do so again. Forgets everything when it grows too large.
 */
export class RecentEntries {
  readonly #entries = new Map<CacheKey, CacheEntry>();
  readonly #generation: object;
  readonly #detacher = new Detacher();
  #bytes = 0;

  constructor(generation: object) {
    this.#generation = generation;
  }

  entry(key: CacheKey, answer: MemcachedAnswer): CacheEntry {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      const { high, low } = known.token as unknown as MemcachedToken;
      if (high === answer.casHigh && low === answer.casLow) return known;
    }
    const entry = { value: this.#detacher.detach(answer.value), token: readToken(answer, this.#generation) };
    if (entry.value.length <= MAX_RECENT_VALUE_BYTES) this.#keep(key, entry);
    else this.#entries.delete(key);
    return entry;
  }

  /** Replacing an entry counts its bytes again: the bound is reached the sooner. */
  #keep(key: CacheKey, entry: CacheEntry): void {
    this.#bytes += key.length + entry.value.length + RECENT_OVERHEAD_BYTES;
    if (this.#bytes > MAX_RECENT_BYTES) {
      this.#entries.clear();
      this.#bytes = 0;
    }
    this.#entries.set(key, entry);
  }
}
