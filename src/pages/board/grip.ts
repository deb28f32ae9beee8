import type { Json } from '../../base/json.ts';
import { type Item, RefusedError, type Space } from '../../client/connect.ts';
import { type Members, mergeCard } from './merge-card.ts';

/** `free`: nobody could be asked, or there are no locks for this user; changes are made without one. */
export type Hold = { readonly state: 'held' | 'free' } | { readonly state: 'refused'; readonly holder: string };

/** Others get it so long after this window has fallen silent. */
const TTL_MS = 10_000;
/** What was changed before may take so long to get through, before the gesture goes on without a lock. */
const PATIENCE_MS = 2_000;

/**
 * The lock of one item during one gesture, and the changes that the gesture makes. Nothing is sent until it is known who has the lock; of what was put
 * meanwhile the last counts.
 */
export class Grip {
  readonly hold: Promise<Hold>;
  readonly #space: Space;
  readonly #item: Item;
  #state: 'asking' | Hold['state'] = 'asking';
  #waiting: Members | undefined;
  #sent = false;
  /** The item as it was when the gesture began. */
  readonly #before: Json | undefined;

  constructor(space: Space, item: Item) {
    this.#space = space;
    this.#item = item;
    this.#before = item.value;
    this.hold = this.#begin();
  }

  /** The item as it is now, half-way. */
  put(members: Members): void {
    if (this.#state === 'asking') this.#waiting = members;
    else if (this.#state !== 'refused') this.#send(members);
  }

  /** The gesture is over: what it had put and nobody was told does not count any more. */
  over(): void {
    this.#waiting = undefined;
  }

  /** The item as it is to stay, which may be as it was; gives the lock back. Tells who held it where it was not to be had. */
  async finish(members: Members, changed: boolean): Promise<Hold> {
    const hold = await this.hold;
    if (hold.state === 'refused') return hold;
    if (!changed && (!this.#sent || this.#item.value === undefined)) {
      await this.#item.release().catch(() => undefined); // the lease ends by itself
      return hold;
    }
    const merge = () => mergeCard(this.#item, this.#before, members, { release: true, revives: changed });
    const outcome = await merge();
    if (outcome.result !== 'fenced') return hold;
    // The server has forgotten the lock: it is asked for once more.
    const again = await this.#take();
    if (again.state !== 'refused') void merge();
    return again;
  }

  #send(members: Members): void {
    this.#sent = true;
    void this.#item.merge(members);
  }

  async #begin(): Promise<Hold> {
    const hold: Hold = (await this.#isThrough()) ? await this.#take() : { state: 'free' };
    this.#state = hold.state;
    if (this.#waiting && hold.state !== 'refused') this.#send(this.#waiting);
    this.#waiting = undefined;
    return hold;
  }

  /** Whether the server knows all earlier changes. They were made without the lock, and would be refused once it is had. */
  async #isThrough(): Promise<boolean> {
    if (this.#space.status !== 'live') return false;
    if (this.#item.saved) return true;
    const stop = new AbortController();
    const forget = this.#space.on('status', () => stop.abort());
    return this.#space
      .flush(AbortSignal.any([stop.signal, AbortSignal.timeout(PATIENCE_MS)]))
      .then(
        () => true,
        () => false,
      )
      .finally(forget);
  }

  async #take(): Promise<Hold> {
    try {
      const outcome = await this.#item.lock({ ttlMs: TTL_MS });
      return outcome.held ? { state: 'held' } : { state: 'refused', holder: outcome.holder ?? '' };
    } catch (error) {
      if (error instanceof RefusedError && error.holder) return { state: 'refused', holder: error.holder };
      return { state: 'free' };
    }
  }
}
