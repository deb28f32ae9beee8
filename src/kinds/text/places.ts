import { isObject, type Json } from '../../base/json.ts';
import type { PlacesOf } from '../kind.ts';
import { meet } from '../places.ts';
import { changeOf, growthOf, readEdits, toChange } from './edits.ts';
import { changesSince } from './rebase.ts';
import type { TextState } from './state.ts';

/** A place grows by what is written at its borders, as such writing touches it. */
export const places: PlacesOf<TextState> = {
  contested(state, op, since, max) {
    let length = state.doc.length;
    for (const delta of since) length -= growthOf(delta.op);
    const edits = readEdits(isObject(op) ? op.edits : undefined, length);
    if ('flaw' in edits) return [];
    const ranges: { from: number; to: number; hit: boolean }[] = [];
    toChange(edits, length).iterChangedRanges((from, to) => void ranges.push({ from, to, hit: false }));
    for (const each of changesSince(since, state.doc.length)) {
      for (const range of ranges) {
        range.hit ||= each.touchesRange(range.from, range.to) !== false;
        [range.from, range.to] = [each.mapPos(range.from, -1), each.mapPos(range.to, 1)];
      }
    }
    // By whole lines edits are in each other's way that do not touch.
    const hit = state.line ? ranges : ranges.filter((range) => range.hit);
    return hit.slice(0, max).map(({ from, to }) => (state.line ? linesOf(state, from, to) : [from, to]));
  },
  touched(kept, delta, after) {
    let touched = false;
    changeTo(delta, after).iterChangedRanges((from, to) => {
      touched ||= meet(kept, [[from, to]]);
    });
    return touched;
  },
  moved(kept, delta, after) {
    const change = changeTo(delta, after);
    return kept.map(([from, to]) => [change.mapPos(from, -1), change.mapPos(to, 1)]);
  },
};

function linesOf({ doc }: TextState, from: number, to: number): readonly [number, number] {
  return [doc.lineAt(from).from, doc.lineAt(to).to];
}

function changeTo(delta: Json, { doc }: TextState) {
  return changeOf(delta, doc.length - growthOf(delta));
}
