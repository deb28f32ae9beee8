import { ChangeSet, type Text } from '@codemirror/state';
import type { Json } from '../../base/json.ts';
import { MAX_TEXT_EDITS } from '../../protocol/limits.ts';

/*
 * The wire form of a change, and what may not come through the door. `ChangeSet` takes fractions, negative numbers and CR, and splits surrogate pairs:
 * everything is looked at here before it is given one.
 */

/** At `pos`, `del` units go and `ins` comes. UTF-16 code units of the text before all edits of the list. */
export type Edit = readonly [pos: number, del: number, ins: string];

/** What is wrong, for people. */
export type Flaw = { readonly flaw: string };

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Why a text cannot be part of a document; `undefined` where it can. */
export function flawOf(text: unknown): string | undefined {
  if (typeof text !== 'string') return 'a text must be a string';
  if (text.includes('\r')) return 'a text has line feeds alone: no carriage return';
  return text.isWellFormed() ? undefined : 'a text may not hold half a surrogate pair';
}

/** Edits as they were sent, for a text of `length` units. */
export function readEdits(raw: unknown, length: number): readonly Edit[] | Flaw {
  if (!Array.isArray(raw)) return { flaw: 'edits must be a list of [position, deleted, "inserted"]' };
  if (raw.length > MAX_TEXT_EDITS) return { flaw: `at most ${MAX_TEXT_EDITS} edits at once` };
  let end = 0;
  for (const edit of raw) {
    if (!Array.isArray(edit) || edit.length !== 3) return { flaw: 'an edit is [position, deleted, "inserted"]' };
    const [pos, del, ins] = edit as readonly unknown[];
    if (!isCount(pos) || !isCount(del)) return { flaw: 'positions and lengths are whole numbers from 0 on' };
    if (pos < end) return { flaw: 'edits must ascend and not overlap' };
    if (pos + del > length) return { flaw: `the text has ${length} UTF-16 code units` };
    const flaw = flawOf(ins);
    if (flaw) return { flaw };
    end = pos + del;
  }
  return raw as readonly Edit[];
}

export function toChange(edits: readonly Edit[], length: number): ChangeSet {
  const [first] = edits;
  const spec = (edit: Edit) => ({ from: edit[0], to: edit[0] + edit[1], insert: edit[2] });
  return ChangeSet.of(first && edits.length === 1 ? spec(first) : edits.map(spec), length, '\n');
}

/** In normal form: neighbours joined, what does nothing left out. */
export function toEdits(change: ChangeSet): readonly Edit[] {
  const edits: Edit[] = [];
  change.iterChanges((from, to, _fromB, _toB, inserted) => {
    edits.push([from, to - from, inserted.toString()]);
  });
  return edits;
}

/** By how much the text grows. */
export function growth(edits: readonly Edit[]): number {
  let sum = 0;
  for (const [, del, ins] of edits) sum += ins.length - del;
  return sum;
}

/** Does a border of the change fall between the halves of a surrogate pair? */
export function splitsPair(change: ChangeSet, doc: Text): boolean {
  let splits = false;
  change.iterChangedRanges((from, to) => {
    splits ||= isInsidePair(doc, from) || (to > from && isInsidePair(doc, to));
  });
  return splits;
}

function isInsidePair(doc: Text, at: number): boolean {
  if (at === 0 || at >= doc.length) return false;
  const around = doc.sliceString(at - 1, at + 1);
  return around.length === 2 && !around.slice(0, 1).isWellFormed() && around.isWellFormed();
}

const changes = new WeakMap<readonly Edit[], ChangeSet>();

/** The change that an accepted delta made to a text of `length` units. Deltas of a tail are asked for again and again. */
export function changeOf(delta: Json, length: number): ChangeSet {
  const { edits } = delta as unknown as { readonly edits: readonly Edit[] };
  const known = changes.get(edits);
  if (known?.length === length) return known;
  const change = toChange(edits, length);
  changes.set(edits, change);
  return change;
}

export function growthOf(delta: Json): number {
  return growth((delta as unknown as { readonly edits: readonly Edit[] }).edits);
}
