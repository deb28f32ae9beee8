import type { GetUpdatesResponse, ItemAnswer } from '../protocol/get-updates.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import { type ClientKinds, DEFAULT_KIND, ItemCopy } from './item-copy.ts';
import type { Local, SentAs } from './local.ts';
import type { Lost } from './losses.ts';

export type Repeat = ReturnType<ItemCopy['judgeLost']>[number];

export type Intake = {
  /** What the answer changed. */
  readonly changed: ReadonlySet<ItemCopy>;
  /** Deltas came that do not fit what is held: to be asked for. */
  readonly misfits: readonly string[];
  /** Acknowledged once, and lost: to be sent again. */
  readonly repeats: readonly Repeat[];
};

/** All items of a space, as the answers tell them. */
export class Copies {
  readonly #kinds: ClientKinds;
  readonly #now: () => number;
  readonly #all = new Map<string, ItemCopy>();
  #epoch: string | undefined;
  /** Those that a loss of the cache has taken something from. */
  readonly lost = new Set<ItemCopy>();
  /** Ids that the snapshot under way has named so far. */
  #named: Set<string> | undefined;

  constructor(kinds: ClientKinds, now: () => number) {
    this.#kinds = kinds;
    this.#now = now;
  }

  get epoch(): string | undefined {
    return this.#epoch;
  }

  of(id: string): ItemCopy {
    let copy = this.#all.get(id);
    if (copy === undefined) {
      copy = new ItemCopy(id, this.#kinds, this.#now);
      this.#all.set(id, copy);
    }
    return copy;
  }

  all(): IterableIterator<ItemCopy> {
    return this.#all.values();
  }

  /** `first`: no marker was sent, so this is the first page of a snapshot. */
  take(answer: GetUpdatesResponse, first: boolean): Intake {
    const { epoch, mustReset, items, durable = {}, upToDate } = answer;
    if (this.#epoch !== undefined && this.#epoch !== epoch) this.#beginEpoch(epoch, mustReset?.reason !== 'restored');
    this.#epoch = epoch;
    if (first || mustReset !== undefined) this.#named = new Set();
    const changed = new Set<ItemCopy>();
    const misfits: string[] = [];
    for (const item of items) {
      const deleted = 'deleted' in item;
      if (deleted) this.#named?.delete(item.id);
      else this.#named?.add(item.id);
      const taken = this.of(item.id).take(item, epoch);
      if (taken === 'misfit') misfits.push(item.id);
      else if (taken === 'news') changed.add(this.of(item.id));
    }
    for (const [id, version] of Object.entries(durable)) this.#all.get(id)?.stored(version);
    const repeats = upToDate && this.#named !== undefined ? this.#sweep(changed) : this.#judgeRolledBack(items);
    return { changed, misfits, repeats };
  }

  /** The answer to a question about single items. */
  repair(items: readonly ItemAnswer[], epoch: string): Intake {
    const changed = new Set<ItemCopy>();
    const misfits: string[] = [];
    if (epoch !== this.#epoch) return { changed, misfits, repeats: [] }; // the chain of markers will tell
    for (const item of items) {
      const taken = this.of(item.id).take(item, epoch);
      if (taken === 'misfit') misfits.push(item.id);
      else if (taken === 'news') changed.add(this.of(item.id));
    }
    return { changed, misfits, repeats: this.#judgeRolledBack(items) };
  }

  /** What the answer to an update says of the item. News come later, or never: what is known beyond what is stored grows by it at once. */
  takeAnswer({ item, kind, op }: Local, result: UpdateResult, epoch: string, sentAs: SentAs): void {
    const copy = this.of(item);
    const known = this.#kinds.get(copy.held?.kind ?? kind ?? DEFAULT_KIND);
    const told = known?.told?.(op, result, sentAs);
    if (!known || !told || epoch !== this.#epoch || !('durableVersion' in result)) return;
    const { durableVersion } = result;
    copy.take(
      { ...told, id: item, kind: known.kind.name, durableVersion, updatedAt: '', deltas: [...told.deltas] },
      epoch,
    );
  }

  /** Those of which the server has lost the head alone: nothing more of them will come. */
  #judgeRolledBack(items: readonly ItemAnswer[]): Repeat[] {
    return items.flatMap(({ id }) => {
      const copy = this.#all.get(id);
      if (!copy?.isRolledBack) return [];
      const again = copy.judgeLost();
      this.#noteLost(copy);
      return again;
    });
  }

  restoreLate(local: Local, clientId: string, seq: number): void {
    const copy = this.of(local.item);
    copy.restoreLate(local, clientId, seq);
    this.#noteLost(copy);
  }

  /** What it had lost is back, or cannot be. */
  found(copy: ItemCopy, lost: Lost): void {
    copy.losses.replace(lost, undefined);
    this.#noteLost(copy);
  }

  /** What was put back on purpose, by whoever runs the server, is not brought forward again. */
  #beginEpoch(epoch: string, keepLost: boolean): void {
    for (const copy of this.#all.values()) {
      copy.beginEpoch(epoch);
      if (!keepLost) copy.losses.clear();
      this.#noteLost(copy);
    }
  }

  /** What the snapshot did not name is gone. */
  #sweep(changed: Set<ItemCopy>): Repeat[] {
    const named = this.#named;
    this.#named = undefined;
    const repeats: Repeat[] = [];
    for (const copy of this.#all.values()) {
      if (!named?.has(copy.id) && copy.gone()) changed.add(copy);
      const again = copy.judgeLost();
      if (again.length > 0) changed.add(copy);
      repeats.push(...again);
      this.#noteLost(copy);
    }
    return repeats;
  }

  #noteLost(copy: ItemCopy): void {
    if (copy.losses.first) this.lost.add(copy);
    else this.lost.delete(copy);
  }
}
