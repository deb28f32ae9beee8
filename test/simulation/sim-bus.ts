import type { Bus } from '../../src/ports/bus.ts';
import type { BusFaults } from './faults.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';

type Watcher = { readonly space: string; readonly process: SimProcess; readonly wake: () => void };

export class BusWorld {
  readonly scheduler: Scheduler;
  readonly random: Seeded;
  faults: BusFaults;
  readonly watchers = new Set<Watcher>();

  constructor(scheduler: Scheduler, random: Seeded, faults: BusFaults) {
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
  }
}

/** Hints between instances, each of which may be lost, late or doubled. */
export class SimBus implements Bus {
  readonly #world: BusWorld;
  readonly #process: SimProcess;

  constructor(world: BusWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  publish(space: string): void {
    const { random, faults } = this.#world;
    for (const watcher of this.#world.watchers) {
      if (watcher.space !== space || watcher.process === this.#process || random.chance(faults.lost)) continue;
      this.#deliver(watcher);
      if (random.chance(faults.doubled)) this.#deliver(watcher);
    }
  }

  watch(space: string, wake: () => void): () => void {
    const watcher = { space, process: this.#process, wake };
    this.#world.watchers.add(watcher);
    this.#deliver(watcher);
    return () => void this.#world.watchers.delete(watcher);
  }

  async close(): Promise<void> {
    for (const watcher of this.#world.watchers) {
      if (watcher.process === this.#process) this.#world.watchers.delete(watcher);
    }
  }

  #deliver(watcher: Watcher): void {
    const { scheduler, random, faults } = this.#world;
    const wake = () => {
      if (this.#world.watchers.has(watcher)) watcher.wake();
    };
    scheduler.schedule(random.int(faults.lateMs), `hint ${watcher.space}`, wake, { process: watcher.process });
  }
}
