import type { Json } from '../base/json.ts';
import { MAX_DELTA_BYTES, MAX_SET_BYTES } from '../protocol/limits.ts';
import type { Applied, ApplyContext, Kind } from './kind.ts';
import { type Bias, jsonBytes, opBytes, readSetOp, type SetOp } from './set-ops.ts';
import { type Entries, type Entry, fromSorted, getEntry, NO_ENTRIES, putEntry } from './sorted-entries.ts';

/** Bytes of the encoded set, at most: kept up to date with every change. */
export type SetState = { readonly bias: Bias; readonly entries: Entries; readonly bytes: number };

export type SetValue = {
  readonly members: readonly string[];
  readonly adds: readonly (readonly [element: string, t: number])[];
  readonly removes: readonly (readonly [element: string, t: number])[];
  /** Where it is not `add`. */
  readonly bias?: Bias;
};

/** Elements in their order; times in base 36, those that are not there empty, all in one text each. */
type Encoded = { readonly bias: Bias; readonly e: readonly string[]; readonly a: string; readonly r: string };

/** Not created yet: the bias is still open. */
const NEW: SetState = { bias: 'add', entries: NO_ENTRIES, bytes: 40 };
/** From here on (the year 2059) a time has more than eight digits in base 36, and at most eleven. */
const NINE_DIGITS = 36 ** 8;
/** Commas and quotes around one element and its times. */
const ENTRY_BYTES = 3;

/**
 * LWW-Element-Set (Shapiro et al. 2011): of each element the newest times at which it was added and removed. Both only rise, so that any order, any repetition
 * and any division of the operations give the same set. Equal times are decided by the bias.
 */
export const set: Kind<SetState> = {
  name: 'set',
  keepDeltaBytes: 8_192,
  apartBytes: 16 * 1024,
  lastWins: false,
  empty: () => NEW,
  apply(state: SetState, op: unknown, { now }: ApplyContext): Applied<SetState> {
    const read = readSetOp(op, now);
    if (read.form === 'invalid') return { result: 'invalid', code: read.code, detail: read.detail };
    return read.form === 'create' ? create(state, read.bias) : change(state, read.ops);
  },
  replay(state: SetState, delta: Json): SetState {
    const { ops, create: made } = delta as {
      readonly ops?: readonly SetOp[];
      readonly create?: { readonly bias: Bias };
    };
    if (made) return { ...state, bias: made.bias };
    let result = state;
    for (const each of ops ?? []) result = put(result, each) ?? result;
    return result;
  },
  ops: (delta: Json) => (delta as { readonly ops?: readonly Json[] }).ops ?? [delta],
  encode(state: SetState): Json {
    let encoded = encodings.get(state);
    if (encoded === undefined) {
      encoded = encode(state);
      know(state, encoded);
    }
    return encoded;
  },
  decode(encoded: Json): SetState {
    let state = states.get(encoded as object);
    if (state === undefined) {
      state = decode(encoded as Encoded);
      know(state, encoded as Encoded);
    }
    return state;
  },
  value: (state) => shown(state) as Json,
};

function create(state: SetState, bias: Bias): Applied<SetState> {
  if (state === NEW) return { result: 'ok', state: { ...NEW, bias }, delta: { create: { bias } }, count: 1 };
  if (state.bias === bias) return { result: 'unchanged', extra: { applied: 0, stale: 1 } };
  return { result: 'invalid', code: 'badOp', detail: `the set is there already; its bias is ${state.bias}` };
}

function change(state: SetState, ops: readonly SetOp[]): Applied<SetState> {
  let next = state;
  let deltaBytes = 0;
  const applied: SetOp[] = [];
  for (const op of ops) {
    const changed = put(next, op);
    if (changed === undefined) continue;
    next = changed;
    applied.push(op);
    deltaBytes += opBytes(op[1]);
    if (deltaBytes > MAX_DELTA_BYTES) return { result: 'tooLarge', limit: MAX_DELTA_BYTES };
    if (next.bytes > MAX_SET_BYTES && next.bytes > state.bytes) return { result: 'tooLarge', limit: MAX_SET_BYTES };
  }
  const extra = { applied: applied.length, stale: ops.length - applied.length };
  if (applied.length === 0) return { result: 'unchanged', extra };
  return { result: 'ok', state: next, delta: { ops: applied }, count: applied.length, chars: next.bytes, extra };
}

/** `undefined`: the set has that or something newer. */
function put(state: SetState, [verb, element, t]: SetOp): SetState | undefined {
  const before = getEntry(state.entries, element);
  const added = before?.[1] ?? -1;
  const removed = before?.[2] ?? -1;
  if (t <= (verb === 'add' ? added : removed)) return undefined;
  const entry: Entry = verb === 'add' ? [element, t, removed] : [element, added, t];
  const bytes = state.bytes + (before ? -timeBytes(before) : jsonBytes(element) + ENTRY_BYTES) + timeBytes(entry);
  return { bias: state.bias, entries: putEntry(state.entries, entry), bytes };
}

function timeBytes([, added, removed]: Entry): number {
  return digits(added) + digits(removed);
}

function digits(t: number): number {
  if (t < 0) return 0;
  return t < NINE_DIGITS ? 8 : 11;
}

export function isMember({ bias }: Pick<SetState, 'bias'>, [, added, removed]: Entry): boolean {
  return added > removed || (added === removed && added >= 0 && bias === 'add');
}

function shown(state: SetState): SetValue {
  const members: string[] = [];
  const adds: [string, number][] = [];
  const removes: [string, number][] = [];
  for (const entry of state.entries.flat()) {
    const [element, added, removed] = entry;
    if (isMember(state, entry)) members.push(element);
    if (added >= 0) adds.push([element, added]);
    if (removed >= 0) removes.push([element, removed]);
  }
  return { members, adds, removes, ...(state.bias === 'remove' ? { bias: 'remove' } : {}) };
}

/** The set that has this value. */
export function fromValue({ adds, removes, bias = 'add' }: SetValue): SetState {
  const times = new Map<string, [added: number, removed: number]>();
  for (const [element, t] of adds) times.set(element, [t, -1]);
  for (const [element, t] of removes) times.set(element, [times.get(element)?.[0] ?? -1, t]);
  const entries = [...times].map(([element, [added, removed]]): Entry => [element, added, removed]);
  return fromEntries(
    bias,
    entries.sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** From entries that ascend. */
function fromEntries(bias: Bias, entries: readonly Entry[]): SetState {
  let { bytes } = NEW;
  for (const entry of entries) bytes += jsonBytes(entry[0]) + ENTRY_BYTES + timeBytes(entry);
  return { bias, entries: fromSorted(entries), bytes };
}

/** What was encoded or decoded once is not again: heads in memory carry their encoded value, and every update begins by decoding it. */
const encodings = new WeakMap<SetState, Encoded>();
const states = new WeakMap<object, SetState>();

function know(state: SetState, encoded: Encoded): void {
  encodings.set(state, encoded);
  states.set(encoded, state);
}

/** Most chunks of a set are those of the set before. */
const pieces = new WeakMap<readonly Entry[], Omit<Encoded, 'bias'>>();

function encode({ bias, entries }: SetState): Encoded {
  const all = entries.map(pieceOf);
  return {
    bias,
    e: all.flatMap(({ e }) => e),
    a: all.map(({ a }) => a).join(),
    r: all.map(({ r }) => r).join(),
  };
}

function pieceOf(chunk: readonly Entry[]): Omit<Encoded, 'bias'> {
  let piece = pieces.get(chunk);
  if (piece === undefined) {
    const times = (which: 1 | 2) => chunk.map((entry) => (entry[which] < 0 ? '' : entry[which].toString(36))).join();
    piece = { e: chunk.map(([element]) => element), a: times(1), r: times(2) };
    pieces.set(chunk, piece);
  }
  return piece;
}

function decode({ bias, e, a, r }: Encoded): SetState {
  const [added, removed] = [a.split(','), r.split(',')];
  return fromEntries(
    bias,
    e.map((element, i): Entry => [element, timeOf(added[i]), timeOf(removed[i])]),
  );
}

function timeOf(text = ''): number {
  return text === '' ? -1 : Number.parseInt(text, 36);
}
