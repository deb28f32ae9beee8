import { isFailure } from '../ports/failure.ts';
import type { Deps } from './context.ts';
import { RetryLater } from './context.ts';
import { persist } from './durable.ts';
import { admit, type FlushCandidate, POISON_FAILURES } from './flush-policy.ts';
import { ItemMap } from './item-map.ts';
import type { Snapshot } from './row-content.ts';
import type { SpaceState } from './space-state.ts';

/** An item this process has written and not yet closed. */
export type DirtyItem = FlushCandidate & {
  readonly space: SpaceState;
  readonly item: string;
  /** The newest version this process acknowledged or landed, with its whole value. */
  readonly snapshot: Snapshot;
  /** Not yet proved to be announced in time for every reader. */
  readonly unsure: boolean;
  /** Refused so often that it is only kept, not tried. */
  readonly poison: boolean;
};

/**
 * The process's own list of open items, with a copy of the newest value each. The copy is what survives the loss of the cache while this process lives.
 *
 * An item enters when a `cas` of ours was answered "stored", and leaves when it was closed, or when another life of it began.
 */
export class Dirtiness {
  readonly #deps: Deps;
  readonly #items = new ItemMap<DirtyItem>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** `announced`: the version was found to be covered after it was visible. */
  committed(space: SpaceState, item: string, snapshot: Snapshot, announced: boolean): void {
    const now = this.#deps.clock.monotonic();
    const before = this.#items.get(space.id, item);
    const since = before && !before.stored ? before.since : now;
    const { failures, poison } = before ?? { failures: 0, poison: false };
    this.#items.set(space.id, item, {
      space,
      item,
      snapshot,
      since,
      movedAt: now,
      stored: false,
      unsure: !announced,
      failedAt: 0,
      failures,
      poison,
    });
  }

  /**
   * The version and everything older is in the store; `began`: when that write was begun (monotonic, ms). What was changed since then has been waiting since
   * then at the longest. A closed item leaves.
   */
  stored(space: SpaceState, item: string, snapshot: Snapshot, began?: number): void {
    const entry = this.#items.get(space.id, item);
    if (!entry || entry.snapshot.head.L !== snapshot.head.L) return;
    const now = this.#deps.clock.monotonic();
    if (entry.snapshot.head.v > snapshot.head.v) {
      if (!entry.stored)
        this.#items.set(space.id, item, { ...entry, since: Math.max(entry.since, began ?? now), failures: 0 });
      return;
    }
    if (!entry.stored) this.#deps.metrics.observe('durability_lag_ms', now - entry.since);
    if (snapshot.head.open) this.#items.set(space.id, item, { ...entry, stored: true, failures: 0, poison: false });
    else this.#items.delete(space.id, item);
  }

  drop(entry: DirtyItem): void {
    const { space, item } = entry;
    if (this.#items.get(space.id, item) === entry) this.#items.delete(space.id, item);
  }

  failed(entry: DirtyItem, error: unknown): void {
    const { space, item } = entry;
    const now = this.#items.get(space.id, item);
    if (!now) return;
    const refused = isFailure(error, 'storeRefused');
    const failures = now.failures + 1;
    const poison = refused && failures >= POISON_FAILURES;
    this.#deps.metrics.count(poison && !now.poison ? 'flush_poison' : 'store_failures');
    if (poison && !now.poison)
      this.#deps.log.error({ space: space.id, item }, 'item cannot be stored and is set aside');
    this.#items.set(space.id, item, { ...now, failedAt: this.#deps.clock.monotonic(), failures, poison });
  }

  get(space: SpaceState, item: string): DirtyItem | undefined {
    return this.#items.get(space.id, item);
  }

  /** Before this process loads an item whose head is gone, its own newer copy goes to the store. */
  async flushOwn(space: SpaceState, item: string): Promise<void> {
    const entry = this.get(space, item);
    if (!entry || entry.stored) return;
    const done = await persist(this.#deps, space.id, item, entry.snapshot, false);
    if (done.over) this.drop(entry);
    else this.stored(space, item, entry.snapshot);
  }

  items(): IterableIterator<DirtyItem> {
    return this.#items.values();
  }

  lag(): { readonly oldestDirtyMs: number; readonly dirtyItems: number } {
    const now = this.#deps.clock.monotonic();
    let oldest = now;
    let dirtyItems = 0;
    for (const entry of this.#items.values()) {
      if (entry.stored || entry.poison) continue;
      dirtyItems++;
      if (entry.since < oldest) oldest = entry.since;
    }
    return { oldestDirtyMs: now - oldest, dirtyItems };
  }

  admitAny(): void {
    if (this.#admission() === 'none') throw new RetryLater('overloaded', 2_000);
  }

  admitFirst(): void {
    if (this.#admission() !== 'all') throw new RetryLater('overloaded', 2_000);
  }

  // Walking the whole list for each post would cost more than the post: the answer is kept for a moment.
  #admitted: { readonly at: number; readonly admission: ReturnType<typeof admit> } = {
    at: Number.NEGATIVE_INFINITY,
    admission: 'all',
  };

  #admission(): ReturnType<typeof admit> {
    const now = this.#deps.clock.monotonic();
    if (now - this.#admitted.at > 250) this.#admitted = { at: now, admission: admit(this.lag(), this.#deps.config) };
    return this.#admitted.admission;
  }
}
