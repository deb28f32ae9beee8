import { encodeHead } from '../model/head.ts';
import { headKey } from '../model/keys.ts';
import type { ShardEntry } from '../model/shard-record.ts';
import { decodeShard, encodeShard } from '../model/shard-record.ts';
import type { Deps, HeldHead } from './context.ts';
import { CHANGED } from './context.ts';
import type { Dirtiness } from './dirtiness.ts';
import { markStored, persist, snapshotOf } from './durable.ts';
import type { Heads } from './heads.ts';
import { ledgerShards, shardKeyOf } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import type { Values } from './values.ts';

export type CloseParts = {
  readonly deps: Deps;
  readonly values: Values;
  readonly heads: Heads;
  readonly dirtiness: Dirtiness;
  /** Readers may be told something new. */
  readonly hint: (space: SpaceState) => void;
};

/**
 * Ends the opening of an item: content stored, row and head closed, ledger entries gone. In this order:
 *
 * 1. read the item's ledger entries; 2. `cas` the head closed, which makes every writer fail that judged from an older one, so that whoever
 * writes later has appended an entry we have not read; 3. store and close the row; 4. remove exactly the entries read.
 *
 * The head is closed before the row: a number could otherwise be acknowledged above a row that claims to be final. `announced`: the newest version proved to be
 * covered. `isLast`: the ledger ends with this process and is left as it is; to clear it costs the more the more is open. Returns whether the item is closed.
 */
export async function closeItem(
  parts: CloseParts,
  space: SpaceState,
  item: string,
  announced: number,
  isLast = false,
): Promise<boolean> {
  const { deps, values, heads } = parts;
  const entries = isLast ? [] : await readEntries(deps, space.id, item);
  const { held } = await heads.forWrite(space, item, true);
  if (held.head.absent) return removeEntries(deps, space.id, item, entries).then(() => true);
  const state = await values.stateOf(space.id, item, held);
  if (state === CHANGED) return false;
  const closed = await casClosed(deps, space, item, held, announced);
  if (!closed) return false;
  const snapshot = snapshotOf(values, closed.head, state);
  const done = await persist(deps, space.id, item, snapshot, true);
  if (done.over) {
    await dropZombie(deps, space, item, closed);
    return false;
  }
  parts.dirtiness.stored(space, item, snapshot);
  await markStored(deps, space, item, closed, { v: closed.head.v, L: closed.head.L, announced: false });
  parts.hint(space);
  await removeEntries(deps, space.id, item, entries);
  return true;
}

async function casClosed(
  deps: Deps,
  space: SpaceState,
  item: string,
  held: HeldHead,
  announced: number,
): Promise<HeldHead | undefined> {
  const head = { ...held.head, open: false, av: Math.max(held.head.av ?? 0, Math.min(announced, held.head.v)) };
  const outcome = await deps.cache.cas(headKey(space.id, item), encodeHead(head), held.token);
  if (outcome.status !== 'stored') {
    space.held.delete(item);
    return undefined;
  }
  const closed = { head, token: outcome.token };
  space.held.set(item, closed);
  return closed;
}

/** A head of a lineage that the store has given up: it can never be stored, so it goes, and a load says what became of it. */
export async function dropZombie(deps: Deps, space: SpaceState, item: string, held: HeldHead): Promise<void> {
  await deps.cache.delete(headKey(space.id, item), held.token);
  space.held.delete(item);
}

async function readEntries(deps: Deps, space: string, item: string): Promise<ShardEntry[]> {
  const [entry] = await deps.cache.get([shardKeyOf(ledgerShards(deps), space, item)]);
  return entry ? decodeShard(entry.value).entries.filter((line) => line.item === item) : [];
}

/** Removes exactly these entries. Losing the race a few times is fine: an entry too many costs a look. */
async function removeEntries(deps: Deps, space: string, item: string, gone: readonly ShardEntry[]): Promise<void> {
  if (gone.length === 0) return;
  const key = shardKeyOf(ledgerShards(deps), space, item);
  const words = new Set(gone.map((line) => line.word));
  for (let turn = 0; turn < 5; turn++) {
    const [entry] = await deps.cache.get([key]);
    if (!entry) return;
    const shard = decodeShard(entry.value);
    const kept = shard.entries.filter((line) => line.item !== item || !words.has(line.word));
    if (kept.length === shard.entries.length) return;
    const since = Number.isFinite(shard.since) ? shard.since : null;
    const outcome = await deps.cache.cas(key, encodeShard({ e: shard.e, since }, kept), entry.token);
    if (outcome.status === 'stored') return;
  }
}
