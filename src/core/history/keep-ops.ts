import type { Json } from '../../base/json.ts';
import type { Delta, Fork, Head } from '../../model/head.ts';
import { endedRowKey, opsRowKey } from '../../model/keys.ts';
import { archiveShard, decodeOps, encodeEnded, encodeOps, segmentDue } from '../../model/ops-record.ts';
import { coarse, type Row, type RowOps } from '../../model/row.ts';
import type { Change, StoreKey, StoreRecord } from '../../ports/store.ts';
import { MAX_ARCHIVE_BYTES, MAX_ARCHIVE_OPS, MAX_FORKS, MAX_ROW_TAIL_BYTES } from '../../protocol/limits.ts';
import { tailBytes } from '../layout.ts';

/*
 * Kinds with `ops` keep their history. The head's tail holds every operation that the store does not have; whatever writes the row takes them over, in the
 * same transaction: into the row's own tail, and when that is long, into an archive record, which belongs to the life of the item that began with `born`. So
 * row and archive always tell of the same operations, and a rollback takes both back together. Pure.
 */

/** The single operations of a delta. */
export type SplitOps = (delta: Json) => readonly Json[];

/** Records that the transaction shows besides the row. */
export type Shown = { readonly keys: readonly StoreKey[]; readonly records: readonly (StoreRecord | undefined)[] };

export type Kept =
  /** What the row is to say, and the changes of other records that go with it. */
  | { readonly outcome: 'kept'; readonly ops: { readonly ops?: RowOps }; readonly changes: readonly Change[] }
  /** It cannot be decided without these records. */
  | { readonly outcome: 'needs'; readonly keys: readonly StoreKey[] }
  /** The head does not have all that the row lacks: it cannot be stored. */
  | { readonly outcome: 'broken' };

const NOTHING: Kept = { outcome: 'kept', ops: {}, changes: [] };
const BEGINNING: RowOps = { at: 0, first: 1, bytes: 0, tail: [] };

/** Whose row it is, and the server time of the write. */
export type Place = { readonly space: string; readonly item: string; readonly now: number };

/** What becomes of the operations when a row is replaced by that of `head`. */
export function keepOps(place: Place, row: Row, head: Head, split: SplitOps | undefined, shown: Shown): Kept {
  if (split === undefined && row.ops === undefined) return NOTHING;
  const same = row.ops !== undefined && !head.dead && head.born === row.born;
  const ended = row.ops !== undefined && !same ? [endedChange(place, row)] : [];
  const goesOn = split !== undefined && !head.dead;
  const begun = same && row.ops ? { ops: row.ops, v: row.v, index: row.index } : { ops: BEGINNING, v: 0, index: 0 };
  const fresh = head.tail.filter(({ v }) => v > begun.v);
  if (goesOn && !continues(fresh, begun.index, head.index, split)) return { outcome: 'broken' };
  const tail = fresh.length > 0 ? [...begun.ops.tail, ...fresh] : begun.ops.tail;
  const bytes = goesOn ? tailBytes(tail) : 0;
  const target = bytes > MAX_ROW_TAIL_BYTES ? targetOf(place, begun.ops, head, bytes) : undefined;
  const keys = [...ended.map(({ key }) => key), ...(target ? [target.key] : [])];
  if (!keys.every((key) => isShown(shown.keys, key))) return { outcome: 'needs', keys };
  if (!goesOn) return { outcome: 'kept', ops: {}, changes: ended };
  if (!target) return { outcome: 'kept', ops: { ops: { ...begun.ops, tail } }, changes: ended };
  const grown = target.grows ? shown.records[shown.keys.findIndex((key) => isSame(key, target.key))] : undefined;
  const due = segmentDue(archiveShard(place.space, place.item), place.now);
  const record = encodeOps(grown ? [...decodeOps(grown), ...tail] : tail, due);
  const ops: RowOps = { at: head.index, first: target.first, bytes: target.bytes, tail: [] };
  return { outcome: 'kept', ops: { ops }, changes: [...ended, { key: target.key, record }] };
}

export function isShown(shown: readonly StoreKey[], key: StoreKey): boolean {
  return shown.some((one) => isSame(one, key));
}

function isSame(one: StoreKey, other: StoreKey): boolean {
  return one.kind === other.kind && one.id === other.id;
}

/** The archive record that takes the operations of the row's tail: the last one, as long as it has room. */
function targetOf({ space, item }: Place, { at, first, bytes }: RowOps, head: Head, more: number) {
  const room = bytes + more <= MAX_ARCHIVE_BYTES && head.index - first + 1 <= MAX_ARCHIVE_OPS;
  const grows = first <= at && room;
  const begins = grows ? first : at + 1;
  const key = opsRowKey(space, item, head.born, begins);
  return { grows, key, first: begins, bytes: grows ? bytes + more : more };
}

function endedChange({ space, item, now }: Place, row: Row): Change {
  const due = `${archiveShard(space, item)}/${coarse(now)}`;
  return { key: endedRowKey(space, item, row.born), record: encodeEnded(due) };
}

/** Do these deltas lead from one index to the other without a gap? */
function continues(deltas: readonly Delta[], from: number, to: number, split: SplitOps): boolean {
  let at = from;
  for (const delta of deltas) {
    at += split(delta.op).length;
    if ((delta.i ?? at) !== at) return false;
  }
  return at === to;
}

/** Deltas of a head that the store may lack. */
export function unstored(head: Head): readonly Delta[] {
  return head.tail.filter(({ v }) => v > head.pv);
}

/** The rollbacks of a life, with one more. Of many, the oldest are told as one: whoever comes from before them is sent back further than need be. */
export function addFork(forks: readonly Fork[] = [], fork: Fork): readonly Fork[] {
  const all = [...forks, fork];
  const [first, second, ...rest] = all;
  if (all.length <= MAX_FORKS || !first || !second) return all;
  return [[second[0], Math.min(first[1], second[1])], ...rest];
}
