import { createHash } from 'node:crypto';

/** A key of the cache: `<letter>/<place>/<rest>`, printable ASCII without spaces. */
export type CacheKey = string;

/** What is kept in the store. `id` is empty for the one record of a space or deployment. */
export type StoreKey = { readonly space: string; readonly kind: StoreKind; readonly id: string };
export type StoreKind = 'item' | 'space' | 'client' | 'owner';

/*
 * Every key is spelled here. A cache key is `<letter>/<place>/<rest>`: all keys of a space share the place, hence the
 * node. Ids cannot hold `/` or `#`, so parts never run into each other, and a long id travels as `#` and its hash.
 */

const MAX_PLAIN_CHARS = 80;

function part(id: string): string {
  return id.length <= MAX_PLAIN_CHARS ? id : `#${createHash('sha256').update(id).digest('base64url')}`;
}

export function floorKey(space: string): CacheKey {
  return `f/${part(space)}/`;
}
export function headKey(space: string, item: string): CacheKey {
  return `i/${part(space)}/${part(item)}`;
}
export function indexKey(space: string, shard: number): CacheKey {
  return `x/${part(space)}/${shard}`;
}
export function ledgerKey(space: string, shard: number): CacheKey {
  return `d/${part(space)}/${shard}`;
}
/** Bodies and tail segments: immutable, named by random ids, known only to the head that names them. */
export function bodyKey(space: string, random: string): CacheKey {
  return `b/${part(space)}/${random}`;
}
export function seenKey(space: string, hash: string): CacheKey {
  return `s/${part(space)}/${hash}`;
}
export function pulseKey(space: string): CacheKey {
  return `p/${part(space)}/`;
}
/** That the lock of an item is alive: goes with its lease. */
export function lockKey(space: string, item: string): CacheKey {
  return `l/${part(space)}/${part(item)}`;
}
/** That a one-time ticket was used. */
export function ticketKey(space: string, random: string): CacheKey {
  return `t/${part(space)}/${random}`;
}

/** Records that can be made again from the store, or whose loss costs one more read. */
export function isReloadable(key: CacheKey): boolean {
  const letter = key[0];
  return letter === 'i' || letter === 'b' || letter === 's' || letter === 'p';
}

export function itemRowKey(space: string, item: string): StoreKey {
  return { space, kind: 'item', id: item };
}
export function spaceRowKey(space: string): StoreKey {
  return { space, kind: 'space', id: '' };
}
/** One record per deployment; `#owner` cannot be the id of a space. */
export function ownerRowKey(): StoreKey {
  return { space: '#owner', kind: 'owner', id: '' };
}

/** FNV-1a, 32 bits: spreads ids over shards. Every instance must agree on it. */
export function shardOf(id: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
