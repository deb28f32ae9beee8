import type { Json } from '../base/json.ts';
import type { Head, RolledBack, StoredDelta } from '../model/head.ts';
import { valueRowKey } from '../model/keys.ts';
import { type Apart, encodeStoredValue, type Row } from '../model/row.ts';
import type { Change, StoreKey, StoreRecord } from '../ports/store.ts';
import { MAX_FOLLOWING_BYTES, MAX_ROW_DELTA_BYTES } from '../protocol/limits.ts';
import { isShown, keepOps, type Place, type SplitOps } from './history/keep-ops.ts';
import { deltaBytes, reachOf } from './layout.ts';

/** A head with the value it stands for, as it is to be stored: `apart`, in a record of its own. */
export type Snapshot = {
  readonly head: Head;
  readonly body: () => Json;
  readonly apart?: boolean;
  /** Of kinds that keep their history. */
  readonly ops?: SplitOps | undefined;
  /** What is lost of it is brought back upon what came before. */
  readonly bringsBack?: boolean;
};

export function rowOf(head: Head, body: Json, storedAt: number): Row {
  return {
    kind: head.kind,
    v: head.v,
    L: head.L,
    ceil: head.ceil,
    open: head.open,
    e: head.e,
    cu: head.cu,
    t: head.t,
    index: head.index,
    dead: head.dead,
    born: head.born,
    body,
    seqs: head.seqs,
    seqFloor: head.seqFloor,
    ws: head.ws,
    fence: head.fence,
    ...(head.lock ? { lock: head.lock } : {}),
    ...(head.back ? { back: head.back } : {}),
    ...(head.restoredBy ? { restoredBy: head.restoredBy } : {}),
    ...(head.forks ? { forks: head.forks } : {}),
    storedAt,
  };
}

export type Content =
  | { readonly row: Row; readonly changes: readonly Change[] }
  /** It cannot be decided without these records in the transaction. */
  | { readonly needs: readonly StoreKey[] }
  /** The head does not have all the operations that the row lacks: it cannot be stored. */
  | { readonly broken: true };

/**
 * What the store is to hold of a head over an older row of the same lineage, or one of the same version. The value is within the row; or in a record of its own,
 * and then, until they have grown too many, only the deltas since that was written are added to the row. Operations that are kept: see `keepOps`.
 */
export function contentOf(
  place: Place,
  before: Row,
  snapshot: Snapshot,
  shown: readonly StoreKey[],
  records: readonly (StoreRecord | undefined)[],
): Content {
  const { head } = snapshot;
  const ops = keepOps(place, before, head, snapshot.ops, { keys: shown, records });
  if (ops.outcome === 'broken') return { broken: true };
  const value = valuePlan(place, before, snapshot);
  const missing = value.key && !isShown(shown, value.key) ? [value.key] : [];
  if (ops.outcome === 'needs') return { needs: [...missing, ...ops.keys.filter((key) => !isShown(shown, key))] };
  if (missing.length > 0) return { needs: missing };
  const { body, apart, changes } = value.make();
  const back = snapshot.bringsBack ? markFollowed(before, head) : undefined;
  const row = { ...rowOf(head, body, place.now), ...(back && { back }), ...(apart && { apart }), ...ops.ops };
  return { row, changes: [...changes, ...ops.changes] };
}

/** The mark of the last rollback with what the store has got since: should there be another, that leads from what the first one left to what the second did. */
function markFollowed(row: Row, head: Head): RolledBack | undefined {
  if (!head.back || (row.v < head.v && row.v < reachOf(head))) return head.back;
  const more = head.tail.filter(({ v }) => v > row.v).map(({ v, op, c, s, r }) => ({ v, op, c, s, r }));
  return { ...head.back, ...joined(storedSince(row), more) };
}

/** What was stored since the rollback, where it is known. */
export function storedSince({ v, back }: Pick<Row, 'v' | 'back'>): readonly StoredDelta[] | undefined {
  return back && v === back.ceil + 1 ? [] : back?.stored;
}

/** `stored` of a mark. */
export function joined(
  first: readonly StoredDelta[] | undefined,
  then: readonly StoredDelta[] | undefined,
): Pick<RolledBack, 'stored'> {
  if (!first || !then) return {};
  const stored = [...first, ...then];
  return JSON.stringify(stored).length > MAX_FOLLOWING_BYTES ? {} : { stored };
}

type StoredValuePlan = {
  /** The record of the value, where it changes. */
  readonly key?: StoreKey;
  readonly make: () => { readonly body: Json; readonly apart?: Apart | undefined; readonly changes: readonly Change[] };
};

function valuePlan({ space, item }: Place, before: Row, snapshot: Snapshot): StoredValuePlan {
  const { head } = snapshot;
  if (before.v === head.v) return { make: () => ({ body: before.body, apart: before.apart, changes: [] }) };
  const grown = snapshot.apart && before.apart ? grownBy(before, before.apart, head) : undefined;
  if (grown) return { make: () => ({ body: null, apart: grown, changes: [] }) };
  if (!snapshot.apart && !before.apart) return { make: () => ({ body: snapshot.body(), changes: [] }) };
  const key = valueRowKey(space, item);
  if (!snapshot.apart) return { key, make: () => ({ body: snapshot.body(), changes: [{ key, record: 'delete' }] }) };
  const make = () => {
    const record = encodeStoredValue({ v: head.v, body: snapshot.body() });
    return { body: null, apart: { v: head.v, deltas: [], bytes: 0 }, changes: [{ key, record }] };
  };
  return { key, make };
}

/** With what came since the row was written; `undefined` where the head does not know all of it, or it is too much. */
function grownBy(row: Row, apart: Apart, head: Head): Apart | undefined {
  if (row.v < reachOf(head)) return undefined;
  const more = head.tail.filter((delta) => delta.v > row.v);
  const bytes = more.reduce((sum, delta) => sum + deltaBytes(delta), apart.bytes);
  if (bytes > MAX_ROW_DELTA_BYTES) return undefined;
  return { v: apart.v, deltas: [...apart.deltas, ...more.map(({ v, op }) => [v, op] as const)], bytes };
}
