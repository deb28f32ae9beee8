import type { Json } from '../base/json.ts';
import type { ApplyContext, Kind, Kinds, Since } from '../kinds/kind.ts';
import type { Gap, Head, RolledBack, StoredDelta } from '../model/head.ts';
import { MAX_REMEMBERED_CLIENTS } from '../protocol/limits.ts';
import type { InvalidCode, Update, UpdateResult } from '../protocol/post-update.ts';

/** Remembered for operations that were restored: what exactly their sender had sent is not known. */
export const ANY_HASH = '';

export type RestoredOp = {
  readonly op: Json;
  readonly count: number;
  /** Its number before it was lost, where its kind asks for that. */
  readonly was?: number;
  readonly clientId?: string;
  readonly seq?: number;
};

export type Restore = {
  readonly kind: 'restore';
  readonly itemKind: Kind;
  readonly state: unknown;
  /** In the order they were first accepted. */
  readonly ops: readonly RestoredOp[];
  readonly back: RolledBack;
};

type RestoredDelta = NonNullable<Update['restore']>['deltas'][number];

type Refusal = { readonly kind: 'refuse'; readonly result: UpdateResult };

/**
 * Brings back what a rollback took, from a client that had seen it: the deltas after the version that the store had kept. The chain that reaches furthest
 * wins; whoever comes later with as much or less changes nothing, but for what it had gaps in. The operations get new numbers, since the old ones may have been given away. After
 * several rollbacks the numbers of a chain tell which of them took it. Pure.
 */
export function decideRestore(
  kinds: Kinds,
  head: Head,
  state: () => unknown,
  update: Update,
  restore: NonNullable<Update['restore']>,
  context: ApplyContext,
): Restore | Refusal {
  const { back } = head;
  const unchanged: Refusal = {
    kind: 'refuse',
    result: { item: update.item, result: 'ok', version: head.v, durableVersion: head.pv },
  };
  const mark = back && markFor(back, restore.deltas.at(-1)?.version ?? 0);
  if (!back || !mark || mark.untilMs < context.now)
    return refuse(update, 'notRolledBack', 'the item was not rolled back within the last minutes');
  if (head.dead || restore.from > mark.from) return unchanged;
  const itemKind = kinds.get(head.kind);
  if (!itemKind) return refuse(update, 'kindUnknown', `${head.kind} is not a kind of this server`);
  let last = restore.from;
  for (const { version } of restore.deltas) {
    if (version <= last || version > mark.ceil)
      return refuse(update, 'badOp', 'versions must rise and be ones that were given out');
    last = version;
  }
  if (itemKind.bringBack) return bringBack(itemKind, back, mark, state(), update, restore, context) ?? unchanged;
  const ops: RestoredOp[] = [];
  let value = state();
  for (const delta of restore.deltas) {
    if (isSettled(back, mark, delta)) continue;
    const applied = itemKind.apply(value, delta.op, { ...context, version: head.v + ops.length });
    if (applied.result === 'unchanged') continue; // somebody has done the same since
    if (applied.result !== 'ok')
      return refuse(update, 'badOp', `the operation of version ${delta.version} does not apply`);
    value = applied.state;
    ops.push({ op: applied.delta, count: applied.count, ...senderOf(delta) });
  }
  if (ops.length === 0) return unchanged;
  // Where the last operation wins, what came before it is of no use any more.
  const got = { last: Math.max(last, mark.got), gaps: itemKind.lastWins ? [] : gapsAfter(mark, restore.deltas) };
  return { kind: 'restore', itemKind, state: value, ops, back: markRestored(back, mark, got, ops) };
}

/** For kinds whose operations depend on those before them: also what is not brought back again has its say. `undefined`: nothing to do. */
function bringBack(
  itemKind: Kind,
  back: RolledBack,
  mark: RolledBack,
  state: unknown,
  update: Update,
  restore: NonNullable<Update['restore']>,
  { since = 'lost' }: ApplyContext,
): Restore | Refusal | undefined {
  const between = mark === back ? [] : mark.stored;
  if (since === 'lost' || !between) return undefined; // too much has come since
  const chain = restore.deltas.filter(({ version }) => version > mark.from);
  const lost = chain.map((delta) => ({
    version: delta.version,
    op: delta.op as Json,
    // Without a sender nobody can tell whether a life between has had it back.
    skip: isSettled(back, mark, delta) || (mark !== back && delta.clientId === undefined),
  }));
  const known = namedIn(chain, mark, [...between, ...since] as readonly StoredDelta[]);
  const brought = itemKind.bringBack?.(state, lost, known);
  if (!brought) return refuse(update, 'badOp', 'these are not the operations that led on from that version');
  const ops = chain.flatMap((delta, i): RestoredOp[] => {
    const op = brought.ops[i];
    return op === undefined ? [] : [{ op, count: 0, was: delta.version, ...senderOf(delta) }];
  });
  if (ops.length === 0) return undefined;
  const got = { last: Math.max(mark.got, restore.deltas.at(-1)?.version ?? 0), gaps: [] };
  return { kind: 'restore', itemKind, state: brought.state, ops, back: markRestored(back, mark, got, ops) };
}

/** What has come since, with the numbers that the chain has for what was brought back of it: in another life the same operation may have had another one. */
function namedIn(chain: readonly RestoredDelta[], mark: RolledBack, since: readonly StoredDelta[]): readonly Since[] {
  const numbers = new Map(chain.map(({ version, clientId, seq }) => [`${clientId}/${seq}`, version]));
  return since.map(({ r, ...delta }) => {
    const isOfChain = r !== undefined && r > mark.from && r <= mark.ceil;
    const number = isOfChain ? r : delta.s === undefined ? undefined : numbers.get(`${delta.c}/${delta.s}`);
    return { ...delta, ...(number === undefined ? {} : { r: number }) };
  });
}

/** Nobody need bring it back any more. */
function isSettled(back: RolledBack, mark: RolledBack, delta: RestoredDelta): boolean {
  return isReached(mark, delta) || isPosted(mark, delta) || isBrought(back, delta);
}

/** Some chain has named it, or came from somebody who knew what had been before. Without a sender nobody can tell whether another life has had it back. */
function isReached({ got, gaps = [] }: RolledBack, { version, clientId }: RestoredDelta): boolean {
  return (
    version <= got && !(clientId !== undefined && gaps.some(([first, last]) => version >= first && version <= last))
  );
}

/** Who brings back a single operation, because it had become too late to repeat it, does not know those before it. */
function gapsAfter({ got, gaps = [] }: RolledBack, deltas: readonly RestoredDelta[]): readonly Gap[] {
  const last = deltas.at(-1)?.version ?? 0;
  const open: readonly Gap[] = last > got ? [...gaps, [got + 1, last]] : gaps;
  const left = open.flatMap(([first, end]) => {
    const named = deltas.map(({ version }) => version).filter((version) => version >= first && version <= end);
    const edges = [first - 1, ...named, end + 1];
    return edges.slice(1).map((edge, i): Gap => [(edges[i] ?? 0) + 1, edge - 1]);
  });
  return left.filter(([first, end]) => first <= end).slice(-MAX_GAPS);
}

const MAX_GAPS = 32;

/** Its sender has sent it again since the rollback, and knows what became of it: restored, it would be there twice, or though it was refused. */
function isPosted(back: RolledBack, { clientId, seq }: RestoredDelta): boolean {
  if (clientId === undefined || seq === undefined || !back.posted || !Object.hasOwn(back.posted, clientId))
    return false;
  return seq >= (back.posted[clientId] ?? 0);
}

/** The rollback that took the version. */
function markFor(back: RolledBack, version: number): RolledBack {
  return back.before?.findLast(({ ceil }) => version <= ceil) ?? back;
}

function isBrought({ before, brought }: RolledBack, { clientId, seq }: RestoredDelta): boolean {
  return before !== undefined && brought?.includes(`${clientId}/${seq}`) === true;
}

type Got = { readonly last: number; readonly gaps: readonly Gap[] };

/** What was restored up to `last` of what `mark` took. */
function markRestored(back: RolledBack, mark: RolledBack, got: Got, ops: readonly RestoredOp[]): RolledBack {
  if (!back.before) return reaching(back, got);
  const named = ops.flatMap(({ clientId, seq }) => (clientId === undefined ? [] : [`${clientId}/${seq}`]));
  const brought = [...(back.brought ?? []), ...named];
  // Of more nobody could tell any more what is there.
  if (brought.length > MAX_BROUGHT) return withoutEarlier(closed(back));
  const moved = (one: RolledBack): RolledBack => (one === mark ? reaching(one, got) : one);
  return { ...moved(back), before: back.before.map(moved), brought };
}

const MAX_BROUGHT = 2_000;

function reaching({ gaps: _gaps, ...mark }: RolledBack, { last, gaps }: Got): RolledBack {
  return { ...mark, got: last, ...(gaps.length > 0 && { gaps }) };
}

/** Nothing is brought back any more. */
export function closed(mark: RolledBack): RolledBack {
  return reaching(mark, { last: mark.ceil, gaps: [] });
}

export function withoutEarlier({ before: _before, brought: _brought, ...last }: RolledBack): RolledBack {
  return last;
}

/** The mark after a request at `now` of this client, if one sent it: gone when its time is over. */
export function markAfter(
  back: RolledBack | undefined,
  now: number,
  writer: { readonly client: string; readonly seq: number } | undefined,
): { readonly back?: RolledBack } {
  if (!back || back.untilMs < now) return {};
  if (!writer) return { back };
  const last = markPosted(back, writer);
  return { back: back.before ? { ...last, before: back.before.map((one) => markPosted(one, writer)) } : last };
}

function markPosted(mark: RolledBack, writer: { readonly client: string; readonly seq: number }): RolledBack {
  const posted = mark.posted ?? {};
  if (Object.hasOwn(posted, writer.client)) return mark;
  // Of more clients nobody could tell any more what they have sent again.
  if (Object.keys(posted).length >= MAX_REMEMBERED_CLIENTS) return closed(mark);
  return { ...mark, posted: { ...posted, [writer.client]: writer.seq } };
}

function senderOf(delta: RestoredDelta) {
  return delta.clientId !== undefined && delta.seq !== undefined ? { clientId: delta.clientId, seq: delta.seq } : {};
}

function refuse(update: Update, code: InvalidCode, detail: string): Refusal {
  return { kind: 'refuse', result: { item: update.item, result: 'invalid', code, detail } };
}
