import type { Cache } from '../../src/ports/cache.ts';

export type CountedCache = Cache & { readonly calls: ReadonlyMap<string, number> };

/** The same cache, with every call counted by its name: a wrapper of the kind that metering and faults are made of. */
export function countedCache(inner: Cache): CountedCache {
  const calls = new Map<string, number>();
  const counted = <T>(name: string, call: () => T): T => {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return call();
  };
  return {
    calls,
    get: (keys) => counted('get', () => inner.get(keys)),
    add: (key, value, ttl) => counted('add', () => inner.add(key, value, ttl)),
    cas: (key, value, token, ttl) => counted('cas', () => inner.cas(key, value, token, ttl)),
    casThenGet: (key, value, token, then) => counted('casThenGet', () => inner.casThenGet(key, value, token, then)),
    append: (key, value) => counted('append', () => inner.append(key, value)),
    delete: (key, token) => counted('delete', () => inner.delete(key, token)),
    set: (key, value, ttl) => counted('set', () => inner.set(key, value, ttl)),
    ping: () => counted('ping', () => inner.ping()),
    close: () => counted('close', () => inner.close()),
  };
}
