import { ChangeSet } from '@codemirror/state';
import { isObject, type Json } from '../../base/json.ts';
import type { Lost, Since } from '../kind.ts';
import { growthOf, readEdits, splitsPair, toChange, toEdits } from './edits.ts';
import { changesSince, touches } from './rebase.ts';
import { changed, type TextState } from './state.ts';

/**
 * Two histories of one text: the lost one, and what was written since the rollback. `way` leads from the text of the lost history, as far as it has been gone through, to the
 * text of the item. What is brought back is moved along it; what touches it is left out, and then its undoing is part of the way, so that all that was
 * typed on top of it is left out as well: a run of typing comes back whole up to some point, and is never mixed.
 */
export function bringBack(
  state: TextState,
  chain: readonly Lost[],
  since: readonly Since[],
): { readonly state: TextState; readonly ops: readonly (Json | undefined)[] } | undefined {
  let length = state.doc.length;
  for (const { op } of since) length -= growthOf(op);
  let way: ChangeSet = ChangeSet.empty(length);
  let now = state;
  let place = 0;
  const later = changesSince(since, state.doc.length);
  const left = (op: ChangeSet): void => {
    way = blankInverse(op).compose(way);
  };
  for (const [i, { r }] of since.entries()) {
    const change = later[i] as ChangeSet;
    if (r === undefined) {
      if (way.newLength !== change.length) return undefined;
      way = way.compose(change);
      continue;
    }
    for (; place < chain.length && (chain[place] as Lost).version <= r; place++) {
      const { version, op } = chain[place] as Lost;
      const known = readLost(op, way.length);
      if (!known) return undefined;
      if (version === r) way = way.map(known, true);
      else left(known);
    }
    if (way.newLength !== change.newLength) return undefined; // not what was restored then
  }
  const ops: (Json | undefined)[] = chain.slice(0, place).map(() => undefined);
  for (const { op, skip } of chain.slice(place)) {
    const lost = readLost(op, way.length);
    if (!lost) return undefined;
    const moved = skip || touches(lost, way) ? undefined : lost.map(way);
    ops.push(moved && { edits: toEdits(moved) as unknown as Json });
    if (!moved) {
      left(lost);
      continue;
    }
    if (splitsPair(moved, now.doc)) return undefined;
    way = way.map(lost, true);
    now = changed(now, moved);
  }
  return { state: now, ops };
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
