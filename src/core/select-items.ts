import type { Head } from '../model/head.ts';
import type { Version } from '../protocol/ids.ts';
import { baseOf, mustRemember } from './coverage.ts';
import type { Filter } from './filter.ts';
import { type Cycle, idHash, type Marker, type Seen, type SeenMap } from './marker.ts';
import { NO_ROSTER } from './presence/tell-roster.ts';

/** What the recent index said of an item: entries that may concern a reader. */
export type Named = readonly { readonly cu: number; readonly base: Version }[];

export type SelectInput = {
  /** Absent: everything is new to this reader. */
  readonly marker: Marker | undefined;
  readonly epoch: string;
  /** The floor time published before anything was read. */
  readonly T: number;
  /** Candidates, ascending by id, all after the page cursor. */
  readonly ids: readonly string[];
  readonly heads: ReadonlyMap<string, Head>;
  readonly named: ReadonlyMap<string, Named>;
  /** The ids are all of a part of the space, not only what the index named. */
  readonly snapshot: boolean;
  readonly filter: Filter;
  readonly limit: number;
  /** For large values; one is always taken. */
  readonly room: number;
  readonly known: Readonly<Record<string, number>> | undefined;
};

export type Chosen = {
  readonly id: string;
  readonly head: Head;
  /** The version the reader seems to have; deltas may start there. */
  readonly from: Version | undefined;
  /** Not of the kinds asked for any more: shown as deleted. */
  readonly gone: boolean;
};

export type Selection = {
  readonly chosen: readonly Chosen[];
  /** Bytes of the large values among them, about. */
  readonly bytes: number;
  readonly durable: Readonly<Record<string, Version>>;
  readonly seen: SeenMap;
  /** The id it stopped before, when the page was full. */
  readonly stoppedAfter: string | undefined;
  /** Candidates not looked at. */
  readonly left: number;
};

/**
 * Which items a reader is told of, and what its next marker must remember. Pure.
 *
 * A version is new to the reader if it is above what the chain was told (`seen`), or above what every entry that names the item says it had (`base`). What is told stays in `seen` for as long
 * as the item can be named again.
 */
export function selectItems(input: SelectInput): Selection {
  const { marker, limit, room, filter } = input;
  const T1 = marker?.cycle?.t1 ?? input.T;
  const before: SeenMap = marker?.seen ?? new Map();
  const seen = new Map<string, Seen>(marker?.cycle ? before : []);
  const chosen: Chosen[] = [];
  const durable: Record<string, Version> = {};
  let bytes = 0;
  let last = marker?.cycle?.after;
  for (const [place, id] of input.ids.entries()) {
    const head = input.heads.get(id);
    if (!head || !filter.matches(id)) continue;
    const hash = idHash(id);
    const was = before.get(hash);
    const verdict = judge(input, id, head, was);
    const blind = was?.blind && !verdict ? { blind: true as const } : {};
    if (verdict) {
      const more = largeBytes(verdict);
      if (chosen.length >= limit || (chosen.length > 0 && more > 0 && bytes + more > room))
        return { chosen, bytes, durable, seen, stoppedAfter: last ?? '', left: input.ids.length - place };
      chosen.push(verdict);
      bytes += more;
    } else if (tellsDurable(input, id, head, was)) setOwn(durable, id, head.pv);
    if (mustRemember(head, maxCover(input.named.get(id)), input.epoch, T1))
      seen.set(hash, { v: head.v, pv: head.pv, ...blind });
    last = id;
  }
  return { chosen, bytes, durable, seen, stoppedAfter: undefined, left: 0 };
}

/** Of what is told of an item, what is not in its head: known without reading it. */
function largeBytes({ head, from, gone }: Chosen): number {
  if (!head.ref || head.dead || gone || from === head.v) return 0;
  if (from === undefined || from < head.tb || from > head.v) return head.ref.bytes;
  const deltas = head.segs.reduce((sum, { to, bytes }) => (to > from ? sum + bytes : sum), 0);
  return Math.min(deltas, head.ref.bytes);
}

function judge(input: SelectInput, id: string, head: Head, was: Seen | undefined): Chosen | undefined {
  const { marker, snapshot, filter } = input;
  const known = input.known && Object.hasOwn(input.known, id) ? input.known[id] : undefined;
  const base = baseOf(input.named.get(id) ?? [], marker?.T ?? Number.POSITIVE_INFINITY);
  const wanted = !filter.kinds || filter.kinds.has(head.kind);
  if (snapshot) {
    if (head.absent || head.dead) return known === undefined ? undefined : { id, head, from: undefined, gone: false };
    return wanted ? { id, head, from: known, gone: false } : undefined;
  }
  if (head.v <= (was ? was.v : base)) return undefined; // a pruned tombstone has the highest number there was
  const from = known ?? (was ? (was.blind ? undefined : was.v) : base >= 0 && Number.isFinite(base) ? base : undefined);
  if (wanted) return { id, head, from, gone: false };
  // An item that came back as another kind: whoever watches the old kind must drop it.
  return head.born > (from ?? 0) && head.born > 1 && !head.dead ? { id, head, from: undefined, gone: true } : undefined;
}

/** What became stored without a new version. Where nothing is known of what the reader was told, it is told (again). */
function tellsDurable(input: SelectInput, id: string, head: Head, was: Seen | undefined): boolean {
  if (input.snapshot || !input.marker || head.absent) return false;
  if (head.pv < head.v) return was !== undefined && head.pv > was.pv;
  return was ? head.pv > was.pv : input.named.has(id);
}

function maxCover(named: Named | undefined): number {
  let cu = -1;
  for (const entry of named ?? []) if (entry.cu > cu) cu = entry.cu;
  return cu;
}

function setOwn(target: Record<string, Version>, id: string, version: Version): void {
  Object.defineProperty(target, id, { value: version, enumerable: true, writable: true, configurable: true });
}

/** What a reader that begins now, without any history, must not be told later as if it were new. */
export function seenFromNow(input: Pick<SelectInput, 'ids' | 'heads' | 'named' | 'epoch' | 'T'>): SeenMap {
  const seen = new Map<string, Seen>();
  for (const id of input.ids) {
    const head = input.heads.get(id);
    if (!head || !mustRemember(head, maxCover(input.named.get(id)), input.epoch, input.T)) continue;
    seen.set(idHash(id), { v: head.v, pv: head.pv, blind: true });
  }
  return seen;
}

/** The marker that goes with a selection. A page in the middle keeps its time: what comes later must not be passed over. */
export function nextMarker(
  input: Pick<SelectInput, 'marker' | 'epoch' | 'T' | 'snapshot' | 'filter'>,
  selection: Pick<Selection, 'seen' | 'stoppedAfter'>,
): Marker {
  const { marker } = input;
  const T1 = marker?.cycle?.t1 ?? input.T;
  const base = { e: input.epoch, filter: input.filter.hash, roster: marker?.roster ?? NO_ROSTER };
  if (selection.stoppedAfter === undefined) return { ...base, T: T1, seen: selection.seen };
  const cycle: Cycle = { after: selection.stoppedAfter, t1: T1, snap: input.snapshot };
  const T = marker ? marker.T : input.T;
  const seen = marker ? new Map([...marker.seen, ...selection.seen]) : selection.seen;
  return { ...base, T, seen, cycle };
}
