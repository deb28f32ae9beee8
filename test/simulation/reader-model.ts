import { must } from '../../src/base/assert.ts';
import type { Json } from '../../src/base/json.ts';
import type { Kinds } from '../../src/kinds/kind.ts';
import type { GetUpdatesResponse, ItemAnswer } from '../../src/protocol/get-updates.ts';
import { ChainKeeper } from './chain-keeper.ts';
import type { Reader } from './checkers.ts';
import { contentOf, DELETED, type History, spotOf } from './history.ts';

export type Held = { readonly version: number; readonly kind: string; readonly value: Json | undefined };

/** What `GET …/items/{id}` tells of an item. */
export type Whole = Held & { readonly durableVersion: number };

/**
 * What a client must do with the answers of one marker chain: drop a version it has, apply deltas only where they fit and skip the
 * part it has, ask for the whole value where they do not, and after a reset drop what no page named.
 */
export class ReaderModel {
  readonly name: string;
  readonly held = new Map<string, Held>();
  /** Items whose whole value must be fetched, and the version at least needed. */
  readonly wanted = new Map<string, number>();
  readonly chains = new ChainKeeper();
  readonly #space: string;
  readonly #history: History;
  readonly #kinds: Kinds;
  marker: string | undefined;
  /** Began with `marker=now` at this time and has seen no snapshot since: what did not change later may be unknown. */
  partialSince: number | undefined;
  /** Has not had an answer yet. */
  isNew = true;
  /** What the pages of a snapshot have named so far. */
  #named: Set<string> | undefined;
  pagesSinceUpToDate = 0;
  /** Items of the last answer that were not known in that version. */
  news = 0;

  constructor(name: string, space: string, history: History, kinds: Kinds) {
    this.name = name;
    this.#space = space;
    this.#history = history;
    this.#kinds = kinds;
  }

  /** The next answer is the first page of a snapshot; what is held stays until it has come through. */
  restart(): void {
    this.marker = undefined;
  }

  beginAtNow(at: number): void {
    this.partialSince = at;
  }

  take(answer: GetUpdatesResponse, snapshot: boolean, inFilter: (item: string) => boolean): void {
    this.isNew = false;
    this.news = answer.items.filter(({ id, version }) => version > (this.held.get(id)?.version ?? 0)).length;
    if (answer.mustReset) {
      this.#history.count('resets');
      this.#named = new Set();
      this.pagesSinceUpToDate = 0;
    }
    if (snapshot) this.#named = new Set();
    this.marker = answer.marker;
    for (const item of answer.items) {
      // Of another kind than asked for, hence gone for this reader.
      if ('deleted' in item && !inFilter(item.id)) this.held.delete(item.id);
      else this.#takeItem(item);
    }
    this.pagesSinceUpToDate = answer.upToDate ? 0 : this.pagesSinceUpToDate + 1;
    if (!answer.upToDate) this.#history.count('pages');
    if (answer.upToDate && this.#named) {
      for (const id of [...this.held.keys()]) if (inFilter(id) && !this.#named.has(id)) this.held.delete(id);
      this.#named = undefined;
      this.partialSince = undefined;
    }
  }

  /** A whole value that was asked for. `undefined`: there is no such item. */
  takeWhole(item: string, held: Whole | undefined): void {
    const needed = this.wanted.get(item) ?? 0;
    if (held && held.version < needed) {
      this.#history.found('C2 went back', `${this.name} needed ${item} v${needed}, the item is at v${held.version}`);
    }
    this.wanted.delete(item);
    const has = this.held.get(item)?.version ?? 0;
    if (!held) this.#hold(item, { version: Math.max(has, needed), kind: '', value: undefined }, undefined);
    else if (held.version > has) {
      this.chains.begin(item, held.version);
      this.#hold(item, held, held.durableVersion);
    }
  }

  content(item: string): string {
    return contentOf(this.held.get(item)?.value);
  }

  /** For the checkers. */
  view(): Reader {
    return {
      name: this.name,
      space: this.#space,
      partialSince: this.partialSince,
      version: (item) => this.held.get(item)?.version,
      content: (item) => this.content(item),
    };
  }

  #takeItem(item: ItemAnswer): void {
    this.#named?.add(item.id);
    if (!('kind' in item)) {
      this.held.delete(item.id);
      return;
    }
    const has = this.held.get(item.id);
    if (has && item.version <= has.version) {
      if (item.version < has.version) {
        this.#history.found('C2 went back', `${this.name} has ${item.id} v${has.version}, was given v${item.version}`);
      } else this.#history.count('repeats');
      if ('value' in item) this.#note(item.id, item.version, item.durableVersion, item.value as Json);
      return;
    }
    if ('deleted' in item)
      this.#hold(item.id, { version: item.version, kind: item.kind, value: undefined }, item.durableVersion);
    else if ('value' in item) {
      this.chains.begin(item.id, item.version);
      this.#hold(item.id, { version: item.version, kind: item.kind, value: item.value as Json }, item.durableVersion);
    } else this.#takeDeltas(item, has);
  }

  #takeDeltas(item: Extract<ItemAnswer, { deltas: unknown }>, has: Held | undefined): void {
    checkDeltas(item, this.#history);
    if (!has || has.value === undefined || has.version < item.from) {
      this.#history.count('gaps');
      this.wanted.set(item.id, Math.max(item.version, this.wanted.get(item.id) ?? 0));
      return;
    }
    const kind = must(this.#kinds.get(item.kind), `a known kind, not ${item.kind}`);
    let state = kind.decode(has.value);
    this.chains.extend(item.id, item.deltas);
    for (const delta of item.deltas) if (delta.version > has.version) state = kind.replay(state, delta.op as Json);
    this.#history.count('deltas');
    this.#hold(item.id, { version: item.version, kind: item.kind, value: kind.value(state) }, item.durableVersion);
  }

  #hold(item: string, held: Held, durableVersion: number | undefined): void {
    this.held.set(item, held);
    const wanted = this.wanted.get(item);
    if (wanted !== undefined && wanted <= held.version) this.wanted.delete(item);
    if (held.value === undefined) this.chains.forget(item);
    if (durableVersion === undefined) return;
    this.chains.stored(item, durableVersion);
    this.#note(item, held.version, durableVersion, held.value);
  }

  #note(item: string, version: number, durableVersion: number, value: Json | undefined): void {
    const content = contentOf(value);
    if (content !== DELETED || version > 0)
      this.#history.saw(spotOf(this.#space, item), version, durableVersion, content, this.name);
  }
}

function checkDeltas(item: Extract<ItemAnswer, { deltas: unknown }>, history: History): void {
  let last = item.from;
  for (const { version } of item.deltas) {
    if (version <= last) history.found('answer', `${item.id}: deltas after ${item.from} do not rise at ${version}`);
    last = version;
  }
  if (last > item.version) history.found('answer', `${item.id}: a delta is newer than v${item.version}`);
}
