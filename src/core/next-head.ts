import type { Json } from '../base/json.ts';
import type { Contest, Delta, Head, Lock } from '../model/head.ts';
import type { Update } from '../protocol/post-update.ts';
import { ANY_HASH, closed, markAfter, type Restore, withoutEarlier } from './decide-restore.ts';
import { remember, rememberWrite, type Verdict, type Writer } from './decide-update.ts';
import type { Layout } from './layout.ts';

export type WriteRequest = {
  readonly item: string;
  /** Absent: the same content again under a new version, so that every reader is told. */
  readonly update?: Update;
  readonly writer?: Writer;
  /** Who asks. */
  readonly subject?: string;
  readonly client?: string | undefined;
  /** About the lock alone: then there is no update. */
  readonly lock?: LockAsk;
  /** An admin ends the space: a lock ends with the update, whoever holds it, and no rule about locks stops it. */
  readonly overLocks?: true;
  /** Server time, the same for every turn. */
  readonly now: number;
};

export type LockAsk =
  /** `admin`: the caller may do what only admins may. */
  | { readonly do: 'grab'; readonly ttlMs?: number; readonly steal: boolean; readonly admin: boolean }
  | { readonly do: 'release'; readonly admin: boolean }
  /** Its holder has left: exactly this grant ends. */
  | { readonly do: 'free'; readonly grant: string };

type NewDelta = Omit<Delta, 'v'>;

/** What the head is to become: content and tail, before versions and coverage are filled in. */
export type Next = {
  readonly head: Head;
  readonly state: unknown;
  /** Length of the encoded value as JSON, UTF-16 units, where its kind knows. */
  readonly chars?: number;
  /** One version each; none where the content stays the same. */
  readonly deltas: readonly NewDelta[];
  /** A life of the item begins or ends: nothing of the older tail may be kept. */
  readonly fresh: boolean;
  /** No tail leads to this value: it was said whole. */
  readonly whole: boolean;
  readonly closes: boolean;
  /** The request is remembered with these fields of its answer; absent where the content stays the same. `shown`: more fields, which can be made again. */
  readonly accepted?: { readonly extra: object; readonly shown?: object };
  /** What stays of the head's `contest`; it stays as it is where the content does. */
  readonly contest?: Contest | undefined;
  /** The lock changes hands or ends: the fence rises to this version. */
  readonly locks?: { readonly to: Lock | undefined };
};

/** The same content again. What closed the item closes it again. */
export function sameAgain(request: WriteRequest, head: Head, state: unknown): Next {
  return { head, state, deltas: [], fresh: false, whole: false, closes: closing(request) || head.dead };
}

export function accepted(request: WriteRequest, head: Head, verdict: Exclude<Verdict, { kind: 'refuse' }>): Next {
  const closes = closing(request);
  switch (verdict.kind) {
    case 'delete':
      return {
        head: { ...head, ...nothingLeft(head), dead: true },
        state: undefined,
        deltas: [],
        fresh: true,
        whole: false,
        closes: true,
        accepted: { extra: {} },
      };
    case 'restore':
      return { ...restored(request, head, verdict), closes };
    case 'accept': {
      const { applied, itemKind, creates } = verdict;
      const index = (creates ? 0 : head.index) + applied.count;
      // Where the last write wins, and in a new life, what was lost is pointless.
      const past = itemKind.lastWins || creates ? nothingLeft(head) : {};
      const same = !creates && applied.count === 0 && !head.back;
      return {
        head: same ? head : { ...head, ...past, kind: itemKind.name, dead: false, index },
        state: applied.state,
        ...(applied.chars === undefined ? {} : { chars: applied.chars }),
        deltas: applied.whole ? [] : [deltaOf(request, applied, index)],
        fresh: creates,
        whole: applied.whole === true,
        closes,
        accepted: { extra: applied.extra ?? {}, ...(verdict.missed ? { shown: verdict.missed } : {}) },
        ...(verdict.contest ? { contest: verdict.contest } : {}),
      };
    }
  }
}

function closing({ update, lock }: WriteRequest): boolean {
  return update ? update.release === true : lock !== undefined && lock.do !== 'grab';
}

function deltaOf(
  request: WriteRequest,
  applied: { readonly delta: Json; readonly undo?: Json; readonly count: number },
  index: number,
): NewDelta {
  const sender = request.writer ? { c: request.writer.client, s: request.writer.seq } : {};
  const undo = applied.undo === undefined ? {} : { u: applied.undo };
  return { op: applied.delta, ...(applied.count > 0 ? { i: index } : {}), ...sender, t: request.now, ...undo };
}

/** No chain reaches further any more. */
function nothingLeft({ back }: Head): Pick<Head, 'back'> {
  return back ? { back: withoutEarlier(closed(back)) } : {};
}

/** Each restored operation is a version of its own, and its sender's repeat is known again. */
function restored(request: WriteRequest, head: Head, restore: Restore): Omit<Next, 'closes'> {
  let { index } = head;
  let memory: Pick<Head, 'seqs' | 'seqFloor'> = head;
  const deltas: NewDelta[] = [];
  for (const [i, { op, count, was, clientId, seq }] of restore.ops.entries()) {
    index += count;
    const known = clientId !== undefined && seq !== undefined;
    const sender = known ? { c: clientId, s: seq } : {};
    const before = was === undefined ? {} : { r: was };
    deltas.push({ op, ...(count > 0 ? { i: index } : {}), ...sender, t: request.now, ...before });
    if (!known) continue;
    const writer = { key: `${request.subject ?? ''}/${clientId}`, seq, place: 0, hash: ANY_HASH };
    if (Object.hasOwn(memory.seqs, writer.key) && (memory.seqs[writer.key]?.[0] ?? 0) >= seq) continue; // has gone on since
    memory = remember(memory, writer, head.v + i + 1);
  }
  const client = request.writer ? { client: request.writer.client } : {};
  const restoredBy = { subject: request.subject ?? '', ...client, t: request.now };
  const next = { ...head, seqs: memory.seqs, seqFloor: memory.seqFloor, back: restore.back, restoredBy, index };
  return { head: next, state: restore.state, deltas, fresh: false, whole: false, accepted: { extra: {} } };
}

export type Made = { readonly v: number; readonly ceil: number; readonly e: string; readonly cu: number };

/** The head to be written. Field by field: a copy by spreading costs several times as much, for each update. */
export function nextHead(
  request: WriteRequest,
  writeId: string,
  before: Head,
  next: Next,
  plan: Layout,
  made: Made,
): Head {
  const { head } = next;
  const memory = next.accepted ? memoryOf(request, writeId, before, next, next.accepted.extra, made.v) : head;
  const result: { -readonly [field in keyof Head]: Head[field] } = {
    pv: before.open ? before.pv : before.v, // these two first: see encodeStored
    av: head.av ?? 0,
    kind: head.kind,
    v: made.v,
    L: head.L,
    open: !next.closes,
    ceil: made.ceil,
    e: made.e,
    cu: made.cu,
    ku: -1,
    t: next.accepted ? Math.max(request.now, before.t) : before.t,
    index: head.index,
    dead: head.dead,
    absent: false,
    born: next.fresh && !head.dead ? made.v : before.born,
    tb: plan.tb,
    segs: plan.segs,
    tail: plan.tail,
    seqs: memory.seqs,
    seqFloor: memory.seqFloor,
    ws: memory.ws,
    fence: next.locks ? made.v : head.fence,
  };
  if (plan.ref) result.ref = plan.ref;
  else if (!head.dead) result.body = plan.body ?? null;
  const lock = next.locks ? next.locks.to : head.lock;
  if (lock) result.lock = lock;
  const { back } = head.back ? markAfter(head.back, request.now, next.accepted && request.writer) : NO_MARK;
  if (back) result.back = back;
  if (head.restoredBy) result.restoredBy = head.restoredBy;
  if (head.contest) {
    const isSame = next.deltas.length === 0 && !next.fresh && !next.whole;
    const contest = isSame ? head.contest : next.contest;
    if (contest) result.contest = contest;
  }
  if (head.forks && !next.fresh) result.forks = head.forks;
  return result;
}

const NO_MARK: Pick<Head, 'back'> = {};

function memoryOf(
  request: WriteRequest,
  writeId: string,
  before: Head,
  next: Next,
  extra: object,
  version: number,
): Pick<Head, 'seqs' | 'seqFloor' | 'ws'> {
  const { seqs, seqFloor, ws } = next.head;
  if (!request.writer) return { seqs, seqFloor, ws: rememberWrite(before.ws, writeId) };
  const hasExtra = Object.keys(extra).length > 0;
  return { ws, ...remember(next.head, request.writer, version, hasExtra ? (extra as never) : undefined) };
}
