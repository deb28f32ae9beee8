import type { Head } from '../model/head.ts';
import type { MustReset } from '../protocol/get-updates.ts';
import { MAX_ANSWER_BYTES } from '../protocol/limits.ts';
import type { Answers } from './answers.ts';
import { missingIds, STORE_PAGE, withScanned } from './candidates.ts';
import type { Deps } from './context.ts';
import { mustLook } from './coverage.ts';
import { evaluated } from './evaluated.ts';
import { absentHead } from './load-item.ts';
import type { Marker } from './marker.ts';
import type { Observation, Observer } from './observe.ts';
import { markOf, NO_ROSTER, type Told, tellRoster } from './presence/tell-roster.ts';
import type { Evaluated, Question } from './question.ts';
import { type Named, nextMarker, type SelectInput, type Selection, seenFromNow, selectItems } from './select-items.ts';
import type { SpaceState } from './space-state.ts';

export type ReadingParts = { readonly deps: Deps; readonly observer: Observer; readonly answers: Answers };

/** What is asked of what was seen. */
export type Asked = {
  readonly space: SpaceState;
  readonly seen: Observation;
  readonly question: Question;
  /** Those that this look has read; more are added. */
  readonly heads: Map<string, Head>;
};

const NOTHING: Selection = { chosen: [], bytes: 0, durable: {}, seen: new Map(), stoppedAfter: undefined, left: 0 };

/** One question, put to one observation of a space. */
export class Reading {
  readonly #parts: ReadingParts;
  readonly #asked: Asked;

  constructor(parts: ReadingParts, asked: Asked) {
    this.#parts = parts;
    this.#asked = asked;
  }

  /** Nothing but what comes later. */
  async fromNow(): Promise<Evaluated> {
    const { space, seen, question, heads } = this.#asked;
    const ids = [...seen.named.keys()].filter((id) => question.filter.matches(id));
    await this.#readHeads(ids);
    const told = seenFromNow({ ids, heads, named: seen.named, epoch: seen.epoch, T: seen.T });
    const { hash: filter } = question.filter;
    const marker: Marker = { e: seen.epoch, T: seen.T, filter, seen: told, roster: markOf(seen.roster) };
    return evaluated(this.#parts.answers, space, { marker, selection: NOTHING, news: false, clients: [] });
  }

  /** `scan`: ids that the store names, where the shards do not reach back to the marker. */
  async changes(marker: Marker, scan: readonly string[], { mark, clients }: Told): Promise<Evaluated> {
    const { space, question } = this.#asked;
    const { input, selection } = await this.#select(marker, scan);
    const next = { ...nextMarker(input, selection), roster: mark };
    const left = await this.#leftAfter(selection, marker, next);
    const news =
      selection.chosen.length > 0 ||
      (question.durable && Object.keys(selection.durable).length > 0) ||
      clients.length > 0 ||
      marker.cycle !== undefined;
    const found = { marker: next, selection: { ...selection, left }, news, clients };
    return evaluated(this.#parts.answers, space, found);
  }

  /** A page of everything. Ids come from the store: a row is there before its item is ever visible. `marker`: of the page before. */
  async snapshot(marker: Marker | undefined, reset?: MustReset['reason']): Promise<Evaluated> {
    const { space, seen, question } = this.#asked;
    const told = tellRoster(seen.roster, marker?.roster ?? NO_ROSTER);
    let page = marker;
    let items: Selection['chosen'] = [];
    let bytes = 0;
    for (;;) {
      const bounds = { limit: question.limit - items.length, room: MAX_ANSWER_BYTES - bytes };
      const { input, selection, last } = await this.#selectListed(page, bounds);
      items = [...items, ...selection.chosen];
      bytes += selection.bytes;
      if (last === undefined) {
        const total = { ...selection, chosen: items, left: Math.max(selection.left, 1) };
        const next = { ...nextMarker(input, selection), roster: told.mark };
        const left = await this.#leftAfter(total, page, next);
        const found = { marker: next, selection: { ...total, left }, reset, news: true, clients: told.clients };
        return evaluated(this.#parts.answers, space, found);
      }
      page = nextMarker(input, { ...selection, stoppedAfter: last });
    }
  }

  /** Of the next ids that the store lists. `last` of them: the page has room for more; `undefined`: it ends here. */
  async #selectListed(
    page: Marker | undefined,
    bounds: Pick<SelectInput, 'limit' | 'room'>,
  ): Promise<{ readonly input: SelectInput; readonly selection: Selection; readonly last: string | undefined }> {
    const { space, seen, question, heads } = this.#asked;
    const after = page?.cycle?.after ?? '';
    const listed = await this.#parts.deps.store.list(space.id, 'item', after, STORE_PAGE);
    const missing = missingIds(question, listed, after);
    const ids = [...listed.filter((id) => question.filter.matches(id)), ...missing].sort();
    const part = ids.slice(0, Math.max(bounds.limit * 2, 50));
    const absent = part.filter((id) => missing.has(id));
    await this.#readHeads(part.filter((id) => !missing.has(id)));
    const known =
      absent.length === 0 ? heads : new Map([...heads, ...absent.map((id) => [id, absentHead(0)] as const)]);
    const input: SelectInput = {
      ...this.#inputOf(known, seen.named),
      ...bounds,
      marker: page,
      ids: part,
      snapshot: true,
    };
    const selection = selectItems(input);
    const ended = part.length === ids.length && listed.length < STORE_PAGE;
    const isLast = selection.stoppedAfter !== undefined || ended;
    return { input, selection, last: isLast ? undefined : (part.at(-1) ?? listed.at(-1) ?? after) };
  }

  async #select(marker: Marker, scan: readonly string[]): Promise<{ input: SelectInput; selection: Selection }> {
    const { seen, question, heads } = this.#asked;
    const after = marker.cycle?.after ?? '';
    const ids = [...new Set([...seen.named.keys(), ...scan])]
      .filter((id) => id > after && question.filter.matches(id))
      .sort();
    const scanned = new Set(scan);
    const candidates = ids.filter(
      (id) => scanned.has(id) || seen.named.get(id)?.some((entry) => mustLook(entry.cu, marker.T)),
    );
    await this.#readHeads(candidates);
    // The scan is coarse; the head has the coverage itself.
    const due = candidates.filter((id) => {
      const head = heads.get(id);
      return !scanned.has(id) || !head || head.e !== seen.epoch || mustLook(head.cu, marker.T);
    });
    const named = withScanned(seen.named, scan, marker.T);
    const input: SelectInput = { ...this.#inputOf(heads, named), marker, ids: due, snapshot: false };
    return { input, selection: selectItems(input) };
  }

  /**
   * How much a reader that has this answer still lacks: the rest of the page, or, where the last page moves on to a time long past, what has changed
   * since. Exact only where it is 0.
   */
  async #leftAfter(selection: Selection, marker: Marker | undefined, next: Marker): Promise<number> {
    if (selection.stoppedAfter !== undefined) return Math.max(selection.left, 1);
    if (!marker?.cycle) return 0; // also where the time is the same: the floor may stand still between two pages
    if (next.T < this.#asked.seen.since) return 1;
    return (await this.#select(next, [])).selection.chosen.length;
  }

  #inputOf(heads: ReadonlyMap<string, Head>, named: ReadonlyMap<string, Named>) {
    const { seen, question } = this.#asked;
    const { epoch, T } = seen;
    const { filter, limit, known } = question;
    return { epoch, T, heads, named, filter, limit, room: MAX_ANSWER_BYTES, known };
  }

  async #readHeads(ids: readonly string[]): Promise<void> {
    const { space, heads } = this.#asked;
    const wanted = ids.filter((id) => !heads.has(id));
    if (wanted.length === 0) return;
    for (const [id, head] of await this.#parts.observer.heads(space, wanted)) heads.set(id, head);
  }
}
