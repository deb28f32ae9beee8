import { decodeHead, encodeHead, type Head, isPlaceholder } from '../model/head.ts';
import { headKey } from '../model/keys.ts';
import { type Deps, type HeldHead, LOOP, RetryLater } from './context.ts';
import type { Dirtiness } from './dirtiness.ts';
import { getFloor, type HeldFloor, heldFloor } from './floor.ts';
import { loadItem } from './load-item.ts';
import type { Snapshot } from './row-content.ts';
import type { SpaceState } from './space-state.ts';
import type { Values } from './values.ts';

export type HeadForWrite = { readonly held: HeldHead; readonly floor: HeldFloor; readonly fresh: boolean };

/** The heads of items: from memory where that is enough, else from the cache, else loaded from the store. */
export class Heads {
  readonly #deps: Deps;
  readonly #values: Values;
  readonly #dirtiness: Dirtiness;
  /** Set once by whoever owns the writer's flow: a load may have to announce. */
  recommit: (space: SpaceState, item: string) => Promise<unknown> = async () => undefined;

  constructor(deps: Deps, values: Values, dirtiness: Dirtiness) {
    this.#deps = deps;
    this.#values = values;
    this.#dirtiness = dirtiness;
  }

  remembered(space: SpaceState, item: string): HeadForWrite | undefined {
    const kept = space.held.get(item);
    // A closed item is opened from a fresh head only: opened from one that the cache has lost, it would be rolled back for nothing.
    const held = kept?.head.open ? kept : undefined;
    return held && space.floor && { held, floor: space.floor, fresh: false };
  }

  /**
   * What this process holds, unless `cold`. What it holds may be stale, which a `cas` will tell; whatever is not going to be guarded by one must be judged from
   * a `fresh` head.
   */
  async forWrite(space: SpaceState, item: string, cold: boolean): Promise<HeadForWrite> {
    const remembered = cold ? undefined : this.remembered(space, item);
    if (remembered) return remembered;
    const { cache, clock } = this.#deps;
    const [entry, floorEntry] = await cache.get([headKey(space.id, item), space.floorKey]);
    const floor = heldFloor(floorEntry) ?? (await getFloor(this.#deps, space.id));
    space.seeFloor(floor, clock.monotonic());
    const head = entry && decodeHead(entry.value);
    const found = entry && head && !isPlaceholder(head) ? { head, token: entry.token } : await this.load(space, item);
    space.held.set(item, found);
    return { held: found, floor, fresh: true };
  }

  load(space: SpaceState, item: string): Promise<HeldHead> {
    return loadItem({
      ...{ deps: this.#deps, values: this.#values, space, item },
      flushOwn: () => this.#dirtiness.flushOwn(space, item),
      announceAgain: () => this.recommit(space, item),
    });
  }

  /**
   * After a `cas` without an answer: settles what became of it. Returns the version that has the write; else makes sure that the
   * packet, should it still be under way, comes too late, by renewing the token of the head as it is.
   */
  async settle(
    space: SpaceState,
    item: string,
    versionIn: (head: Head) => number | undefined,
  ): Promise<{ v: number; L: number } | undefined> {
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const { held } = await this.forWrite(space, item, true);
      const v = versionIn(held.head);
      if (v !== undefined) return { v, L: held.head.L };
      const fenced = await this.#deps.cache.cas(headKey(space.id, item), encodeHead(held.head), held.token);
      if (fenced.status === 'stored') {
        space.held.set(item, { head: held.head, token: fenced.token });
        return undefined;
      }
    }
    throw new RetryLater('contention', 100);
  }

  committed(space: SpaceState, item: string, snapshot: Snapshot, announced: boolean): void {
    this.#dirtiness.committed(space, item, snapshot, announced);
  }

  stored(space: SpaceState, item: string, snapshot: Snapshot): void {
    this.#dirtiness.stored(space, item, snapshot);
  }

  /** Refuses to open more items while the store lags too far behind. */
  admitFirst(): void {
    this.#dirtiness.admitFirst();
  }
}
