import { ChangeSet } from '@codemirror/state';
import { isObject, type Json } from '../../base/json.ts';
import type { Lost, Since } from '../kind.ts';
import { growthOf, readEdits, splitsPair, toChange, toEdits } from './edits.ts';
import { changesSince, touches } from './rebase.ts';
import { changed, type TextState } from './state.ts';

/** Part of the way; `r`: it is that operation of the chain, which is in the text already. */
type Step = { readonly change: ChangeSet; readonly r?: number | undefined };

/**
 * Two histories of one text: the lost one, and what came about instead. The steps lead from the text of the lost history, as far as it has been gone through, to the
 * text of the item. What is brought back is moved along them; what touches them is left out, and then its undoing is one of them, so that all that was
 * typed on top of it is left out as well: a run of typing comes back whole up to some point, and is never mixed. What is in the text already is taken out of the steps.
 */
export function bringBack(
  state: TextState,
  chain: readonly Lost[],
  since: readonly Since[],
): { readonly state: TextState; readonly ops: readonly (Json | undefined)[] } | undefined {
  let length = state.doc.length;
  for (const { op } of since) length -= growthOf(op);
  const known = new Set(chain.map(({ version }) => version));
  const later = changesSince(since, state.doc.length);
  let steps = joined(later.map((change, i) => ({ change, r: known.has(since[i]?.r ?? 0) ? since[i]?.r : undefined })));
  let now = state;
  const ops: (Json | undefined)[] = [];
  for (const { op, version, skip } of chain) {
    const lost = readLost(op, length);
    if (!lost) return undefined;
    length = lost.newLength;
    const at = steps.findIndex(({ r }) => r === version);
    const moves = at < 0 && skip ? undefined : movedAlong(lost, at < 0 ? steps : steps.slice(0, at));
    if (moves && at >= 0 && isSame(moves.moved, steps[at]?.change)) {
      steps = joined([...moves.after, ...steps.slice(at + 1)]);
      ops.push(undefined);
    } else if (!moves || at >= 0 || moves.touched) {
      steps = joined([{ change: blankInverse(lost) }, ...steps]);
      ops.push(undefined);
    } else {
      if (splitsPair(moves.moved, now.doc)) return undefined;
      steps = moves.after;
      ops.push({ edits: toEdits(moves.moved) as unknown as Json });
      now = changed(now, moves.moved);
    }
  }
  return { state: now, ops };
}

/** A change moved along steps, and they as they are after it. */
function movedAlong(change: ChangeSet, steps: readonly Step[]) {
  const after: Step[] = [];
  let touched = false;
  let moved = change;
  for (const step of steps) {
    touched ||= touches(moved, step.change);
    after.push({ change: step.change.map(moved, true), r: step.r });
    moved = moved.map(step.change);
  }
  return { moved, after, touched };
}

/** Steps that are not part of the chain are one, where they follow each other: there are few, then. */
function joined(steps: readonly Step[]): Step[] {
  const all: Step[] = [];
  for (const step of steps) {
    const last = all.at(-1);
    if (last && last.r === undefined && step.r === undefined)
      all[all.length - 1] = { change: last.change.compose(step.change) };
    else all.push(step);
  }
  return all;
}

function isSame(a: ChangeSet, b: ChangeSet | undefined): boolean {
  return b !== undefined && JSON.stringify(toEdits(a)) === JSON.stringify(toEdits(b));
}

function readLost(op: Json, length: number): ChangeSet | undefined {
  if (!isObject(op) || Object.keys(op).join() !== 'edits') return undefined;
  const edits = readEdits(op.edits, length);
  return 'flaw' in edits ? undefined : toChange(edits, length);
}

/** Undoes a change of a text that nobody has: in place of what it deleted come blanks. Only lengths count on the way. */
function blankInverse(change: ChangeSet): ChangeSet {
  const specs: { from: number; to: number; insert: string }[] = [];
  change.iterChanges((fromA, toA, fromB, toB) => {
    specs.push({ from: fromB, to: toB, insert: ' '.repeat(toA - fromA) });
  });
  return ChangeSet.of(specs, change.newLength, '\n');
}
