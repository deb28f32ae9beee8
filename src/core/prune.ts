import { floorKey, headKey, itemRowKey, spaceRowKey } from '../model/keys.ts';
import { coarse, decodeRow, STORE_SHARDS } from '../model/row.ts';
import type { StoreKey } from '../ports/store.ts';
import { SETTING_BOUNDS } from '../protocol/limits.ts';
import { goThrough, PAGE, type Places } from './due-pages.ts';
import { heldFloor } from './floor.ts';
import { decidePrune } from './rows.ts';
import { type SpaceDeps, settingsSource } from './spaces/settings.ts';

/** Tombstones past their time are forgotten, unless a marker of this epoch may still ask for them. */
export async function pruneTombstones(deps: SpaceDeps, places: Places): Promise<number> {
  let pruned = 0;
  for (let shard = 0; shard < STORE_SHARDS; shard++) pruned += await pruneShard(deps, places, shard);
  if (pruned > 0) deps.metrics.count('pruned_items', pruned);
  return pruned;
}

function pruneShard(deps: SpaceDeps, places: Places, shard: number): Promise<number> {
  const shortestMs = Math.min(deps.config.tombstoneMs, SETTING_BOUNDS.tombstoneMs[0]);
  const end = `${shard}/${coarse(deps.clock.now() - shortestMs)}`;
  const list = (from: string, limit: number) => deps.store.query('tomb', from, end, limit);
  return goThrough({ shard, places, list, look: (keys) => prunePage(deps, keys) });
}

async function prunePage(
  deps: SpaceDeps,
  keys: readonly StoreKey[],
): Promise<{ done: number; lastAt: number | undefined }> {
  let done = 0;
  let lastAt: number | undefined;
  for (let start = 0; start < keys.length; start += PAGE) {
    const part = keys.slice(start, start + PAGE);
    const records = await deps.store.read(part.map(({ space, id }) => itemRowKey(space, id)));
    for (const [i, key] of part.entries()) {
      const record = records[i];
      if (record === undefined) continue;
      const { t } = decodeRow(record);
      lastAt = t;
      const diedBefore = deps.clock.now() - (await keptMs(deps, key.space));
      if (t < diedBefore && (await pruneOne(deps, key, diedBefore))) done++;
    }
  }
  return { done, lastAt };
}

/** How long tombstones of the space are kept. */
export async function keptMs(deps: SpaceDeps, space: string): Promise<number> {
  const source = settingsSource(deps);
  const { tombstoneMs } = source.known(space) ?? (await source.load(space));
  return tombstoneMs ?? deps.config.tombstoneMs;
}

async function pruneOne(deps: SpaceDeps, key: StoreKey, diedBefore: number): Promise<boolean> {
  const [floorEntry, headEntry] = await deps.cache.get([floorKey(key.space), headKey(key.space, key.id)]);
  const floor = heldFloor(floorEntry)?.floor;
  const limits = {
    diedBefore,
    diedLongBefore: diedBefore - deps.config.tombstoneMs,
    epoch: floor?.e ?? '',
    coverBefore: (floor?.F ?? 0) - deps.config.indexRetentionMs,
  };
  const done = await deps.store.transact([key, spaceRowKey(key.space)], decidePrune(key.space, key.id, limits));
  if (done && headEntry) await deps.cache.delete(headKey(key.space, key.id), headEntry.token);
  return done;
}
