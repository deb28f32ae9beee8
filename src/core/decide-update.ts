import { createHash } from 'node:crypto';
import type { Json } from '../base/json.ts';
import { isObject } from '../base/json.ts';
import type { Applied, ApplyContext, Kind, Kinds } from '../kinds/kind.ts';
import { DEFAULT_KIND } from '../kinds/registry.ts';
import type { Contest, Delta, Head, Remembered } from '../model/head.ts';
import type { DeltaAnswer } from '../protocol/get-updates.ts';
import { MAX_REMEMBERED_CLIENTS } from '../protocol/limits.ts';
import type { InvalidCode, Update, UpdateResult } from '../protocol/post-update.ts';
import { ANY_HASH, decideRestore, type Restore } from './decide-restore.ts';
import { deltaAnswer } from './delta-answer.ts';

/** Which client sent it, under which number: what makes a repeat harmless. */
export type Writer = {
  /** `subject/client`: ids that never joined are scoped by subject. */
  readonly key: string;
  readonly client: string;
  readonly seq: number;
  /** Place in the batch. */
  readonly place: number;
  /** Of the update as it was sent. */
  readonly hash: string;
};

export function hashUpdate(update: Update): string {
  return createHash('sha256').update(JSON.stringify(update)).digest('base64url').slice(0, 12);
}

export type Verdict =
  | Refusal
  | {
      readonly kind: 'accept';
      readonly itemKind: Kind;
      readonly applied: Applied<unknown> & { result: 'ok' };
      readonly creates: boolean;
      /** Where it matters what came before: what others did, and the operation as it was applied after that. Empty where nobody came before. */
      readonly missed?: object;
      /** What stays of the head's `contest`. */
      readonly contest?: Contest | undefined;
    }
  | { readonly kind: 'delete' }
  | Restore;

export type Refusal = {
  readonly kind: 'refuse';
  readonly result: UpdateResult;
  /** The head's `contest` with this refusal, where it counts. */
  readonly contest?: Contest;
};

/** What an operation does to an item as it stands. Pure. */
export function decideUpdate(
  kinds: Kinds,
  head: Head,
  state: () => unknown,
  update: Update,
  context: ApplyContext,
): Verdict {
  const early = precondition(head, update);
  if (early) return early;
  if (update.restore) return decideRestore(kinds, head, state, update, update.restore, context);
  const op = update.op;
  if (isDelete(op)) {
    return head.dead ? unchanged(update, head) : { kind: 'delete' };
  }
  const name = head.dead ? (update.kind ?? DEFAULT_KIND) : head.kind;
  if (!head.dead && update.kind !== undefined && update.kind !== head.kind) {
    return invalid(update, 'kindMismatch', `${update.item} is a ${head.kind}; its kind is fixed until it is deleted`);
  }
  const kind = kinds.get(name);
  if (!kind) return invalid(update, 'kindUnknown', `kind must be one of ${[...kinds.keys()].join(', ')}`);
  const onto = head.dead ? { ...context, version: 0 } : context;
  return judge(kind.apply(head.dead ? kind.empty() : state(), op, onto), kind, head, update, onto);
}

export function isDelete(op: unknown): boolean {
  return isObject(op) && op.delete === true && Object.keys(op).length === 1;
}

function precondition(head: Head, update: Update): Refusal | undefined {
  const at = { item: update.item, version: head.v, durableVersion: head.pv };
  if (update.ifVersion === undefined) return undefined;
  const version = head.dead ? 0 : head.v;
  if (update.ifVersion === version) return undefined;
  return { kind: 'refuse', result: { ...at, version, result: 'conflict' } };
}

function judge(applied: Applied<unknown>, kind: Kind, head: Head, update: Update, { since }: ApplyContext): Verdict {
  const at = { item: update.item, version: head.dead ? 0 : head.v, durableVersion: head.pv };
  switch (applied.result) {
    case 'ok':
      return { kind: 'accept', itemKind: kind, applied, creates: head.dead, ...missedBy(since, applied.delta) };
    case 'unchanged':
      return { kind: 'refuse', result: { ...at, result: 'ok', ...applied.extra } };
    case 'conflict':
      return { kind: 'refuse', result: { ...at, result: 'conflict', ...applied.extra, ...missedOf(since) } };
    case 'resync':
      return { kind: 'refuse', result: { ...at, result: 'resync', value: null } };
    case 'invalid':
      return invalid(update, applied.code, applied.detail);
    case 'tooLarge':
      return { kind: 'refuse', result: { item: update.item, result: 'tooLarge', limit: applied.limit } };
  }
}

function missedBy(since: ApplyContext['since'], op: Json): { readonly missed?: object } {
  if (since === undefined) return {};
  return { missed: since.length === 0 ? {} : { ...missedOf(since), op } };
}

function missedOf(since: ApplyContext['since']): { readonly missed?: readonly DeltaAnswer[] } {
  return since === undefined || since === 'lost' ? {} : { missed: (since as readonly Delta[]).map(deltaAnswer) };
}

function unchanged(update: Update, head: Head): Refusal {
  const at = head.absent ? { version: 0, durableVersion: 0 } : { version: head.v, durableVersion: head.pv };
  return { kind: 'refuse', result: { item: update.item, result: 'ok', ...at } };
}

export function invalid(update: Update, code: (UpdateResult & { result: 'invalid' })['code'], detail: string): Refusal {
  return { kind: 'refuse', result: { item: update.item, result: 'invalid', code, detail } };
}

export type Repeat =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly version: number; readonly extra?: Json }
  | { readonly kind: 'refused'; readonly code: 'seqTooOld' | 'seqReused'; readonly detail: string };

/** Has this item seen the request before? Pure. */
export function findRepeat(head: Head, writer: Writer): Repeat {
  const known = Object.hasOwn(head.seqs, writer.key) ? head.seqs[writer.key] : undefined;
  if (!known) {
    if (writer.seq > head.seqFloor) return { kind: 'new' };
    const detail = `whether seq ${writer.seq} was applied is no longer known; join again and go on from its nextSeq`;
    return { kind: 'refused', code: 'seqTooOld', detail };
  }
  const [seq, place, version, hash, extra] = known;
  if (writer.seq > seq) return { kind: 'new' };
  if (writer.seq < seq) {
    return { kind: 'refused', code: 'seqTooOld', detail: `seq ${seq} of this client was already applied to the item` };
  }
  if (hash !== ANY_HASH && (hash !== writer.hash || place !== writer.place)) {
    return { kind: 'refused', code: 'seqReused', detail: `seq ${seq} was used for another update` };
  }
  return { kind: 'repeat', version, ...(extra === undefined ? {} : { extra }) };
}

/** What is invalid now and may be valid later. */
const PASSING: ReadonlySet<InvalidCode> = new Set([
  'kindMismatch',
  'kindUnknown',
  'notRolledBack',
  'lockRequired',
  'notLockable',
  'notJoined',
  'tooManyLocks',
  'holdTooLong',
]);

/**
 * Must this refusal be remembered? One that time cannot turn into an acceptance need not be; of the others, a copy of the request that comes late would
 * otherwise be applied after its sender was told that it was not.
 */
export function mustRemember(result: UpdateResult): boolean {
  if (result.result === 'invalid') return PASSING.has(result.code);
  return result.result !== 'retry' && result.result !== 'fenced';
}

/** The list of remembered clients with this one at its end; the oldest fall out and raise the floor below which nobody can tell. */
export function remember(
  head: Pick<Head, 'seqs' | 'seqFloor'>,
  writer: Pick<Writer, 'key' | 'seq' | 'place' | 'hash'>,
  version: number,
  extra?: Json,
): Pick<Head, 'seqs' | 'seqFloor'> {
  const entry: Remembered =
    extra === undefined
      ? [writer.seq, writer.place, version, writer.hash]
      : [writer.seq, writer.place, version, writer.hash, extra];
  const { [writer.key]: _before, ...others } = head.seqs;
  const kept = Object.entries(others);
  let { seqFloor } = head;
  while (kept.length >= MAX_REMEMBERED_CLIENTS) seqFloor = Math.max(seqFloor, kept.shift()?.[1][0] ?? 0);
  const seqs = kept.length < Object.keys(others).length ? Object.fromEntries(kept) : others;
  return { seqs: { ...seqs, [writer.key]: entry }, seqFloor };
}

/** Ids of the last writes without a client: enough to recognise one's own after an answer was lost. */
export function rememberWrite(ws: readonly string[], id: string): readonly string[] {
  return [...ws.slice(-3), id];
}
