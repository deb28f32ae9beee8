import type { CacheKey } from '../model/keys.ts';

/** Made only by `model/keys.ts`, at most `MAX_CACHE_KEY_BYTES` long. Keys of one place live on one node: what orders their operations (`casThenGet`) relies on it. */
export type { CacheKey };

/** Names one life of one value. Opaque; a token of an earlier connection or process is refused as `conflict`. */
export type CasToken = { readonly __casToken: unique symbol };

export type CacheEntry = { readonly value: Buffer; readonly token: CasToken };

export type CasOutcome =
  | { readonly status: 'stored'; readonly token: CasToken }
  /** somebody else wrote, or the token is of another connection */
  | { readonly status: 'conflict' }
  /** the key is not there (any more) */
  | { readonly status: 'missing' };

/**
 * The source of truth while a space is in use. Laws (the contract suite holds every backend to them):
 *
 * - Each operation is atomic and happens between its call and its settling; one that fails with `unclear` may still
 *   happen later. A value is never half written, and a refused write leaves the old value as it was.
 * - A value returned must not be changed by the caller, nor the one handed in.
 * - No operation is sent twice. Every operation settles within the deadline of the backend (a fraction of a second).
 * - Failures: `cacheUnavailable`, `cacheFull` (out of memory, nothing changed), `tooLarge` (over `MAX_RECORD_BYTES`,
 *   nothing sent), `closed`.
 */
export interface Cache {
  /** One round trip per node. The answer is in the order of the keys. */
  get(keys: readonly CacheKey[]): Promise<(CacheEntry | undefined)[]>;

  /** Creates. `undefined` when the key is already there. */
  add(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<CasToken | undefined>;

  /** Replaces exactly the value that `token` names. The new value lives `ttlSeconds` from now on; without it, for ever. */
  cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): Promise<CasOutcome>;

  /**
   * `cas`, then `get` of other keys of the same place, in one round trip: the values read were there at a moment after
   * the `cas` was carried out. Keys of another place are an assertion error.
   */
  casThenGet(
    key: CacheKey,
    value: Buffer,
    token: CasToken,
    then: readonly CacheKey[],
  ): Promise<{ readonly cas: CasOutcome; readonly read: (CacheEntry | undefined)[] }>;

  /** Adds bytes at the end; the token changes. `false` when the key is missing **or** the value would grow too large. */
  append(key: CacheKey, value: Buffer): Promise<boolean>;

  /** With a token: only if it still names the value. `false` when nothing was deleted. */
  delete(key: CacheKey, token?: CasToken): Promise<boolean>;

  /** Writes whatever is there; refused for size or memory it may take the old value with it. Only where a lost or overwritten value does no harm, or under a key nobody else knows. */
  set(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<void>;

  /** Settles when every node answers; otherwise fails with `cacheUnavailable`. For readiness and warm-up. */
  ping(): Promise<void>;

  close(): Promise<void>;
}
