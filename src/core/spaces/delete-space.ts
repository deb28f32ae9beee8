import { itemRowKey, spaceRowKey } from '../../model/keys.ts';
import { decodeRow, type SpaceRow } from '../../model/row.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import { MAX_UPDATES_PER_REQUEST } from '../../protocol/limits.ts';
import type { Caller, Engine } from '../engine-types.ts';
import type { SpaceSettingsSource } from '../people-types.ts';
import type { SpaceContents } from './settings.ts';
import { decideEnded, decideEnding, decideProgress } from './space-changes.ts';

/** Of one call; the next one goes on. */
const DELETE_MS = 5_000;
const ROWS_PER_READ = 100;

export type DeleteParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly engine: Pick<Engine, 'postUpdate'>;
  readonly contents?: SpaceContents;
  readonly changing?: SpaceSettingsSource['changing'];
};

export type Deletion = {
  readonly outcome: 'done' | 'more' | 'absent';
  /** Items deleted by this call. */
  readonly deleted: number;
};

/**
 * Every item becomes a tombstone, then what the space holds besides goes, then the settings. What is written meanwhile may stay, and the space with it. `agrees` is asked with the record as it is
 * when the deletion begins; pure.
 */
export async function deleteSpace(
  parts: DeleteParts,
  space: SpaceId,
  caller: Caller,
  agrees: (row: SpaceRow) => boolean = () => true,
): Promise<Deletion> {
  const { store, clock } = parts;
  const until = clock.monotonic() + DELETE_MS;
  const ending = await store.transact([spaceRowKey(space)], decideEnding(space, agrees));
  if (ending === undefined) return { outcome: 'absent', deleted: 0 };
  let deleted = 0;
  let after = ending.to;
  let doneTo = after;
  let complete = true;
  while (true) {
    const ids = await store.list(space, 'item', after, ROWS_PER_READ);
    const last = ids.at(-1);
    if (last === undefined) break;
    after = last;
    if (clock.monotonic() >= until) {
      complete = false;
      break;
    }
    const living = await livingAmong(store, space, ids);
    const gone = await deleteItems(parts.engine, space, living, caller);
    deleted += gone;
    complete &&= gone === living.length;
    if (complete) doneTo = last;
  }
  if (complete) complete = (await parts.contents?.clear(space, until)) ?? true;
  if (!complete) {
    await store.transact([spaceRowKey(space)], decideProgress(space, { ...ending, to: doneTo }));
    return { outcome: 'more', deleted };
  }
  const end = () => store.transact([spaceRowKey(space)], decideEnded(space, ending));
  await (parts.changing?.(space, end) ?? end());
  return { outcome: 'done', deleted };
}

async function livingAmong(store: Store, space: SpaceId, ids: readonly string[]): Promise<string[]> {
  const records = await store.read(ids.map((id) => itemRowKey(space, id)));
  return ids.filter((_id, i) => {
    const record = records[i];
    if (record === undefined) return false;
    const { dead, open } = decodeRow(record);
    return open || !dead; // an open one may have come to life in the cache
  });
}

/** Returns how many of them are tombstones now; what is not can be tried again. */
async function deleteItems(
  engine: Pick<Engine, 'postUpdate'>,
  space: SpaceId,
  items: readonly string[],
  caller: Caller,
): Promise<number> {
  let gone = 0;
  for (let start = 0; start < items.length; start += MAX_UPDATES_PER_REQUEST) {
    const updates = items.slice(start, start + MAX_UPDATES_PER_REQUEST).map((item) => ({ item, op: { delete: true } }));
    const { results } = await engine.postUpdate(space, { updates }, caller, { overLocks: true });
    gone += results.filter(({ result }) => result === 'ok').length;
  }
  return gone;
}
