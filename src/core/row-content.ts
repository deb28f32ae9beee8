import type { Json } from '../base/json.ts';
import type { Head } from '../model/head.ts';
import { valueRowKey } from '../model/keys.ts';
import { type Apart, encodeStoredValue, type Row } from '../model/row.ts';
import type { Change } from '../ports/store.ts';
import { MAX_ROW_DELTA_BYTES } from '../protocol/limits.ts';
import { deltaBytes, reachOf } from './layout.ts';

/** A head with the value it stands for, as it is to be stored: `apart`, in a record of its own. */
export type Snapshot = { readonly head: Head; readonly body: () => Json; readonly apart?: boolean };

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
    storedAt,
  };
}

/** The row of this head, with the value of a row that has the same. */
export function withBody(head: Head, { body, apart }: Row, storedAt: number): Row {
  return apart ? { ...rowOf(head, null, storedAt), apart } : rowOf(head, body, storedAt);
}

/**
 * What the store is to hold of a value, over an older row of the same lineage: within the row; or in a record of its own, and then, until they have grown
 * too many, only the deltas since that was written are added to the row. `wide`: the transaction holds that record; `undefined` where it must and does not.
 */
export function contentOf(
  space: string,
  item: string,
  before: Row,
  snapshot: Snapshot,
  now: number,
  wide = false,
): { readonly row: Row; readonly changes: readonly Change[] } | undefined {
  const { head } = snapshot;
  const grown = snapshot.apart && before.apart ? grownBy(before, before.apart, head) : undefined;
  if (grown) return { row: { ...rowOf(head, null, now), apart: grown }, changes: [] };
  if (!snapshot.apart && !before.apart) return { row: rowOf(head, snapshot.body(), now), changes: [] };
  if (!wide) return undefined;
  const key = valueRowKey(space, item);
  if (!snapshot.apart) return { row: rowOf(head, snapshot.body(), now), changes: [{ key, record: 'delete' }] };
  const record = encodeStoredValue({ v: head.v, body: snapshot.body() });
  const apart = { v: head.v, deltas: [], bytes: 0 };
  return { row: { ...rowOf(head, null, now), apart }, changes: [{ key, record }] };
}

/** With what came since the row was written; `undefined` where the head does not know all of it, or it is too much. */
function grownBy(row: Row, apart: Apart, head: Head): Apart | undefined {
  if (row.v < reachOf(head)) return undefined;
  const more = head.tail.filter((delta) => delta.v > row.v);
  const bytes = more.reduce((sum, delta) => sum + deltaBytes(delta), apart.bytes);
  if (bytes > MAX_ROW_DELTA_BYTES) return undefined;
  return { v: apart.v, deltas: [...apart.deltas, ...more.map(({ v, op }) => [v, op] as const)], bytes };
}
