import { createHash } from 'node:crypto';
import type { Json } from '../../base/json.ts';
import { clientIn, type RosterShard } from '../../model/roster-record.ts';

/** The records of a roster; a record that is not there has nobody. Empty: nobody was ever here. */
export type RosterView = readonly (RosterShard | undefined)[];

/** What one process knows of a roster. */
export type KnownRoster = {
  readonly view: RosterView;
  /** Of the pulse when the records were read, or before. */
  readonly words: readonly string[];
  /** When all records were read, monotonic, ms. */
  readonly readAt: number;
};

/** What a chain of answers has told of the roster: the `n` of each record, and a word for the lives of those records. */
export type RosterMark = { readonly life: string; readonly n: readonly number[] };
export const NO_ROSTER: RosterMark = { life: '', n: [] };

export type ClientChange = {
  readonly id: string;
  readonly name?: string;
  readonly data?: Json;
  readonly state: 'joined' | 'updated' | 'left';
};

export type Told = {
  /** What was told belongs to records that are gone, or is too old: the reader begins anew. */
  readonly lost: boolean;
  readonly clients: readonly ClientChange[];
  readonly mark: RosterMark;
};

const NOTHING: readonly ClientChange[] = [];
const LIFE_CHARS = 6;

const marks = new WeakMap<RosterView, RosterMark>();

/** The mark of a reader that knows all of it. */
export function markOf(view: RosterView): RosterMark {
  let mark = marks.get(view);
  if (!mark) {
    const n = view.map((shard) => shard?.n ?? 0);
    mark = n.every((each) => each === 0) ? NO_ROSTER : { life: lifeOf(view, n), n };
    marks.set(view, mark);
  }
  return mark;
}

/** Names the lives of the records that a mark knows something of. */
function lifeOf(view: RosterView, known: readonly number[]): string {
  const lives = known.map((n, i) => (n > 0 ? (view[i]?.life ?? '-') : '')).join('/');
  return createHash('sha256').update(lives).digest('base64url').slice(0, LIFE_CHARS);
}

/** Who came, changed and left since a mark. Whoever knew nobody is not told of those who left. Pure. */
export function tellRoster(view: RosterView, from: RosterMark): Told {
  const mark = markOf(view);
  if (from === mark || (from.n.length === 0 && mark === NO_ROSTER)) return { lost: false, clients: NOTHING, mark };
  if (from.n.length > 0 && isLost(view, from, mark)) return { lost: true, clients: NOTHING, mark };
  const clients: ClientChange[] = [];
  for (const [i, shard] of view.entries()) if (shard) collect(shard, from.n[i] ?? 0, clients);
  return { lost: false, clients, mark };
}

function isLost(view: RosterView, from: RosterMark, mark: RosterMark): boolean {
  for (const [i, known] of from.n.entries()) {
    if (known > 0 && (known > (view[i]?.n ?? 0) || known < (view[i]?.horizon ?? 0))) return true;
  }
  const sameShards = from.n.every((known, i) => known > 0 === (mark.n[i] ?? 0) > 0);
  return from.life !== (sameShards ? mark.life : lifeOf(view, from.n));
}

function collect(shard: RosterShard, known: number, into: ClientChange[]): void {
  if (known === shard.n) return;
  for (const [id, { at, joinedAt, name, data }] of Object.entries(shard.clients)) {
    if (at <= known) continue;
    const said = { ...(name === undefined ? {} : { name }), ...(data === undefined ? {} : { data }) };
    into.push({ id, ...said, state: joinedAt > known ? 'joined' : 'updated' });
  }
  if (known === 0) return;
  for (const [id, at] of shard.gone) if (at > known && !clientIn(shard, id)) into.push({ id, state: 'left' });
}
