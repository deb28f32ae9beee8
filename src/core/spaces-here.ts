import type { Problem } from '../protocol/errors.ts';
import type { Deps } from './context.ts';
import type { UpdateReader } from './read-updates.ts';
import { SpaceState } from './space-state.ts';
import { type Parked, SpaceWaiters } from './waiters.ts';

/** A space without polls and dirty items is forgotten after this long. */
const FORGET_MS = 60_000;

export type SpaceHere = {
  readonly state: SpaceState;
  readonly waiters: SpaceWaiters;
  usedAt: number;
  unwatch: (() => void) | undefined;
};

/** The spaces that this process has to do with just now. */
export class SpacesHere {
  /** Polls that wait, over all of them. */
  readonly waiting: Parked = { polls: 0, coldReads: 0 };
  readonly #deps: Deps;
  readonly #reader: () => UpdateReader;
  readonly #spaces = new Map<string, SpaceHere>();

  constructor(deps: Deps, reader: () => UpdateReader) {
    this.#deps = deps;
    this.#reader = reader;
  }

  get size(): number {
    return this.#spaces.size;
  }

  get ids(): string[] {
    return [...this.#spaces.keys()];
  }

  get states(): SpaceState[] {
    return [...this.#spaces.values()].map((entry) => entry.state);
  }

  use(id: string): SpaceHere {
    let entry = this.#spaces.get(id);
    if (!entry) {
      const state = new SpaceState(id);
      const waiters = new SpaceWaiters(this.#deps, this.#reader(), state, this.waiting);
      entry = { state, waiters, usedAt: 0, unwatch: undefined };
      this.#spaces.set(id, entry);
    }
    entry.usedAt = this.#deps.clock.monotonic();
    return entry;
  }

  /** From now on hints of other instances wake its polls. */
  watch(entry: SpaceHere): void {
    entry.unwatch ??= this.#deps.bus.watch(entry.state.id, () => entry.waiters.hint());
  }

  /** Something may have changed: for the polls here, and for the other instances. */
  hint(space: SpaceState): void {
    this.#spaces.get(space.id)?.waiters.hint();
    this.#deps.bus.publish(space.id);
  }

  /** Looks after the polls whose time is up, and forgets spaces that nobody uses. `dirty` are in use. */
  sweep(dirty: ReadonlySet<SpaceState>): void {
    const now = this.#deps.clock.monotonic();
    for (const [id, entry] of this.#spaces) {
      entry.waiters.sweep(now);
      if (entry.waiters.count > 0 || dirty.has(entry.state)) entry.usedAt = now;
      else if (now - entry.usedAt > FORGET_MS) {
        entry.unwatch?.();
        this.#spaces.delete(id);
      }
    }
  }

  refuse(problem: Problem): void {
    for (const entry of this.#spaces.values()) {
      entry.waiters.refuse(problem);
      entry.unwatch?.();
    }
  }
}
