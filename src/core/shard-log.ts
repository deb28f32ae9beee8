import { LRUCache } from 'lru-cache';
import type { CacheKey } from '../model/keys.ts';
import { indexKey, ledgerKey, shardOf } from '../model/keys.ts';
import { decodeShard, encodeEntry, extendShard, type Shard, type ShardEntry } from '../model/shard-record.ts';
import type { Deps } from './context.ts';

/*
 * The sharded append-only records: the recent index ("these items may have changed") and the ledger ("these items are open"). A shard that
 * vanished is made anew so that no reader trusts it for the time it cannot speak of.
 */

/** Beyond this size a shard is compacted at the next occasion; at `MAX_RECORD_BYTES` the cache refuses appends. */
export function compactBytes(deps: Deps): number {
  return deps.config.indexShardBytes / 8;
}

export type ShardSet = { readonly count: number; key(space: string, shard: number): CacheKey };

export function indexShards(deps: Deps): ShardSet {
  return { count: deps.config.indexShards, key: indexKey };
}

export function ledgerShards(deps: Deps): ShardSet {
  return { count: deps.config.ledgerShards, key: ledgerKey };
}

export function shardKeys(set: ShardSet, space: string): CacheKey[] {
  return Array.from({ length: set.count }, (_, shard) => set.key(space, shard));
}

export function shardKeyOf(set: ShardSet, space: string, item: string): CacheKey {
  return set.key(space, shardOf(item, set.count));
}

/** `false`: the shard is missing or full; the caller calls `mendShard` and begins its turn again. */
export function appendEntry(deps: Deps, key: CacheKey, entry: ShardEntry): Promise<boolean> {
  return deps.cache.append(key, encodeEntry(entry));
}

/** The bytes of a shard only grow at the end until it is rewritten, so only what is new is parsed. */
export class ShardReader {
  readonly #known = new LRUCache<CacheKey, { bytes: Buffer; shard: Shard }>({
    maxSize: 64 * 1024 * 1024,
    sizeCalculation: ({ bytes }) => 4 * bytes.length + 500, // parsed entries take a few times their text
  });

  read(key: CacheKey, bytes: Buffer): Shard {
    const before = this.#known.get(key);
    if (before?.bytes === bytes) return before.shard;
    const grown =
      before !== undefined &&
      bytes.length >= before.bytes.length &&
      bytes.compare(before.bytes, 0, before.bytes.length, 0, before.bytes.length) === 0;
    const shard = grown ? extendShard(before.shard, bytes) : decodeShard(bytes);
    this.#known.set(key, { bytes, shard });
    return shard;
  }
}

/** The shard of this epoch, or `undefined` where it is missing, foreign or not yet trusted: nothing may be concluded from it. */
export function trusted(shard: Shard | undefined, epoch: string): Shard | undefined {
  return shard && shard.e === epoch && shard.since < Number.POSITIVE_INFINITY ? shard : undefined;
}
