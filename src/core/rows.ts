import type { RolledBack } from '../model/head.ts';
import { itemRowKey, spaceRowKey } from '../model/keys.ts';
import { decodeRow, decodeSpaceRow, encodeRow, encodeSpaceRow, type Row, type SpaceRow } from '../model/row.ts';
import type { Change, Decision, StoreKey, StoreRecord } from '../ports/store.ts';
import type { Version } from '../protocol/ids.ts';
import { addFork } from './history/keep-ops.ts';
import { contentOf, joined, rowOf, type Snapshot, storedSince } from './row-content.ts';

/*
 * What the store may be told, decided inside its transactions: pure, safe to run again. `ceil` names an opening: each reservation raises it.
 * `L` names a lineage: each rollback raises it.
 */

type Records = readonly (StoreRecord | undefined)[];

export type Reserved =
  | { readonly outcome: 'reserved'; readonly ceil: Version; readonly needs?: undefined }
  /** The row is not of this head's life: the head must be loaded again. */
  | { readonly outcome: 'stale'; readonly needs?: readonly StoreKey[] };

/**
 * Opens a closed item, or reserves more numbers: the row keeps the old content, gets a higher ceiling and is open. A row that another writer of the same
 * lineage has opened meanwhile is taken as it is. Content newer than the row's (a release whose store write failed) is stored with it.
 */
export function decideReserve(
  space: string,
  item: string,
  snapshot: Snapshot,
  next: { readonly ceil: Version; readonly now: number },
  shown: readonly StoreKey[] = [],
): (records: Records) => Decision<Reserved> {
  const { head } = snapshot;
  return ([record, ...others]) => {
    const spaceRecord = head.dead ? others[0] : undefined;
    const key = itemRowKey(space, item);
    if (!record) {
      const pruned = decodeSpaceRow(spaceRecord);
      if (!head.absent || pruned.prunedV !== head.v) return { changes: [], result: { outcome: 'stale' } };
      const row = rowOf({ ...head, open: true, ceil: next.ceil }, snapshot.body(), next.now);
      return {
        changes: [{ key, record: encodeRow(space, item, row) }, ...livingSpace(space, spaceRecord, next.now)],
        result: { outcome: 'reserved', ceil: next.ceil },
      };
    }
    const row = decodeRow(record);
    // A head that says "nothing here" is of this life as long as the row has no content: another writer opened the same new item a moment ago.
    if (row.L !== head.L || (head.absent && row.v !== head.v)) return { changes: [], result: { outcome: 'stale' } };
    if (row.open && row.ceil > head.ceil && row.ceil > head.v)
      return { changes: [], result: { outcome: 'reserved', ceil: row.ceil } };
    if (row.ceil !== head.ceil) return { changes: [], result: { outcome: 'stale' } };
    const place = { space, item, now: next.now };
    const records = others.slice(head.dead ? 1 : 0);
    const content = row.v < head.v ? contentOf(place, row, snapshot, shown, records) : { row, changes: [] };
    if ('needs' in content) return { changes: [], result: { outcome: 'stale', needs: content.needs } };
    if ('broken' in content) return { changes: [], result: { outcome: 'stale' } };
    const opened = { ...content.row, open: true, ceil: next.ceil, storedAt: next.now };
    const living = head.dead ? livingSpace(space, spaceRecord, next.now) : [];
    return {
      changes: [{ key, record: encodeRow(space, item, opened) }, ...living, ...content.changes],
      result: { outcome: 'reserved', ceil: next.ceil },
    };
  };
}

/** A space begins, or goes on in spite of being deleted, with what comes to life in it. */
export function livingSpace(space: string, record: StoreRecord | undefined, now: number): Change[] {
  const row = decodeSpaceRow(record);
  if (record && row.ending === undefined) return [];
  const { ending: _ending, ...rest } = row;
  return [{ key: spaceRowKey(space), record: encodeSpaceRow({ ...rest, createdAt: row.createdAt || now }) }];
}

export type Persisted = {
  /** The row holds this version, or a later one of the same lineage. */
  readonly durable: boolean;
  readonly wrote: boolean;
  /** The row is of another lineage, or gone: this head's life is over. */
  readonly over: boolean;
  /** Nothing was decided: these records have to be shown. */
  readonly needs?: readonly StoreKey[];
};

/**
 * Stores a version over an older one of the same lineage; with `close`, also ends the opening that the head belongs to. A later opening (a higher ceiling) is
 * left open. Never inserts: a row that is gone was pruned.
 */
export function decidePersist(
  space: string,
  item: string,
  snapshot: Snapshot,
  close: boolean,
  now: number,
  shown: readonly StoreKey[] = [],
): (records: Records) => Decision<Persisted> {
  const { head } = snapshot;
  return ([record, ...records]) => {
    if (!record) return { changes: [], result: { durable: false, wrote: false, over: true } };
    const row = decodeRow(record);
    if (row.L !== head.L) return { changes: [], result: { durable: false, wrote: false, over: true } };
    const closes = close && row.open && row.ceil === head.ceil && row.v <= head.v;
    if (row.v >= head.v && !closes) return { changes: [], result: { durable: true, wrote: false, over: false } };
    const content = contentOf({ space, item, now }, row, snapshot, shown, records);
    if ('needs' in content)
      return { changes: [], result: { durable: false, wrote: false, over: false, needs: content.needs } };
    if ('broken' in content) return { changes: [], result: { durable: false, wrote: false, over: true } };
    const next = { ...content.row, ceil: row.ceil, open: closes ? false : row.open };
    return {
      changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, next) }, ...content.changes],
      result: { durable: true, wrote: true, over: false },
    };
  };
}

/**
 * The cache lost an open item: nobody can know which of the reserved numbers were used, so the stored content comes back above all of them,
 * in a new lineage. Requires the row to be exactly as it was read.
 */
export function decideRollback(
  space: string,
  item: string,
  read: StoreRecord,
  cover: { readonly e: string; readonly cu: number },
  now: number,
  restoreMs: number,
): (records: Records) => Decision<Row | undefined> {
  return ([record]) => {
    if (!record || record.data !== read.data) return { changes: [], result: undefined };
    const row = decodeRow(record);
    const v = row.ceil + 1;
    const back = markOf(row, now, restoreMs);
    const { lock: _lock, ...rest } = row;
    const next: Row = { ...rest, v, fence: v, ceil: v, open: false, L: row.L + 1, ...cover, back, storedAt: now };
    const result = row.ops ? { ...next, forks: addFork(row.forks, [next.L, row.index]) } : next;
    return { changes: [{ key: itemRowKey(space, item), record: encodeRow(space, item, result) }], result };
  };
}

/** Rollbacks before the last one that are kept in mind. */
const MAX_EARLIER = 3;

/** What an earlier rollback took may still be missing, besides what this one takes. */
function markOf(row: Row, now: number, restoreMs: number): RolledBack {
  const { v, ceil, back } = row;
  const mark = { from: v, ceil, got: v, untilMs: now + restoreMs };
  if (!back) return mark;
  const { before = [], brought, stored: _stored, ...last } = back;
  const stored = storedSince(row);
  const led = ({ stored: first, ...one }: RolledBack): RolledBack => ({ ...one, ...joined(first, stored) });
  const all = [{ ...last, ...(stored && { stored }) }, ...before.map(led)];
  const earlier = all.filter(({ untilMs, got, ceil: to }) => untilMs >= now && got < to);
  if (earlier.length === 0) return mark;
  return { ...mark, before: earlier.slice(0, MAX_EARLIER), ...(brought && { brought }) };
}

export type PruneLimits = {
  /** Server times: younger tombstones stay; older ones than the second go even if the floor of their space stands still, as nobody reads it. */
  readonly diedBefore: number;
  readonly diedLongBefore: number;
  readonly epoch: string;
  /** Floor time: those that markers may still ask for stay. */
  readonly coverBefore: number;
};

/** Forgets a tombstone; the space remembers how high its numbers went and until when markers may still ask for it. */
export function decidePrune(space: string, item: string, limits: PruneLimits): (records: Records) => Decision<boolean> {
  return ([record, spaceRecord]) => {
    const row = record && decodeRow(record);
    if (!row?.dead || row.open || row.t >= limits.diedBefore) return { changes: [], result: false };
    if (row.e === limits.epoch && row.cu >= limits.coverBefore && row.t >= limits.diedLongBefore)
      return { changes: [], result: false };
    const before = decodeSpaceRow(spaceRecord);
    const after: SpaceRow = {
      ...before,
      prunedV: Math.max(before.prunedV, row.ceil),
      ...prunedCover(before, row, limits.epoch),
    };
    return {
      changes: [
        { key: itemRowKey(space, item), record: 'delete' },
        { key: spaceRowKey(space), record: encodeSpaceRow(after) },
      ],
      result: true,
    };
  };
}

function prunedCover(before: SpaceRow, row: Row, epoch: string): Pick<SpaceRow, 'prunedE' | 'prunedCu'> {
  if (row.e !== epoch) return { prunedE: before.prunedE, prunedCu: before.prunedCu };
  const known = before.prunedE === epoch ? before.prunedCu : -1;
  return { prunedE: epoch, prunedCu: Math.max(known, row.cu) };
}
