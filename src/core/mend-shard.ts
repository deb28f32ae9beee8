import type { CacheKey } from '../model/keys.ts';
import { decodeShard, encodeShard, type Shard, type ShardEntry } from '../model/shard-record.ts';
import type { CacheEntry } from '../ports/cache.ts';
import type { Deps } from './context.ts';
import { sinceAfterLoss } from './coverage.ts';
import { getFloor } from './floor.ts';
import { compactBytes } from './shard-log.ts';

/** Makes a missing or foreign shard, or makes room in a full one. */
export async function mendShard(deps: Deps, space: string, key: CacheKey, kind: 'index' | 'ledger'): Promise<void> {
  const floor = await getFloor(deps, space);
  const [entry] = await deps.cache.get([key]);
  if (!entry) {
    await deps.cache.add(key, encodeShard({ e: floor.floor.e, since: null }, []));
    await finishShard(deps, space, key);
    return;
  }
  const shard = decodeShard(entry.value);
  if (shard.e !== floor.floor.e) {
    const outcome = await deps.cache.cas(key, encodeShard({ e: floor.floor.e, since: null }, []), entry.token);
    if (outcome.status === 'stored') await finishShard(deps, space, key);
  } else if (shard.since === Number.POSITIVE_INFINITY) await finishShard(deps, space, key);
  else if (shard.bytes > compactBytes(deps)) {
    if (kind === 'index') await compactIndex(deps, key, entry, shard, floor.floor.F);
    else await compactLedger(deps, key, entry, shard);
  }
}

/**
 * Gives a shard that is being made its `since`. The floor is read after the empty shard was there: one read before might be older than a coverage that the
 * lost shard held.
 */
async function finishShard(deps: Deps, space: string, key: CacheKey): Promise<void> {
  const { floor } = await getFloor(deps, space);
  const [entry] = await deps.cache.get([key]);
  if (!entry) return;
  const shard = decodeShard(entry.value);
  if (shard.e !== floor.e || shard.since !== Number.POSITIVE_INFINITY) return;
  const since = sinceAfterLoss(floor, deps.config.persistMs);
  await deps.cache.cas(key, encodeShard({ e: floor.e, since }, shard.entries), entry.token);
}

async function compactIndex(deps: Deps, key: CacheKey, entry: CacheEntry, shard: Shard, F: number): Promise<void> {
  const plan = planIndexCompaction(shard, F - deps.config.indexRetentionMs, deps.config.indexShardBytes);
  if (plan.entries.length === shard.entries.length) return;
  const bytes = encodeShard({ e: shard.e, since: plan.since }, plan.entries);
  const outcome = await deps.cache.cas(key, bytes, entry.token);
  if (outcome.status === 'stored') deps.metrics.count('compactions');
}

/**
 * Pure: drops entries whose coverage ended before `cut`; while more than half of `maxBytes` would be left, raises the cut to the middle of what is
 * left. Whoever has an older marker than `since` goes to the store scan.
 */
export function planIndexCompaction(
  shard: Shard,
  cut: number,
  maxBytes: number,
): { readonly since: number; readonly entries: readonly ShardEntry[] } {
  let limit = cut;
  let entries = shard.entries.filter((entry) => entry.at >= limit);
  while (entries.length > 1 && entriesBytes(entries) > maxBytes / 2) {
    const times = entries.map((entry) => entry.at).sort((a, b) => a - b);
    limit = (times[Math.floor(times.length / 2)] ?? limit) + 1;
    entries = entries.filter((entry) => entry.at >= limit);
  }
  return { since: Math.max(shard.since, limit), entries };
}

/** One entry per item is enough: the first, which tells how long it has been waiting, under the newest word. */
async function compactLedger(deps: Deps, key: CacheKey, entry: CacheEntry, shard: Shard): Promise<void> {
  const first = new Map<string, ShardEntry>();
  for (const line of shard.entries) {
    const before = first.get(line.item);
    first.set(line.item, before ? { ...line, at: Math.min(before.at, line.at) } : line);
  }
  if (first.size === shard.entries.length) return;
  const outcome = await deps.cache.cas(
    key,
    encodeShard({ e: shard.e, since: shard.since }, [...first.values()]),
    entry.token,
  );
  if (outcome.status === 'stored') deps.metrics.count('compactions');
}

function entriesBytes(entries: readonly ShardEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.item.length + entry.word.length + 16;
  return bytes;
}
