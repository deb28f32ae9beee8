import { Failure } from '../../ports/failure.ts';
import type { Decision, StoreKey, StoreRecord } from '../../ports/store.ts';
import { MAX_COMMIT_BYTES, MAX_COMMIT_MUTATIONS } from '../../protocol/limits.ts';
import { type Write, writeBytes } from './datastore-codec.ts';
import type { Found } from './datastore-lookup.ts';
import { checkChanges, keyText } from './guards.ts';

export type Call = {
  readonly keys: readonly StoreKey[];
  /** `keyText` of the keys. */
  readonly texts: readonly string[];
  /** Spaces of the keys, each once. */
  readonly spaces: readonly string[];
  readonly decide: (records: readonly (StoreRecord | undefined)[]) => Decision<() => void>;
  readonly reject: (error: unknown) => void;
  /** Monotonic time, ms. */
  readonly deadline: number;
  failures: number;
  /** Most calls it may share a commit with, itself included: halved to find the one that spoils a commit. */
  share: number;
  /** Commits whose answer was lost: the tag each wrote, and how to settle if it turns out to have been applied. */
  doubts: { readonly tag: string; readonly settle: () => void }[];
};

/** Entity groups in one transaction, where the database counts them. */
const MAX_SPACES = 25;

type Taken = { readonly group: Call[]; readonly rest: Call[] };

/** Splits a queue into the first calls that one transaction can take, and the rest. `busy`: spaces that others are at. */
export function takeGroup(queue: readonly Call[], busy: ReadonlySet<string>): Taken {
  const group: Call[] = [];
  const rest: Call[] = [];
  const texts = new Set<string>();
  const spaces = new Set<string>();
  // A call that has to wait keeps its spaces from those behind it, so that nobody waits for ever.
  const awaited = new Set<string>();
  let share = Number.POSITIVE_INFINITY;
  for (const [at, call] of queue.entries()) {
    if (texts.size >= MAX_COMMIT_MUTATIONS || group.length >= share) {
      return { group, rest: rest.concat(queue.slice(at)) };
    }
    const fits = sizeWith(texts, call.texts) <= MAX_COMMIT_MUTATIONS && sizeWith(spaces, call.spaces) <= MAX_SPACES;
    const free = !call.spaces.some((space) => busy.has(space) || awaited.has(space));
    if (free && group.length < call.share && (fits || group.length === 0)) {
      group.push(call);
      share = Math.min(share, call.share);
      for (const text of call.texts) texts.add(text);
      for (const space of call.spaces) spaces.add(space);
    } else {
      rest.push(call);
      for (const space of call.spaces) awaited.add(space);
    }
  }
  return { group, rest };
}

/** Size of the set with the strings in it. */
function sizeWith(set: ReadonlySet<string>, strings: readonly string[]): number {
  return strings.reduce((size, one) => (set.has(one) ? size : size + 1), set.size);
}

export type Plan = {
  readonly writes: readonly Write[];
  /** Calls to settle once the writes are committed: what they decided may rest on them. */
  readonly decided: readonly { readonly call: Call; readonly settle: () => void }[];
  /** Calls that would make the commit too large. */
  readonly left: readonly Call[];
};

/**
 * Lets the calls decide one after the other, each on what the one before left, as if they had been committed in that
 * order. A call that throws, or decides on what cannot be stored, leaves nothing behind and is settled as rejected.
 */
export function planGroup(group: readonly Call[], found: Found): Plan {
  const writes = new Map<string, Write>();
  const sizes = new Map<string, number>();
  const decided: Plan['decided'][number][] = [];
  let bytes = 0;
  for (const [at, call] of group.entries()) {
    const proof = call.doubts.find(({ tag }) => call.texts.some((text) => found.get(text)?.tag === tag));
    if (proof !== undefined) {
      decided.push({ call, settle: proof.settle });
      continue;
    }
    try {
      const { changes, result } = call.decide(call.texts.map((text) => recordOf(text, writes, found)));
      checkChanges(call.keys, changes);
      const own = new Map(changes.map((change): [string, Write] => [keyText(change.key), change]));
      let grown = bytes;
      for (const [text, write] of own) grown += writeBytes(write) - (sizes.get(text) ?? 0);
      if (grown > MAX_COMMIT_BYTES || writes.size + own.size > MAX_COMMIT_MUTATIONS) {
        if (writes.size > 0) return { writes: [...writes.values()], decided, left: group.slice(at) };
        throw new Failure('storeRefused', `a transaction of ${own.size} records and ${grown} bytes is too large`);
      }
      for (const [text, write] of own) {
        writes.set(text, write);
        sizes.set(text, writeBytes(write));
      }
      bytes = grown;
      decided.push({ call, settle: result });
    } catch (error) {
      decided.push({ call, settle: () => call.reject(error) });
    }
  }
  return { writes: [...writes.values()], decided, left: [] };
}

function recordOf(text: string, writes: ReadonlyMap<string, Write>, found: Found): StoreRecord | undefined {
  const write = writes.get(text);
  if (write === undefined) return found.get(text)?.record;
  return write.record === 'delete' ? undefined : write.record;
}
