import type { LRUCache } from 'lru-cache';
import { itemRowKey, ledgerKey } from '../model/keys.ts';
import { coarse, decodeRow, STORE_SHARDS } from '../model/row.ts';
import { decodeShard } from '../model/shard-record.ts';
import type { StoreKey } from '../ports/store.ts';
import { type CloseParts, closeItem } from './close-item.ts';
import type { SpaceState } from './space-state.ts';

export type SweepParts = CloseParts & {
  /** The same content again, announced; returns its version. */
  readonly recommit: (space: SpaceState, item: string) => Promise<number>;
  readonly space: (id: string) => SpaceState;
  readonly knownSpaces: () => Iterable<SpaceState>;
  /** Open rows that looked abandoned: their stamp, and when (monotonic, ms) this process first saw it. */
  readonly sightings: LRUCache<string, { readonly storedAt: number; readonly at: number }>;
};

/** Items of one sweep; the next one goes on. */
const MAX_SWEPT = 200;

/**
 * What dead instances left. An open row that nobody has stored for 3 N belongs to nobody alive: its item is committed once more (a change that its writer could not
 * announce any more becomes known) and closed. Found by an index of the store, so a process with empty memory and an empty cache finds them too; the ledgers
 * of the spaces that this process knows are looked through besides.
 */
export async function sweepItems(parts: SweepParts, rounds: { readonly isStopped: boolean }): Promise<number> {
  let swept = 0;
  for (const { space, id } of await overdue(parts)) {
    if (rounds.isStopped) break;
    if (await sweepItem(parts, parts.space(space), id)) swept++;
  }
  for (const space of parts.knownSpaces()) {
    if (rounds.isStopped) break;
    for (const id of await overdueInLedger(parts, space)) if (await sweepItem(parts, space, id)) swept++;
  }
  if (swept > 0) parts.deps.metrics.count('swept_items', swept);
  return swept;
}

async function overdue({ deps }: SweepParts): Promise<StoreKey[]> {
  const before = coarse(deps.clock.now() - 3 * deps.config.persistMs);
  const found: StoreKey[] = [];
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    found.push(...(await deps.store.query('due', `${shard}/`, `${shard}/${before}`, MAX_SWEPT)));
  }
  return found.slice(0, MAX_SWEPT);
}

async function overdueInLedger({ deps }: SweepParts, space: SpaceState): Promise<string[]> {
  const keys = Array.from({ length: deps.config.ledgerShards }, (_, shard) => ledgerKey(space.id, shard));
  const before = deps.clock.now() - 4 * deps.config.persistMs;
  const old = new Set<string>();
  const young = new Set<string>();
  for (const entry of await deps.cache.get(keys)) {
    for (const line of entry ? decodeShard(entry.value).entries : []) (line.at < before ? old : young).add(line.item);
  }
  return [...old].filter((id) => !young.has(id)).slice(0, MAX_SWEPT);
}

async function sweepItem(parts: SweepParts, space: SpaceState, item: string): Promise<boolean> {
  const { deps, heads, dirtiness } = parts;
  if (dirtiness.get(space, item)) return false; // ours: the flusher closes it
  try {
    const { held } = await heads.forWrite(space, item, true);
    const [record] = await deps.store.read([itemRowKey(space.id, item)]);
    const row = record && decodeRow(record);
    // While nobody reads, the ledger entry of an item that is moved stays as old as its opening; its row does not.
    if (row?.open && row.storedAt > deps.clock.now() - 3 * deps.config.persistMs) return false;
    if (row?.open && !abandoned(parts, `${space.id}/${item}`, row.storedAt)) return false;
    const stillOpen = held.head.open || row?.open === true;
    const announced = stillOpen ? await parts.recommit(space, item) : 0;
    return await closeItem(parts, space, item, announced);
  } catch (error) {
    deps.log.warn({ space: space.id, item, error: String(error) }, 'sweep of an item failed');
    return false;
  }
}

/**
 * Has nobody stored the item for N, measured by this process's own clock? The stamp in the row is of another clock, which may be behind by a minute; that
 * it does not move tells the truth.
 */
function abandoned({ deps, sightings }: SweepParts, key: string, storedAt: number): boolean {
  const now = deps.clock.monotonic();
  const before = sightings.get(key);
  if (before?.storedAt === storedAt) return now - before.at >= deps.config.persistMs;
  sightings.set(key, { storedAt, at: now });
  return false;
}
