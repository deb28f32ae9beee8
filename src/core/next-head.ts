import type { Delta, Head } from '../model/head.ts';
import type { Update } from '../protocol/post-update.ts';
import { ANY_HASH, markAfter, type Restore } from './decide-restore.ts';
import { remember, rememberWrite, type Verdict, type Writer } from './decide-update.ts';
import type { Layout } from './layout.ts';

export type WriteRequest = {
  readonly item: string;
  /** Absent: the same content again under a new version, so that every reader is told. */
  readonly update?: Update;
  readonly writer?: Writer;
  /** Who asks. */
  readonly subject?: string;
  /** Server time, the same for every turn. */
  readonly now: number;
};

type NewDelta = Omit<Delta, 'v'>;

/** What the head is to become: content and tail, before versions and coverage are filled in. */
export type Next = {
  readonly head: Head;
  readonly state: unknown;
  /** One version each; none where the content stays the same. */
  readonly deltas: readonly NewDelta[];
  /** Nothing of the older tail may be kept. */
  readonly fresh: boolean;
  readonly closes: boolean;
  /** The request is remembered with these fields of its answer; absent where the content stays the same. */
  readonly accepted?: { readonly extra: object };
};

/** The same content again. A release or delete that is said again stays one. */
export function sameAgain(request: WriteRequest, head: Head, state: unknown): Next {
  return { head, state, deltas: [], fresh: false, closes: request.update?.release === true || head.dead };
}

export function accepted(request: WriteRequest, head: Head, verdict: Exclude<Verdict, { kind: 'refuse' }>): Next {
  const closes = request.update?.release === true;
  switch (verdict.kind) {
    case 'delete':
      return {
        head: { ...head, ...nothingLeft(head), dead: true },
        state: undefined,
        deltas: [],
        fresh: true,
        closes: true,
        accepted: { extra: {} },
      };
    case 'restore':
      return { ...restored(request, head, verdict), closes };
    case 'accept': {
      const { applied, itemKind, creates } = verdict;
      const index = (creates ? 0 : head.index) + applied.count;
      const sender = request.writer ? { c: request.writer.client, s: request.writer.seq } : {};
      const delta: NewDelta = {
        op: applied.delta,
        ...(applied.count > 0 ? { i: index } : {}),
        ...sender,
        t: request.now,
      };
      // Where the last write wins, and in a new life, what was lost is pointless.
      const past = itemKind.lastWins || creates ? nothingLeft(head) : {};
      const next = { ...head, ...past, kind: itemKind.name, dead: false, index };
      return {
        head: next,
        state: applied.state,
        deltas: [delta],
        fresh: creates,
        closes,
        accepted: { extra: applied.extra ?? {} },
      };
    }
  }
}

/** No chain reaches further any more. */
function nothingLeft({ back }: Head): Pick<Head, 'back'> {
  return back ? { back: { ...back, got: back.ceil } } : {};
}

/** Each restored operation is a version of its own, and its sender's repeat is known again. */
function restored(request: WriteRequest, head: Head, restore: Restore): Omit<Next, 'closes'> {
  let { index } = head;
  let memory: Pick<Head, 'seqs' | 'seqFloor'> = head;
  const deltas: NewDelta[] = [];
  for (const [i, { op, count, clientId, seq }] of restore.ops.entries()) {
    index += count;
    const known = clientId !== undefined && seq !== undefined;
    deltas.push({ op, ...(count > 0 ? { i: index } : {}), ...(known ? { c: clientId, s: seq } : {}), t: request.now });
    if (!known) continue;
    const writer = { key: `${request.subject ?? ''}/${clientId}`, seq, place: 0, hash: ANY_HASH };
    if (Object.hasOwn(memory.seqs, writer.key) && (memory.seqs[writer.key]?.[0] ?? 0) >= seq) continue; // has gone on since
    memory = remember(memory, writer, head.v + i + 1);
  }
  const client = request.writer ? { client: request.writer.client } : {};
  const restoredBy = { subject: request.subject ?? '', ...client, t: request.now };
  const next = { ...head, seqs: memory.seqs, seqFloor: memory.seqFloor, back: restore.back, restoredBy, index };
  return { head: next, state: restore.state, deltas, fresh: false, accepted: { extra: {} } };
}

export type Made = { readonly v: number; readonly ceil: number; readonly e: string; readonly cu: number };

/** The head to be written. */
export function nextHead(
  request: WriteRequest,
  writeId: string,
  before: Head,
  next: Next,
  plan: Layout,
  made: Made,
): Head {
  const { body: _body, ref: _ref, back, ...rest } = next.head;
  const { dead } = next.head;
  return {
    ...rest,
    ...made,
    ku: -1,
    open: !next.closes,
    absent: false,
    born: next.fresh && !dead ? made.v : before.born,
    t: next.accepted ? Math.max(request.now, before.t) : before.t,
    pv: before.open ? before.pv : before.v,
    tb: plan.tb,
    segs: plan.segs,
    tail: plan.tail,
    ...markAfter(back, request.now, next.accepted && request.writer),
    ...(plan.ref ? { ref: plan.ref } : dead ? {} : { body: plan.body ?? null }),
    ...memoryOf(request, writeId, before, next, made.v),
  };
}

function memoryOf(request: WriteRequest, writeId: string, before: Head, next: Next, version: number): Partial<Head> {
  if (!next.accepted) return {};
  if (!request.writer) return { ws: rememberWrite(before.ws, writeId) };
  const { extra } = next.accepted;
  return remember(next.head, request.writer, version, Object.keys(extra).length > 0 ? (extra as never) : undefined);
}
