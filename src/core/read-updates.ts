import type { Head } from '../model/head.ts';
import { itemRowKey, ledgerKey, seenKey, spaceRowKey } from '../model/keys.ts';
import { coarse, coverPrefix, decodeSpaceRow, STORE_SHARDS } from '../model/row.ts';
import type { GetUpdatesResponse, ItemAnswer, MustReset } from '../protocol/get-updates.ts';
import type { Deps } from './context.ts';
import { mustLook } from './coverage.ts';
import type { Answer } from './engine-types.ts';
import type { Filter } from './filter.ts';
import { decodeSeen, type Marker, type Markers } from './marker.ts';
import { mendShard } from './mend-shard.ts';
import type { Observation, Observer } from './observe.ts';
import { encodeAnswer, type Renderer } from './render.ts';
import { type Named, nextMarker, type SelectInput, type Selection, selectItems } from './select-items.ts';
import { type ShardReader, trusted } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';

/** One question about a space. Polls that ask the same share it. */
export type Question = {
  /** `undefined`: everything; `now`: only what comes. */
  readonly marker: Marker | 'now' | undefined;
  /** The cache record that holds what the marker's chain has seen, where it was too much for the marker. */
  readonly spill: string | undefined;
  /** Why an unusable marker makes this a reset. */
  readonly reset: MustReset['reason'] | undefined;
  readonly filter: Filter;
  readonly limit: number;
  readonly known: Readonly<Record<string, number>> | undefined;
  /** Whether what became durable is reason enough to answer. */
  readonly durable: boolean;
};

export type Evaluated = {
  /** There is something to say. */
  readonly news: boolean;
  /** The marker to go on with, where nothing is said now. */
  readonly marker: Marker;
  readonly answer: () => Promise<Answer>;
};

const STORE_PAGE = 1_000;
/** A store scan that names more than this is no better than a snapshot. */
const MAX_SCANNED = 2_000;

/** The reader's flow (design: GetUpdates), from one observation to the answers to several questions. */
export class UpdateReader {
  readonly #deps: Deps;
  readonly #observer: Observer;
  readonly #renderer: Renderer;
  readonly #markers: Markers;
  readonly #shards: ShardReader;

  constructor(deps: Deps, observer: Observer, renderer: Renderer, markers: Markers, shards: ShardReader) {
    this.#deps = deps;
    this.#observer = observer;
    this.#renderer = renderer;
    this.#markers = markers;
    this.#shards = shards;
  }

  observe(space: SpaceState, questions: readonly Question[]): Promise<Observation> {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (const { marker } of questions) {
      if (!marker || marker === 'now') continue;
      min = Math.min(min, marker.T);
      max = Math.max(max, marker.T);
    }
    return this.#observer.observe(space, min, max);
  }

  /** `heads`: what earlier questions to the same observation have read already. */
  async evaluate(
    space: SpaceState,
    seen: Observation,
    question: Question,
    heads: Map<string, Head>,
  ): Promise<Evaluated> {
    const marker = await this.#withSpill(space, question);
    if (marker === 'now') {
      const fresh: Marker = { e: seen.epoch, T: seen.T, filter: question.filter.hash, seen: new Map(), roster: 0 };
      return this.#evaluated(space, fresh, emptySelection(), undefined, false, undefined);
    }
    if (!marker) return this.#snapshot(space, seen, question, heads, undefined, question.reset);
    if (marker.e !== seen.epoch || marker.T > seen.T)
      return this.#snapshot(space, seen, question, heads, undefined, 'epoch');
    if (marker.cycle?.snap) return this.#snapshot(space, seen, question, heads, marker, undefined);
    const scan = marker.T < seen.since ? await this.#scan(space, marker) : [];
    if (!scan) return this.#snapshot(space, seen, question, heads, undefined, 'tooOld');
    return this.#changes(space, seen, question, marker, heads, scan);
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
  ): Promise<Evaluated> {
    const { input, selection } = await this.#select(space, seen, question, marker, heads, scan);
    const next = nextMarker(input, selection);
    const left = await this.#leftAfter(space, seen, question, heads, selection, marker, next);
    const news =
      selection.chosen.length > 0 ||
      (question.durable && Object.keys(selection.durable).length > 0) ||
      marker.cycle !== undefined;
    return this.#evaluated(space, next, { ...selection, left }, undefined, news, question);
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
    const named = withScanned(seen.named, scan, marker.T);
    const due = ids.filter((id) => named.get(id)?.some((entry) => mustLook(entry.cu, marker.T)));
    await this.#readHeads(space, due, heads);
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
    if (!marker?.cycle || next.T === seen.T) return 0;
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
    let page = marker;
    let items: Selection['chosen'] = [];
    for (;;) {
      const after = page?.cycle?.after ?? '';
      const listed = await this.#deps.store.list(space.id, 'item', after, STORE_PAGE);
      const ids = listed.filter((id) => question.filter.matches(id));
      // One more than fits: only so the last page knows that it is the last.
      const room = question.limit - items.length;
      const part = ids.slice(0, Math.max(room * 2, 50));
      await this.#readHeads(space, part, heads);
      const input: SelectInput = {
        ...inputOf(seen, question, heads, seen.named),
        limit: room,
        marker: page,
        ids: part,
        snapshot: true,
      };
      const selection = selectItems(input);
      items = [...items, ...selection.chosen];
      const ended = part.length === ids.length && listed.length < STORE_PAGE;
      if (selection.stoppedAfter !== undefined || ended) {
        const total = { ...selection, chosen: items, left: Math.max(selection.left, 1) };
        const next = nextMarker(input, selection);
        const left = await this.#leftAfter(space, seen, question, heads, total, page, next);
        return this.#evaluated(space, next, { ...total, left }, reset, true, question);
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

  /**
   * Items that may have changed since a marker which the index does not reach back to: the open ones, and those stored with a coverage that reaches it. The
   * ledger first: an item closed between the two reads is then found by the query. `undefined`: cannot be told.
   */
  async #scan(space: SpaceState, marker: Marker): Promise<string[] | undefined> {
    const { cache, store, config, metrics } = this.#deps;
    metrics.count('store_scans');
    const found = new Set<string>();
    const keys = Array.from({ length: config.ledgerShards }, (_, shard) => ledgerKey(space.id, shard));
    const entries = await cache.get(keys);
    let reaches = true;
    for (const [i, key] of keys.entries()) {
      const entry = entries[i];
      const shard = trusted(entry && this.#shards.read(key, entry.value), marker.e);
      if (!shard || marker.T < shard.since) reaches = false;
      if (!shard) await mendShard(this.#deps, space.id, key, 'ledger');
      for (const line of shard?.entries ?? []) found.add(line.item);
    }
    if (!reaches) return undefined;
    for (let shard = 0; shard < STORE_SHARDS; shard++) {
      const prefix = coverPrefix(marker.e, shard);
      const rows = await store.query('cover', prefix + coarse(marker.T), `${prefix}~`, MAX_SCANNED + 1);
      for (const row of rows) found.add(row.id);
      if (found.size > MAX_SCANNED) return undefined;
    }
    const [record] = await store.read([spaceRowKey(space.id)]);
    const pruned = decodeSpaceRow(record);
    if (pruned.prunedE === marker.e && marker.T <= pruned.prunedCu) return undefined;
    return [...found];
  }

  #evaluated(
    space: SpaceState,
    marker: Marker,
    selection: Selection,
    reset: MustReset['reason'] | undefined,
    news: boolean,
    question: Question | undefined,
  ): Evaluated {
    if (reset) this.#deps.metrics.count('resyncs');
    const answer = async (): Promise<Answer> => {
      const shown = await this.#renderer.items(space, selection.chosen);
      const ends =
        selection.left === 0 && question !== undefined && (reset !== undefined || question.marker === undefined);
      const gone = ends ? await this.#unknown(space, question, shown) : [];
      const text = await this.#seal(space, marker);
      const hasDurable = question !== undefined && Object.keys(selection.durable).length > 0;
      const response: GetUpdatesResponse = {
        marker: text,
        epoch: marker.e,
        upToDate: selection.left === 0,
        changesRemaining: selection.left,
        items: [...shown, ...gone],
        ...(hasDurable ? { durable: selection.durable } : {}),
        ...(reset ? { mustReset: { reason: reset } } : {}),
      };
      return encodeAnswer(response);
    };
    return { news: news || reset !== undefined, marker, answer };
  }

  /** Ids that the caller holds and that do not exist (any more). */
  async #unknown(space: SpaceState, question: Question, shown: readonly ItemAnswer[]): Promise<ItemAnswer[]> {
    const listed = new Set(shown.map((item) => item.id));
    const asked = Object.keys(question.known ?? {}).filter((id) => !listed.has(id) && question.filter.matches(id));
    if (asked.length === 0) return [];
    const rows = await this.#deps.store.read(asked.map((id) => itemRowKey(space.id, id)));
    return asked.filter((_, i) => rows[i] === undefined).map((id) => ({ id, version: 0, deleted: true }));
  }

  /** A marker that would grow too long leaves what was seen in the cache; should that be lost, some items come twice. */
  async #seal(space: SpaceState, marker: Marker): Promise<string> {
    const sealed = this.#markers.seal(space.id, marker);
    if (sealed.spill) await this.#deps.cache.set(seenKey(space.id, sealed.spill.name), sealed.spill.bytes, 3_600);
    return sealed.text;
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
    known: question.known,
  };
}

/** What a scan finds is taken to be new: no entry tells what the reader has of it. */
function withScanned(
  named: ReadonlyMap<string, Named>,
  scan: readonly string[],
  markerT: number,
): ReadonlyMap<string, Named> {
  if (scan.length === 0) return named;
  const all = new Map(named);
  for (const id of scan) all.set(id, [...(all.get(id) ?? []), { cu: markerT, base: -1 }]);
  return all;
}

function emptySelection(): Selection {
  return { chosen: [], durable: {}, seen: new Map(), stoppedAfter: undefined, left: 0 };
}
