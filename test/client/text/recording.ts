import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ChangeSet, Text } from '@codemirror/state';
import type { Context } from 'mocha';
import { must } from '../../../src/base/assert.ts';
import { touches } from '../../../src/kinds/text/rebase.ts';
import { ROOT } from '../../support/files.ts';
import { skipFor } from '../../support/need.ts';

/** A recording as josephg/editing-traces has them: who wrote what, knowing what. Positions in Unicode code points. */
export type Recording = {
  readonly startContent?: string;
  readonly endContent: string;
  readonly numAgents?: number;
  readonly txns: readonly {
    readonly parents?: readonly number[];
    readonly agent?: number;
    readonly patches: readonly (readonly [pos: number, del: number, ins: string])[];
  }[];
};

const FOLDER = process.env.LONGSHORE_DATA ?? join(ROOT, '..', 'shared', 'data');

export function readRecording(context: Context, name: string): Recording {
  const recording = loadRecording(name);
  if (!recording) skipFor(context, `there is no ${pathOf(name)}: set LONGSHORE_DATA to the folder of the recordings`);
  return recording;
}

export function loadRecording(name: string): Recording | undefined {
  const path = pathOf(name);
  return existsSync(path) ? (JSON.parse(gunzipSync(readFileSync(path)).toString()) as Recording) : undefined;
}

function pathOf(name: string): string {
  return join(FOLDER, 'text', `${name}.json.gz`);
}

/** One thing that somebody did, told by characters instead of positions: it means the same whatever others have done meanwhile. */
export type Intent = {
  readonly agent: number;
  /** The character it comes after; 0: the beginning. */
  readonly after: number;
  readonly insert: readonly number[];
  readonly remove: readonly number[];
};

/** Characters have numbers from 1 on, in the order in which they were typed. */
export type Characters = { readonly text: (ids: readonly number[]) => string };

export type Replayed = {
  readonly text: string;
  readonly intents: readonly Intent[];
  readonly characters: Characters;
  /** Transactions that touch something their writer had not seen. */
  readonly touching: readonly number[];
};

type Pending = { change: ChangeSet; readonly agent: number; readonly ids: readonly number[] };
type View = { readonly ids: number[]; readonly pending: Pending[]; readonly acked: number[]; doc: Text };

/**
 * Every edit in the context in which it was made: each writer's view is a text of its own, on which what others have done waits until the recording says that
 * the writer has seen it. `ties`: who comes first of two insertions at one place. Writers see each other's edits in the order of the recording.
 */
export function replay(recording: Recording, ties: 'agent' | 'arrival', until = recording.txns.length): Replayed {
  const agents = recording.numAgents ?? 1;
  const start = recording.startContent ?? '';
  const units = [...start].join('').split('');
  let all = Text.of(start.split('\n'));
  const ids = units.map((_, i) => i + 1);
  const views = Array.from({ length: agents }, (): View => {
    return { ids: [...ids], pending: [], acked: new Array(agents).fill(0), doc: all };
  });
  const seen: number[][] = [];
  const intents: Intent[] = [];
  const touching: number[] = [];
  for (const [i, { parents = i === 0 ? [] : [i - 1], agent = 0, patches }] of recording.txns
    .slice(0, until)
    .entries()) {
    const view = must(views[agent], 'a view each');
    const known = new Array<number>(agents).fill(0);
    for (const parent of parents)
      for (const [a, n] of must(seen[parent], 'a parent').entries()) known[a] = Math.max(known[a] ?? 0, n);
    see(view, known, agent);
    const { change, intents: done } = typed(view, agent, patches, units);
    intents.push(...done);
    let moved = change;
    let touched = false;
    for (const each of view.pending) {
      touched ||= touches(moved, each.change);
      const before = ties === 'agent' && agent < each.agent;
      [moved, each.change] = [moved.map(each.change, before), each.change.map(moved, !before)];
    }
    if (touched) touching.push(i);
    all = moved.apply(all);
    const inserted = done.flatMap(({ insert }) => insert);
    for (const [a, other] of views.entries())
      if (a !== agent) other.pending.push({ change: moved, agent, ids: inserted });
    known[agent] = (known[agent] ?? 0) + 1;
    seen.push(known);
  }
  const characters = { text: (of: readonly number[]) => of.map((id) => units[id - 1]).join('') };
  return { text: all.toString(), intents, characters, touching };
}

function see(view: View, known: readonly number[], own: number): void {
  for (;;) {
    const [next] = view.pending;
    if (!next || (known[next.agent] ?? 0) <= (view.acked[next.agent] ?? 0)) break;
    view.pending.shift();
    view.acked[next.agent] = (view.acked[next.agent] ?? 0) + 1;
    view.doc = next.change.apply(view.doc);
    changeIds(view.ids, next.change, next.ids);
  }
  for (const [agent, n] of known.entries())
    if (agent !== own && n > (view.acked[agent] ?? 0)) throw new Error('a writer saw edits in another order');
}

/** What one transaction does, on the view of its writer. */
function typed(view: View, agent: number, patches: Recording['txns'][number]['patches'], units: string[]) {
  let change = ChangeSet.empty(view.doc.length);
  const intents: Intent[] = [];
  for (const [point, points, ins] of patches) {
    const from = unitsAt(view.doc, 0, point);
    const to = unitsAt(view.doc, from, points);
    const insert = ins.split('').map((unit) => units.push(unit));
    intents.push({ agent, after: view.ids[from - 1] ?? 0, insert, remove: view.ids.slice(from, to) });
    const step = ChangeSet.of({ from, to, insert: ins }, view.doc.length, '\n');
    view.doc = step.apply(view.doc);
    changeIds(view.ids, step, insert);
    change = change.compose(step);
  }
  return { change, intents };
}

/** Where so many code points after `from` are, in UTF-16 units. */
function unitsAt(doc: Text, from: number, points: number): number {
  let at = from + points;
  for (let low = from; low < at && at <= doc.length; ) {
    const pairs = doc.sliceString(low, at).match(/[\ud800-\udbff]/g)?.length ?? 0;
    if (pairs === 0) break;
    [low, at] = [at, at + pairs];
  }
  return at;
}

/** Has the numbers of the characters of a text follow a change that inserted these, in order. In place: texts are long and changes many. */
export function changeIds(
  ids: number[],
  change: ChangeSet,
  inserted: readonly number[],
  gone?: (id: number, left: number) => void,
): void {
  let used = 0;
  change.iterChanges((fromA, toA, fromB, toB) => {
    const end = used + toB - fromB;
    if (end > inserted.length) throw new Error('a number for each character');
    if (gone) for (let at = fromB; at < fromB + toA - fromA; at++) gone(ids[at] as number, ids[fromB - 1] ?? 0);
    ids.splice(fromB, toA - fromA, ...inserted.slice(used, end));
    used = end;
  });
}
