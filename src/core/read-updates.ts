import type { Head } from '../model/head.ts';
import { seenKey } from '../model/keys.ts';
import type { MustReset } from '../protocol/get-updates.ts';
import { MAX_ANSWER_BYTES } from '../protocol/limits.ts';
import type { Answers } from './answers.ts';
import { missingIds, STORE_PAGE, withScanned } from './candidates.ts';
import type { Deps } from './context.ts';
import { mustLook } from './coverage.ts';
import { evaluated } from './evaluated.ts';
import { Permits } from './limits/permits.ts';
import { absentHead } from './load-item.ts';
import { decodeSeen, type Marker } from './marker.ts';
import type { Observation, Observer } from './observe.ts';
import { markOf, NO_ROSTER, type RosterMark, type Told, tellRoster } from './presence/tell-roster.ts';
import { type Evaluated, type Look, type Question, questionKey } from './question.ts';
import { type Named, nextMarker, type SelectInput, type Selection, seenFromNow, selectItems } from './select-items.ts';
import type { ShardReader } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { scanStore } from './store-scan.ts';

/** Who is to begin anew and is not taken just now comes back between once and three times this much later, ms. */
const RESYNC_AGAIN_MS = 1_000;

const NOTHING: Selection = { chosen: [], bytes: 0, durable: {}, seen: new Map(), stoppedAfter: undefined, left: 0 };

/** The reader's flow, from one observation to the answers to several questions. */
export class UpdateReader {
  readonly #deps: Deps;
  readonly #observer: Observer;
  readonly #answers: Answers;
  readonly #shards: ShardReader;
  /** Spaces of which a snapshot is being read for readers that have to begin anew. */
  readonly resyncs: Permits;

  constructor(deps: Deps, observer: Observer, answers: Answers, shards: ShardReader) {
    this.#deps = deps;
    this.#observer = observer;
    this.#answers = answers;
    this.#shards = shards;
    const soon = () => Math.round(RESYNC_AGAIN_MS * (1 + 2 * deps.random.fraction()));
    this.resyncs = new Permits('snapshots for readers that begin anew', deps.config.maxResyncs, soon);
  }

  observe(space: SpaceState, questions: readonly Question[]): Promise<Observation> {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    const rosters: RosterMark[] = [];
    for (const { marker } of questions) {
      if (!marker || marker === 'now') continue;
      min = Math.min(min, marker.T);
      max = Math.max(max, marker.T);
      if (marker.roster.n.length > 0) rosters.push(marker.roster);
    }
    return this.#observer.observe(space, min, max, rosters);
  }

  async evaluate(space: SpaceState, seen: Observation, question: Question, look: Look): Promise<Evaluated> {
    const { heads } = look;
    const marker = await this.#withSpill(space, question);
    if (marker === 'now') {
      const ids = [...seen.named.keys()].filter((id) => question.filter.matches(id));
      await this.#readHeads(space, ids, heads);
      const told = seenFromNow({ ids, heads, named: seen.named, epoch: seen.epoch, T: seen.T });
      const fresh: Marker = {
        e: seen.epoch,
        T: seen.T,
        filter: question.filter.hash,
        seen: told,
        roster: markOf(seen.roster),
      };
      return evaluated(this.#answers, space, { marker: fresh, selection: NOTHING, news: false, clients: [] });
    }
    if (!marker && question.reset) return this.#reset(space, seen, question, look, question.reset);
    if (!marker) return this.#snapshot(space, seen, question, heads, undefined, undefined);
    if (marker.e !== seen.epoch || marker.T > seen.T) return this.#reset(space, seen, question, look, 'epoch');
    const told = tellRoster(seen.roster, marker.roster);
    if (told.lost) return this.#reset(space, seen, question, look, 'tooOld');
    if (marker.cycle?.snap) return this.#snapshot(space, seen, question, heads, marker, undefined);
    const scan = marker.T < seen.since ? await scanStore(this.#deps, this.#shards, space.id, marker) : [];
    if (!scan) return this.#reset(space, seen, question, look, 'tooOld');
    return this.#changes(space, seen, question, marker, heads, scan, told);
  }

  /** Page 1 of a snapshot, within the bounds of resyncs. It does not depend on the marker: all that ask the same in one look get the same. */
  #reset(
    space: SpaceState,
    seen: Observation,
    question: Question,
    { heads, resets }: Look,
    reason: MustReset['reason'],
  ): Promise<Evaluated> {
    this.#deps.metrics.count('resyncs');
    const key = `${reason}|${questionKey('', question)}|${JSON.stringify(question.known ?? {})}`;
    let reset = resets.get(key);
    if (!reset) {
      reset = this.resyncs.run(() => this.#snapshot(space, seen, question, heads, undefined, reason));
      resets.set(key, reset);
    }
    return reset;
  }

  async #withSpill(space: SpaceState, question: Question): Promise<Question['marker']> {
    const { marker, spill } = question;
    if (!spill || !marker || marker === 'now') return marker;
    const [entry] = await this.#deps.cache.get([seenKey(space.id, spill)]);
    return entry ? { ...marker, seen: decodeSeen(entry.value) } : marker;
  }

  async #changes(
    space: SpaceState,
    seen: Observation,
    question: Question,
    marker: Marker,
    heads: Map<string, Head>,
    scan: readonly string[],
    told: Told,
  ): Promise<Evaluated> {
    const { input, selection } = await this.#select(space, seen, question, marker, heads, scan);
    const next = { ...nextMarker(input, selection), roster: told.mark };
    const left = await this.#leftAfter(space, seen, question, heads, selection, marker, next);
    const news =
      selection.chosen.length > 0 ||
      (question.durable && Object.keys(selection.durable).length > 0) ||
      told.clients.length > 0 ||
      marker.cycle !== undefined;
    const { clients } = told;
    return evaluated(this.#answers, space, { marker: next, selection: { ...selection, left }, news, clients });
  }

  async #select(
    space: SpaceState,
    seen: Observation,
    question: Question,
    marker: Marker,
    heads: Map<string, Head>,
    scan: readonly string[],
  ): Promise<{ input: SelectInput; selection: Selection }> {
    const after = marker.cycle?.after ?? '';
    const ids = [...new Set([...seen.named.keys(), ...scan])]
      .filter((id) => id > after && question.filter.matches(id))
      .sort();
    const scanned = new Set(scan);
    const candidates = ids.filter(
      (id) => scanned.has(id) || seen.named.get(id)?.some((entry) => mustLook(entry.cu, marker.T)),
    );
    await this.#readHeads(space, candidates, heads);
    // The scan is coarse; the head has the coverage itself.
    const due = candidates.filter((id) => {
      const head = heads.get(id);
      return !scanned.has(id) || !head || head.e !== seen.epoch || mustLook(head.cu, marker.T);
    });
    const named = withScanned(seen.named, scan, marker.T);
    const input: SelectInput = {
      ...inputOf(seen, question, heads, named),
      marker,
      ids: due,
      snapshot: false,
    };
    return { input, selection: selectItems(input) };
  }

  /**
   * How much a reader that has this answer still lacks: the rest of the page, or, where the last page moves on to a time long past, what has changed
   * since. Exact only where it is 0.
   */
  async #leftAfter(
    space: SpaceState,
    seen: Observation,
    question: Question,
    heads: Map<string, Head>,
    selection: Selection,
    marker: Marker | undefined,
    next: Marker,
  ): Promise<number> {
    if (selection.stoppedAfter !== undefined) return Math.max(selection.left, 1);
    if (!marker?.cycle) return 0; // also where the time is the same: the floor may stand still between two pages
    if (next.T < seen.since) return 1;
    return (await this.#select(space, seen, question, next, heads, [])).selection.chosen.length;
  }

  /** A page of everything. Ids come from the store: a row is there before its item is ever visible. */
  async #snapshot(
    space: SpaceState,
    seen: Observation,
    question: Question,
    heads: Map<string, Head>,
    marker: Marker | undefined,
    reset: MustReset['reason'] | undefined,
  ): Promise<Evaluated> {
    const told = tellRoster(seen.roster, marker?.roster ?? NO_ROSTER);
    let page = marker;
    let items: Selection['chosen'] = [];
    let bytes = 0;
    for (;;) {
      const after = page?.cycle?.after ?? '';
      const listed = await this.#deps.store.list(space.id, 'item', after, STORE_PAGE);
      const missing = missingIds(question, listed, after);
      const ids = [...listed.filter((id) => question.filter.matches(id)), ...missing].sort();
      const left = question.limit - items.length;
      const part = ids.slice(0, Math.max(left * 2, 50));
      const absent = part.filter((id) => missing.has(id));
      await this.#readHeads(
        space,
        part.filter((id) => !missing.has(id)),
        heads,
      );
      const known =
        absent.length === 0 ? heads : new Map([...heads, ...absent.map((id) => [id, absentHead(0)] as const)]);
      const input: SelectInput = {
        ...inputOf(seen, question, known, seen.named),
        limit: left,
        room: MAX_ANSWER_BYTES - bytes,
        marker: page,
        ids: part,
        snapshot: true,
      };
      const selection = selectItems(input);
      items = [...items, ...selection.chosen];
      bytes += selection.bytes;
      const ended = part.length === ids.length && listed.length < STORE_PAGE;
      if (selection.stoppedAfter !== undefined || ended) {
        const total = { ...selection, chosen: items, left: Math.max(selection.left, 1) };
        const next = { ...nextMarker(input, selection), roster: told.mark };
        const rest = await this.#leftAfter(space, seen, question, heads, total, page, next);
        const found = { marker: next, selection: { ...total, left: rest }, reset, news: true, clients: told.clients };
        return evaluated(this.#answers, space, found);
      }
      const stoppedAfter = part.at(-1) ?? listed.at(-1) ?? after;
      page = nextMarker(input, { ...selection, stoppedAfter });
    }
  }

  async #readHeads(space: SpaceState, ids: readonly string[], heads: Map<string, Head>): Promise<void> {
    const wanted = ids.filter((id) => !heads.has(id));
    if (wanted.length === 0) return;
    for (const [id, head] of await this.#observer.heads(space, wanted)) heads.set(id, head);
  }
}

function inputOf(
  seen: Observation,
  question: Question,
  heads: ReadonlyMap<string, Head>,
  named: ReadonlyMap<string, Named>,
) {
  return {
    epoch: seen.epoch,
    T: seen.T,
    heads,
    named,
    filter: question.filter,
    limit: question.limit,
    room: MAX_ANSWER_BYTES,
    known: question.known,
  };
}
