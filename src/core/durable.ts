import { encodeHead, encodeStored, type Head } from '../model/head.ts';
import { headKey, itemRowKey } from '../model/keys.ts';
import { decodeRow } from '../model/row.ts';
import { isFailure } from '../ports/failure.ts';
import { CHANGED, type Deps, type HeldHead, RetryLater } from './context.ts';
import { isCovered } from './coverage.ts';
import { heldFloor } from './floor.ts';
import { mendShard } from './mend-shard.ts';
import type { Snapshot } from './row-content.ts';
import { decidePersist, type Persisted } from './rows.ts';
import { appendEntry, indexShards, shardKeyOf } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { transactNeeding } from './transact-needing.ts';
import type { Values } from './values.ts';

/** Turns of the attempt to prove that a version is stored. */
const TURNS = 20;

/** The value is encoded when it is stored, if it is: most versions never are. */
export function snapshotOf(values: Values, head: Head, state: unknown): Snapshot {
  const kind = values.kindOf(head);
  const apart = head.ref !== undefined && head.ref.bytes > (kind.apartBytes ?? Number.POSITIVE_INFINITY);
  return {
    head,
    apart,
    body: () => (head.dead ? null : kind.encode(state)),
    ops: kind.ops,
    bringsBack: kind.bringBack !== undefined,
  };
}

/** One guarded store write. A commit whose answer was lost is asked again: the guard makes the second a no-op. */
export async function persist(
  deps: Deps,
  space: string,
  item: string,
  snapshot: Snapshot,
  close: boolean,
): Promise<Persisted> {
  const now = deps.clock.now();
  const done = await transactNeeding(deps.store, [itemRowKey(space, item)], (shown) =>
    decidePersist(space, item, snapshot, close, now, shown),
  );
  if (done.wrote) deps.metrics.count('store_writes');
  return done;
}

/**
 * Settles with `true` once version v of lineage L, or a later one of the same lineage, is in the store; with `false` when that lineage was rolled back, so that the
 * update is not in the item any more. `fresh` reads the head anew.
 */
export async function makeDurable(
  deps: Deps,
  values: Values,
  space: SpaceState,
  item: string,
  snapshot: Snapshot,
  fresh: () => Promise<HeldHead>,
): Promise<boolean> {
  const { L, v, open } = snapshot.head;
  const first = await persist(deps, space.id, item, snapshot, !open);
  if (first.durable) return true;
  for (let turn = 0; turn < TURNS; turn++) {
    const held = await fresh();
    if (held.head.L !== L || held.head.v < v) return false;
    const state = await values.stateOf(space.id, item, held);
    if (state === CHANGED) continue;
    const done = await persist(deps, space.id, item, snapshotOf(values, held.head, state), !held.head.open);
    if (done.durable) return true;
    if (done.over) {
      // The head's life is over in the store, yet it stands: it can never be stored, so it must go.
      await deps.cache.delete(headKey(space.id, item), held.token);
      space.held.delete(item);
    }
  }
  throw new RetryLater('contention', 100);
}

/**
 * Whether the store has this version of the head's lineage. Of an item that is not moved any more the head may not say so for ever: who stored it died, or lost
 * the race, before it was noted there.
 */
export async function isStored(
  { store }: Pick<Deps, 'store'>,
  space: string,
  item: string,
  head: Head,
  version: number,
): Promise<boolean> {
  if (Math.min(head.pv, head.v) >= version) return true;
  if (head.open) return false;
  const [record] = await store.read([itemRowKey(space, item)]);
  const row = record && decodeRow(record);
  return row !== undefined && !row.open && row.born === head.born && row.L === head.L && row.v >= version;
}

/**
 * Writes into the head that version `stored` is in the store, with an announcement of its own: readers show their users what is saved. Losing a race is
 * fine, the next version carries the news.
 */
export async function markStored(
  deps: Deps,
  space: SpaceState,
  item: string,
  held: HeldHead,
  stored: Stored,
): Promise<void> {
  try {
    await casStored(deps, space, item, held, stored);
  } catch (error) {
    if (!isFailure(error)) throw error;
    space.held.delete(item); // it is stored all the same
  }
}

async function casStored(deps: Deps, space: SpaceState, item: string, held: HeldHead, stored: Stored): Promise<void> {
  let current = held;
  const pv = Math.min(stored.v, held.head.v);
  if (held.head.L !== stored.L || held.head.pv >= pv) return;
  const key = headKey(space.id, item);
  for (let turn = 0; turn < 3; turn++) {
    const { av = 0 } = current.head;
    const told = stored.announced ? { av: Math.max(av, pv) } : {};
    const head = { ...current.head, pv: Math.max(current.head.pv, pv), ...told };
    const bytes = current.bytes ? encodeStored(head, current.bytes) : encodeHead(head);
    const { cas, read } = await deps.cache.casThenGet(key, bytes, current.token, [space.floorKey]);
    if (cas.status !== 'stored') {
      space.held.delete(item);
      return;
    }
    current = { head, token: cas.token };
    space.held.set(item, current);
    const floor = heldFloor(read[0]);
    if (!floor || isCovered(head, floor.floor) || floor.floor.e !== head.e) return;
    const cover = { e: floor.floor.e, cu: floor.floor.F + deps.config.persistMs };
    const shard = shardKeyOf(indexShards(deps), space.id, item);
    // Readers are taken to have what is known to have been announced, and nothing newer that its writer is still about to announce.
    const entry = { item, at: cover.cu, word: String(head.av ?? 0) };
    if (await appendEntry(deps, shard, entry)) current = { head: { ...head, ...cover }, token: current.token };
    else await mendShard(deps, space.id, shard, 'index');
  }
}

export type Stored = {
  readonly v: number;
  readonly L: number;
  /** The version was proved to be covered after it was visible. */
  readonly announced: boolean;
};
