import type { ChangeDesc, ChangeSet, Text } from '@codemirror/state';
import { must } from '../../base/assert.ts';
import type { Since } from '../kind.ts';
import { changeOf, growthOf } from './edits.ts';

/** An edit of somebody else's that is in the way: where it is in the text as it stands now. */
export type Touching = {
  readonly version: number;
  readonly clientId?: string;
  readonly from: number;
  readonly to: number;
};

export type Rebased = { readonly change: ChangeSet } | { readonly touching: readonly Touching[] };

/** The changes that deltas made, one after the other, up to a text of `length` units. */
export function changesSince(since: readonly Since[], length: number): readonly ChangeSet[] {
  let before = length;
  for (const { op } of since) before -= growthOf(op);
  return since.map(({ op }) => {
    const change = changeOf(op, before);
    before = change.newLength;
    return change;
  });
}

/**
 * The change as it applies after all that came since its base; or, where it touches any of that, what it touches. Intervals are closed: an insertion at the border of
 * somebody else's edit touches it, so that two writings at one place are never mixed. By whole lines, where `doc` is given: the text as it stands now.
 */
export function rebase(change: ChangeSet, since: readonly Since[], later: readonly ChangeSet[], doc?: Text): Rebased {
  let moved = change;
  const hit = new Set<number>();
  for (const [i, each] of later.entries()) {
    if (touches(moved, each)) hit.add(i);
    moved = moved.map(each);
  }
  if (doc) for (const i of later.keys()) if (!hit.has(i) && sharesLine(moved, later, i, doc)) hit.add(i);
  if (hit.size === 0) return { change: moved };
  return { touching: [...hit].sort((a, b) => a - b).flatMap((i) => shown(must(since[i], 'a delta each'), later, i)) };
}

export function touches(change: ChangeDesc, other: ChangeDesc): boolean {
  let hit = false;
  change.iterChangedRanges((from, to) => {
    hit ||= other.touchesRange(from, to) !== false;
  });
  return hit;
}

/** Where the change of that place has been, in the text after all of them. */
function rangesNow(later: readonly ChangeSet[], place: number): { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  const after = later.slice(place + 1);
  must(later[place], 'a change each').iterChangedRanges((_fromA, _toA, fromB, toB) => {
    let [from, to] = [fromB, toB];
    for (const each of after) [from, to] = [each.mapPos(from, -1), each.mapPos(to, 1)];
    ranges.push({ from, to });
  });
  return ranges;
}

function shown({ v, c }: Since, later: readonly ChangeSet[], place: number): Touching[] {
  return rangesNow(later, place).map((range) => ({
    version: v,
    ...(c === undefined ? {} : { clientId: c }),
    ...range,
  }));
}

function sharesLine(moved: ChangeSet, later: readonly ChangeSet[], place: number, doc: Text): boolean {
  const theirs = rangesNow(later, place);
  let shares = false;
  moved.iterChangedRanges((fromA, toA) => {
    const [first, last] = [doc.lineAt(fromA).number, doc.lineAt(toA).number];
    shares ||= theirs.some(({ from, to }) => doc.lineAt(from).number <= last && doc.lineAt(to).number >= first);
  });
  return shares;
}
