import { ledgerKey, spaceRowKey } from '../model/keys.ts';
import { coarse, coverPrefix, decodeSpaceRow, STORE_SHARDS } from '../model/row.ts';
import type { Deps } from './context.ts';
import type { Marker } from './marker.ts';
import { mendShard } from './mend-shard.ts';
import { type ShardReader, trusted } from './shard-log.ts';

/** A scan that names more items than this is no better than a snapshot. */
const MAX_SCANNED = 2_000;

/**
 * Items that may have changed since a marker which the index does not reach back to: the open ones, and those stored with a coverage that reaches it. The
 * ledger first: an item closed between the two reads is then found by the query. `undefined`: cannot be told.
 */
export async function scanStore(
  deps: Deps,
  shards: ShardReader,
  space: string,
  marker: Marker,
): Promise<string[] | undefined> {
  const { cache, store, config, metrics } = deps;
  metrics.count('store_scans');
  const found = new Set<string>();
  const keys = Array.from({ length: config.ledgerShards }, (_, shard) => ledgerKey(space, shard));
  const entries = await cache.get(keys);
  let reaches = true;
  for (const [i, key] of keys.entries()) {
    const entry = entries[i];
    const shard = trusted(entry && shards.read(key, entry.value), marker.e);
    if (!shard || marker.T < shard.since) reaches = false;
    if (!shard) await mendShard(deps, space, key, 'ledger');
    for (const line of shard?.entries ?? []) found.add(line.item);
  }
  if (!reaches) return undefined;
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    const prefix = coverPrefix(marker.e, shard);
    const rows = await store.query('cover', prefix + coarse(marker.T), `${prefix}~`, MAX_SCANNED + 1);
    for (const row of rows) found.add(row.id);
    if (found.size > MAX_SCANNED) return undefined;
  }
  const [record] = await store.read([spaceRowKey(space)]);
  const pruned = decodeSpaceRow(record);
  if (pruned.prunedE === marker.e && marker.T <= pruned.prunedCu) return undefined;
  return [...found];
}
