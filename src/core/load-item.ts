import { DEFAULT_KIND } from '../kinds/registry.ts';
import type { Head, RolledBack } from '../model/head.ts';
import { decodeHead, encodeHead, encodePlaceholder, isPlaceholder } from '../model/head.ts';
import { headKey, itemRowKey, spaceRowKey } from '../model/keys.ts';
import { decodeRow, decodeSpaceRow, type Row } from '../model/row.ts';
import type { CasToken } from '../ports/cache.ts';
import type { StoreRecord } from '../ports/store.ts';
import { CHANGED, type Deps, type HeldHead, LOOP, RetryLater } from './context.ts';
import { isCovered } from './coverage.ts';
import { getFloor, type HeldFloor, heldFloor } from './floor.ts';
import { layOut } from './layout.ts';
import { mendShard } from './mend-shard.ts';
import { decideRollback } from './rows.ts';
import { appendEntry, indexShards, shardKeyOf } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { readStored } from './stored-value.ts';
import { type Values, writeBody } from './values.ts';

/** How long clients may restore what a rollback took, ms. */
const RESTORE_MS = 10 * 60_000;

/** An item that is to be loaded, and what that takes. */
export type Load = {
  readonly deps: Deps;
  readonly values: Values;
  readonly space: SpaceState;
  readonly item: string;
  /** Stores this process's newer copy of the item, if it has one, before the row is read. */
  readonly flushOwn: () => Promise<void>;
  /** Commits the same content once more under a new version: its first announcement came too late. */
  readonly announceAgain: () => Promise<unknown>;
};

/**
 * Brings an item from the store into the cache, one loader at a time: `add` a placeholder, read the row, `cas` the placeholder into a head. A store error is never
 * "absent". Throws `Failure` (cache, store) and `RetryLater`.
 */
export async function loadItem(load: Load): Promise<HeldHead> {
  const { deps, space, item } = load;
  const { cache, clock, random } = deps;
  const key = headKey(space.id, item);
  const until = clock.monotonic() + LOOP.updateMs;
  for (let turn = 0; turn < LOOP.turns * 4 && clock.monotonic() < until; turn++) {
    const [entry] = await cache.get([key]);
    const head = entry && decodeHead(entry.value);
    if (entry && head && !isPlaceholder(head)) return { head, token: entry.token };
    if (entry) {
      await clock.sleep(5 + random.fraction() * 20);
      continue;
    }
    const floor = await getFloor(deps, space.id);
    await load.flushOwn();
    const mine = random.id();
    const token = await cache.add(key, encodePlaceholder(mine), LOOP.placeholderSeconds);
    if (!token) continue;
    const loaded = await fillPlaceholder(load, { mine, token, floor });
    if (loaded) return loaded;
  }
  throw new RetryLater('contention', 200);
}

type Lease = { readonly mine: string; readonly token: CasToken; readonly floor: HeldFloor };

async function fillPlaceholder(load: Load, lease: Lease): Promise<HeldHead | undefined> {
  const { deps, values, space, item } = load;
  const { cache, store, metrics } = deps;
  const key = headKey(space.id, item);
  metrics.count('loads');
  try {
    const [record, spaceRecord] = await store.read([itemRowKey(space.id, item), spaceRowKey(space.id)]);
    if (!record) return await putHead(deps, key, absentHead(decodeSpaceRow(spaceRecord).prunedV), lease.token);
    const row = decodeRow(record);
    const stored = row.apart && (await readStored(deps, values.kindOf(row), space.id, item, row));
    if (stored === CHANGED) return await cache.delete(key, lease.token).then(() => undefined);
    if (row.open) return await rollBack(load, lease, { record, stored });
    const ku = lease.floor.floor.F + deps.config.persistMs;
    return await putHead(deps, key, await headOf(load, { row, stored }, ku), lease.token);
  } catch (error) {
    await cache.delete(key, lease.token).catch(() => undefined); // it expires by itself
    throw error;
  }
}

async function putHead(deps: Deps, key: string, head: Head, token: CasToken): Promise<HeldHead | undefined> {
  const outcome = await deps.cache.cas(key, encodeHead(head), token);
  return outcome.status === 'stored' ? { head, token: outcome.token } : undefined;
}

/**
 * An open row without a head. The lease is checked again after the row was read: a loader that slept past the life of its placeholder would otherwise
 * roll the row back under a living head.
 */
async function rollBack(
  load: Load,
  lease: Lease,
  { record, stored }: { readonly record: StoreRecord; readonly stored: unknown },
): Promise<HeldHead | undefined> {
  const { deps, space, item } = load;
  const { cache, store, clock, metrics } = deps;
  const key = headKey(space.id, item);
  const giveUp = () => cache.delete(key, lease.token).then(() => undefined);
  const wait = space.recoveryLeft(lease.floor.floor, clock.monotonic());
  if (wait > 0) {
    await giveUp();
    throw new RetryLater('recovering', wait);
  }
  const [now] = await cache.get([key]);
  const present = now && decodeHead(now.value);
  if (!present || !isPlaceholder(present) || present.loading !== lease.mine) return undefined;
  const { floor } = await getFloor(deps, space.id);
  const cover = { e: floor.e, cu: floor.F + deps.config.persistMs };
  const shard = shardKeyOf(indexShards(deps), space.id, item);
  const row = decodeRow(record);
  if (!(await appendEntry(deps, shard, { item, at: cover.cu, word: String(row.v) }))) {
    await mendShard(deps, space.id, shard, 'index');
    return giveUp();
  }
  const decide = decideRollback(space.id, item, record, cover, clock.now(), RESTORE_MS);
  const rolled = await store.transact([itemRowKey(space.id, item)], decide);
  if (!rolled) return giveUp();
  metrics.count('rollbacks');
  metrics.count('store_writes');
  deps.log.warn({ space: space.id, item, from: row.v, to: rolled.v }, 'item rolled back');
  const head = await headOf(load, { row: rolled, stored }, -1);
  const { cas, read } = await cache.casThenGet(key, encodeHead(head), lease.token, [space.floorKey]);
  if (cas.status !== 'stored') return undefined;
  const after = heldFloor(read[0]);
  if (!after || !isCovered(head, after.floor)) await load.announceAgain();
  return { head, token: cas.token };
}

/** A head with an empty tail: a delta never crosses a load. Large values get a body record of their own first. */
async function headOf(
  { deps, values, space }: Load,
  { row, stored }: { readonly row: Row; readonly stored: unknown },
  ku: number,
): Promise<Head> {
  const kind = values.kindOf(row);
  const { body: _body, apart: _apart, storedAt: _storedAt, ops: _ops, back, ...rest } = row;
  const kept = back ? { ...rest, back: withoutStored(back) } : rest;
  const base: Head = { ...kept, pv: row.v, ku, absent: false, tb: row.v, segs: [], tail: [] };
  if (row.dead) return base;
  const plan = layOut({
    head: base,
    v: row.v,
    fresh: true,
    deltas: [],
    encode: () => (row.apart ? kind.encode(stored) : row.body),
    kind,
    newKey: () => deps.random.id(),
  });
  if (plan.newBody) await writeBody(deps, space.id, plan.newBody);
  return { ...base, ...(plan.ref ? { ref: plan.ref } : { body: plan.body ?? null }) };
}

/** The row goes on with that; every update would write it again. */
function withoutStored({ stored: _stored, ...back }: RolledBack): RolledBack {
  return back;
}

/** Nothing was ever here, or it was pruned: numbers start above everything that was ever given. */
export function absentHead(prunedV: number): Head {
  return {
    kind: DEFAULT_KIND,
    v: prunedV,
    L: prunedV,
    open: false,
    ceil: prunedV,
    pv: prunedV,
    e: '',
    cu: -1,
    ku: -1,
    t: 0,
    index: 0,
    dead: true,
    absent: true,
    born: prunedV,
    tb: prunedV,
    segs: [],
    tail: [],
    seqs: {},
    seqFloor: 0,
    ws: [],
    fence: prunedV,
  };
}
