import type { Kinds } from '../../src/kinds/kind.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import type { SimConfig } from './faults.ts';
import { type CreateEngine, Fleet, SIM_KINDS } from './fleet.ts';
import { History } from './history.ts';
import { watchLocks } from './lock-oracle.ts';
import { Scheduler } from './scheduler.ts';
import { Seeded } from './seeded.ts';

export const SPACE = 'space' as SpaceId;
/** Journals begin with j, registers with r. */
export const ITEMS: readonly string[] = ['j0', 'j1', 'j2', 'r0', 'r1'];

/** One run: everything that is shared in it. */
export class World {
  readonly config: SimConfig;
  readonly kinds: Kinds = SIM_KINDS;
  readonly random: Seeded;
  readonly scheduler: Scheduler;
  readonly history = new History();
  readonly fleet: Fleet;
  /** Bytes by which operations on journals are padded in this run. */
  readonly padBytes: number;

  constructor(seed: number, config: SimConfig, create: CreateEngine, trace?: (line: string) => void) {
    this.config = config;
    this.random = new Seeded(seed);
    this.scheduler = new Scheduler(this.random.fork(), trace);
    this.fleet = new Fleet(this.scheduler, this.random.fork(), this.history, config, create);
    if (config.work.lockers > 0) watchLocks(this.fleet.cache, this.history);
    this.padBytes = this.random.pick(config.work.padBytes);
  }

  pauseBetweenRequests(): Promise<void> {
    const { gapMs, longGapMs } = this.config.work;
    return this.scheduler.sleep(this.random.int(this.random.chance(0.12) ? longGapMs : gapMs), 'a client waits');
  }
}
