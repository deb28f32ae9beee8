import type { Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Delta, Head, Segment } from '../model/head.ts';
import type { Version } from '../protocol/ids.ts';
import { MAX_INLINE_BYTES, MAX_SEGMENTS_BYTES, MAX_TAIL_BYTES } from '../protocol/limits.ts';

/*
 * Where the value and the recent deltas of an item are kept: pure. A small value lives in the head. A large one lives in a body record as of some
 * version, followed by the deltas in the head's tail; when the tail grows too long, body and a segment with the old tail are
 * written under new names first, and then the head refers to them. So a write costs the tail, not the value, and a head stays small.
 */

/** Records to be written before the head that names them. `key`s are made by the caller. */
export type Layout = {
  readonly body?: Json;
  readonly ref?: Head['ref'];
  readonly tb: number;
  readonly segs: readonly Segment[];
  readonly tail: readonly Delta[];
  readonly newBody?: { readonly key: string; readonly encoded: string };
  readonly newSegment?: { readonly key: string; readonly deltas: readonly Delta[] };
};

export type LayoutInput = {
  /** The head before; its tail is dropped where `fresh`. */
  readonly head: Head;
  readonly v: number;
  /** Nothing of the older deltas may be kept: creation, deletion, rollback. */
  readonly fresh: boolean;
  /** None when the content stays the same. */
  readonly deltas: readonly Delta[];
  /** Encodes the value at v; called only where needed, as it may be large. */
  readonly encode: () => Json;
  /** Length of the encoded value as JSON, UTF-16 units, where it is known. */
  readonly chars?: number | undefined;
  readonly kind: Pick<Kind, 'keepDeltaBytes' | 'inlineBytes' | 'tailBytes'>;
  /** Kinds that keep their history: deltas after this version are in the tail until the store has them. */
  readonly keepAfter?: Version;
  readonly newKey: () => string;
};

export function layOut(input: LayoutInput): Layout {
  const { head, deltas, v } = input;
  const begins = input.keepAfter === undefined ? [] : deltas; // they lead nowhere, but are not stored yet
  const tail = input.fresh ? begins : [...head.tail, ...deltas];
  const segs = input.fresh ? [] : head.segs;
  const tb = input.fresh ? v : head.tb;
  const keepsRef = head.ref !== undefined && !input.fresh && tailBytes(tail) <= maxTail(input, head.ref.bytes);
  if ((keepsRef && deltas.every(fits)) || (deltas.length === 0 && !input.fresh)) {
    return { ...(head.ref ? { ref: head.ref } : { body: head.body ?? null }), tb, segs, tail };
  }
  const inline = input.kind.inlineBytes ?? MAX_INLINE_BYTES;
  const encoded = input.encode();
  if (input.chars !== undefined && input.chars * 3 <= inline)
    return { body: encoded, ...inlineTail(input, tb, segs, tail, input.chars) };
  const text = JSON.stringify(encoded);
  const bytes = text.length * 3 <= inline ? text.length : Buffer.byteLength(text);
  if (bytes <= inline) return { body: encoded, ...inlineTail(input, tb, segs, tail, bytes) };
  const key = input.newKey();
  const ref = { key, v, bytes };
  return { ref, newBody: { key, encoded: text }, ...foldTail(input, tb, segs, tail, kept(input, bytes)) };
}

/** Bytes of deltas in the head itself, beside a value of so many. */
function maxTail({ kind }: LayoutInput, bytes: number): number {
  return kind.tailBytes?.(bytes) ?? MAX_TAIL_BYTES;
}

/** Bytes of deltas that are kept in all. */
function kept({ kind }: LayoutInput, bytes: number): number {
  return Math.min(Math.max(bytes, kind.keepDeltaBytes), MAX_SEGMENTS_BYTES);
}

/** Deltas after this version do not leave the head. */
function keepAfter(input: LayoutInput): Version {
  return input.keepAfter ?? Number.POSITIVE_INFINITY;
}

/** The deltas beside a value in the head: where its kind bounds them by itself, more of them go to segments, else the oldest are dropped. */
function inlineTail(
  input: LayoutInput,
  tb: number,
  segs: readonly Segment[],
  tail: readonly Delta[],
  bytes: number,
): Pick<Layout, 'tb' | 'segs' | 'tail' | 'newSegment'> {
  const max = maxTail(input, bytes);
  if (!input.kind.tailBytes) return trimTail(tb, segs, tail, Math.min(kept(input, bytes), max), keepAfter(input));
  return tailBytes(tail) <= max ? { tb, segs, tail } : foldTail(input, tb, segs, tail, kept(input, bytes));
}

function fits(delta: Delta): boolean {
  return deltaBytes(delta) <= MAX_INLINE_BYTES;
}

/** Drops the oldest deltas of a head whose value is small: beyond `limit` bytes they would cost more than the value. */
function trimTail(
  tb: number,
  segs: readonly Segment[],
  tail: readonly Delta[],
  limit: number,
  keepAfter: Version,
): Pick<Layout, 'tb' | 'segs' | 'tail'> {
  let kept = tail.length;
  let bytes = 0;
  while (kept > 0) {
    const delta = tail[kept - 1] as Delta;
    bytes += deltaBytes(delta);
    if (bytes > limit && delta.v <= keepAfter) break;
    kept--;
  }
  if (kept === 0) return { tb, segs, tail };
  return { tb: (tail[kept - 1] as Delta).v, segs: [], tail: tail.slice(kept) };
}

/** Moves the tail, as far as it may leave the head, into a segment; drops the oldest segments beyond `limit` bytes. */
function foldTail(
  input: LayoutInput,
  tb: number,
  segs: readonly Segment[],
  all: readonly Delta[],
  limit: number,
): Pick<Layout, 'tb' | 'segs' | 'tail' | 'newSegment'> {
  const tail = all.filter(({ v }) => v <= keepAfter(input));
  const kept = all.slice(tail.length);
  const last = tail.at(-1);
  const bytes = tailBytes(tail);
  if (!last) return { tb, segs, tail: kept };
  if (bytes > limit) return { tb: last.v, segs: [], tail: kept };
  const from = segs.at(-1)?.to ?? tb;
  const segment: Segment = { key: input.newKey(), from, to: last.v, bytes };
  const named = [...segs, segment];
  let total = named.reduce((sum, each) => sum + each.bytes, 0);
  while (total > limit) total -= (named.shift() as Segment).bytes;
  return { tb: named[0]?.from ?? last.v, segs: named, tail: kept, newSegment: { key: segment.key, deltas: tail } };
}

/** The version that the deltas in the head itself begin after. */
export function reachOf(head: Head): number {
  return head.tail.length > 0 ? (head.segs.at(-1)?.to ?? head.tb) : head.v;
}

/** Bytes of the deltas, near enough: what JSON takes, in UTF-16 units where text is ASCII. */
export function tailBytes(tail: readonly Delta[]): number {
  let bytes = 0;
  for (const delta of tail) bytes += deltaBytes(delta);
  return bytes;
}

const sizes = new WeakMap<Delta, number>();

export function deltaBytes(delta: Delta): number {
  let bytes = sizes.get(delta);
  if (bytes === undefined) {
    const undo = delta.u === undefined ? 0 : Buffer.byteLength(JSON.stringify(delta.u)) + 5;
    bytes = Buffer.byteLength(JSON.stringify(delta.op)) + undo + 60;
    sizes.set(delta, bytes);
  }
  return bytes;
}

/** Keys that `before` names and `after` does not: they may go once `after` stands. */
export function droppedKeys(before: Head, after: Head): string[] {
  if (!before.ref && before.segs.length === 0) return [];
  const kept = new Set(namedKeys(after));
  return namedKeys(before).filter((key) => !kept.has(key));
}

function namedKeys(head: Head): string[] {
  return [...(head.ref ? [head.ref.key] : []), ...head.segs.map((segment) => segment.key)];
}
