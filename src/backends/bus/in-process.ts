import type { Bus } from '../../ports/bus.ts';
import { Watchers } from './watchers.ts';

/** Joins the instances of one process: what one publishes wakes the watchers of the others, never its own. */
export interface InProcessHub {
  /** The bus of one more instance. */
  bus(): Bus;
}

export function createInProcessHub(): InProcessHub {
  const members = new Set<InProcessBus>();
  return {
    bus() {
      const bus = new InProcessBus(members);
      members.add(bus);
      return bus;
    },
  };
}

/** The bus of the only instance: there is nobody to tell. */
export function createInProcessBus(): Bus {
  return createInProcessHub().bus();
}

/** Hints are delivered after the current turn, those of one space and turn as one. */
class InProcessBus implements Bus {
  readonly #members: Set<InProcessBus>;
  readonly #watchers = new Watchers();
  readonly #hinted = new Set<string>();

  constructor(members: Set<InProcessBus>) {
    this.#members = members;
  }

  publish(space: string): void {
    if (!this.#members.has(this)) return;
    for (const other of this.#members) if (other !== this) other.#hint(space);
  }

  watch(space: string, wake: () => void): () => void {
    if (!this.#members.has(this)) return () => {};
    return this.#watchers.add(space, wake);
  }

  async close(): Promise<void> {
    this.#members.delete(this);
    this.#watchers.clear();
  }

  #hint(space: string): void {
    if (!this.#watchers.has(space)) return;
    if (this.#hinted.size === 0) queueMicrotask(() => this.#deliver());
    this.#hinted.add(space);
  }

  #deliver(): void {
    const spaces = [...this.#hinted];
    this.#hinted.clear();
    for (const space of spaces) this.#watchers.wake(space);
  }
}
