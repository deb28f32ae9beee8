import { must } from '../../src/base/assert.ts';
import type { Kinds } from '../../src/kinds/kind.ts';
import { decodeRow } from '../../src/model/row.ts';
import type { StoreKey, StoreRecord } from '../../src/ports/store.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { Drawing } from './drawing.ts';
import type { SimConfig } from './faults.ts';
import { type CreateEngine, Fleet, SIM_KINDS } from './fleet.ts';
import { History, spotOf } from './history.ts';
import { ITEMS } from './items.ts';
import { watchLocks } from './lock-oracle.ts';
import { Scheduler } from './scheduler.ts';
import { Seeded } from './seeded.ts';

/** With two nodes, each has one of them. */
export const SPACES: readonly SpaceId[] = ['space', 'other'] as SpaceId[];
export const CALLER = { subject: 'somebody' };

/** One run: everything that is shared in it. */
export class World {
  readonly config: SimConfig;
  readonly kinds: Kinds = SIM_KINDS;
  readonly random: Seeded;
  readonly scheduler: Scheduler;
  /** Those in use. */
  readonly spaces: readonly SpaceId[];
  readonly history = new History();
  readonly fleet: Fleet;
  /** Those that are looked at in the end. */
  readonly items: readonly string[];
  readonly drawing: Drawing;
  /** Bytes by which operations on journals are padded in this run. */
  readonly padBytes: number;

  constructor(seed: number, config: SimConfig, create: CreateEngine, trace?: (line: string) => void) {
    this.config = config;
    this.random = new Seeded(seed);
    this.scheduler = new Scheduler(this.random.fork(), trace);
    this.fleet = new Fleet(this.scheduler, this.random.fork(), this.history, config, create);
    this.items = config.work.viewers + config.work.drawers > 0 ? config.work.items : ITEMS;
    this.spaces = SPACES.slice(0, config.work.spaces);
    this.fleet.store.committed = (key, before, record) => this.#noteCommit(key, before, record);
    if (config.work.lockers > 0) watchLocks(this.fleet.cache, this.history);
    this.drawing = new Drawing(config.work.drawers > 0 ? this.random.fork() : this.random);
    this.padBytes = this.random.pick(config.work.padBytes);
  }

  /** The nth client's space. */
  spaceOf(n: number): SpaceId {
    return must(this.spaces[n % this.spaces.length], 'a space');
  }

  #noteCommit(key: StoreKey, before: StoreRecord | undefined, record: StoreRecord | 'delete'): void {
    if (record === 'delete') {
      this.history.count('pruned');
      return;
    }
    if (key.kind !== 'item' || !before || !record.data.includes('"back":')) return;
    const [was, is] = [decodeRow(before), decodeRow(record)];
    if (!is.back || is.L === was.L) return;
    const { from, ceil } = is.back;
    this.history.rollbacks.push({ item: spotOf(key.space, key.id), at: this.scheduler.now, from, ceil });
  }

  pauseBetweenRequests(): Promise<void> {
    const { gapMs, longGapMs } = this.config.work;
    return this.scheduler.sleep(this.random.int(this.random.chance(0.12) ? longGapMs : gapMs), 'a client waits');
  }
}
