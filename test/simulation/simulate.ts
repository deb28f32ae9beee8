import { decodeClientRow } from '../../src/model/client-row.ts';
import { decodeHead, isPlaceholder } from '../../src/model/head.ts';
import { clientRowKey, headKey, itemRowKey } from '../../src/model/keys.ts';
import { decodeRow } from '../../src/model/row.ts';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { LEASE_GRACE_MS } from '../../src/protocol/limits.ts';
import { liveChaos } from './chaos.ts';
import { checkHistories } from './check-history.ts';
import { checkFinal, checkReader, type Final } from './checkers.ts';
import type { SimConfig } from './faults.ts';
import { type CreateEngine, SIM_SETTINGS } from './fleet.ts';
import type { Finding } from './history.ts';
import { ITEMS } from './items.ts';
import { livePictures } from './live-pictures.ts';
import { checkLocks } from './lock-checkers.ts';
import { SimLocker } from './locker.ts';
import { checkBound, checkStore, readAll } from './losing-all.ts';
import { lossDeadline } from './loss-bound.ts';
import { OpsViewer } from './ops-viewer.ts';
import { SimReader } from './reader.ts';
import { World } from './world.ts';
import { SimWriter } from './writer.ts';

export type RunReport = {
  readonly seed: number;
  readonly findings: readonly Finding[];
  readonly counters: ReadonlyMap<string, number>;
  /** Names the steps taken: equal for equal seeds. */
  readonly hash: string;
  readonly steps: number;
  readonly virtualMs: number;
};

/** One run. The same seed, configuration and program repeat it exactly. */
export async function simulate(
  seed: number,
  config: SimConfig,
  create: CreateEngine,
  trace?: (line: string) => void,
): Promise<RunReport> {
  const world = new World(seed, config, create, trace);
  const { scheduler, history } = world;
  try {
    await scheduler.drive(config.work.drawers > 0 ? livePictures(world) : live(world), config.maxSteps);
  } catch (error) {
    history.found('C11 stuck', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  await new Promise((resolve) => setImmediate(resolve));
  const { findings, counters } = history;
  for (const { check, detail } of findings) scheduler.note(`FINDING ${check}: ${detail}`);
  return { seed, findings, counters, hash: scheduler.hash, steps: scheduler.count, virtualMs: scheduler.now };
}

async function live(world: World): Promise<void> {
  const { work } = world.config;
  const writers = Array.from({ length: work.writers }, (_, n) => new SimWriter(`w${n}`, world, world.spaceOf(n)));
  const lockers = Array.from({ length: work.lockers }, (_, n) => new SimLocker(`l${n}`, world, world.spaceOf(n)));
  const readers = Array.from({ length: work.readers }, (_, n) => new SimReader(`reader ${n}`, world, world.spaceOf(n)));
  const viewers = Array.from({ length: work.viewers }, (_, n) => new OpsViewer(`viewer ${n}`, world, world.spaceOf(n)));
  await Promise.all([
    ...writers.map((writer) => writer.live()),
    ...lockers.map((locker) => locker.live()),
    ...readers.map((reader) => reader.live()),
    ...viewers.map((viewer) => viewer.live()),
    liveChaos(world),
    liveSweeps(world),
  ]);
  await calmDown(world, readers);
  if (work.joins) await checkLetGo(world);
  await compare(world, readers, false);
  await checkHistories(world, viewers, 'what the faults left');
  await checkLiveness(world);
  await compare(world, readers, true);
  await checkHistories(world, viewers, 'the cache');
  await checkStore(world);
  await checkHistories(world, viewers, 'the store');
  checkLocks(world.history);
}

/** The scheduled job that asks some instance to sweep. */
async function liveSweeps(world: World): Promise<void> {
  for (let n = 0; n < 3; n++) {
    await world.scheduler.sleep(world.random.int(3_000), 'sweeper waits');
    const { engine, process } = world.fleet.any();
    if (!process.dead) engine.sweep().catch((error: unknown) => world.scheduler.note(`sweep failed: ${String(error)}`));
  }
}

/**
 * Faults stop; what is on its way arrives; what was left dirty is stored and closed. In some runs the readers are asked before that already: nothing that
 * comes later may be needed for them to be right.
 */
async function calmDown(world: World, readers: readonly SimReader[]): Promise<void> {
  const { scheduler, fleet } = world;
  scheduler.note('--- calm');
  fleet.calm();
  if (world.random.chance(0.4)) {
    world.history.count('all killed');
    fleet.instances.forEach((_, place) => {
      fleet.kill(place);
    });
  }
  // Of what dead instances left, the store's index alone tells then.
  if (world.config.chaos.weights.evictLedger !== undefined && world.random.chance(0.3)) loseLedger(world);
  await scheduler.sleep(12_000, 'calm');
  if (world.random.chance(0.35)) await checkBound(world);
  if (world.random.chance(0.4)) await compare(world, readers, false);
  for (let round = 0; round < 2; round++) {
    await sweepAll(world);
    await scheduler.sleep(3 * fleet.engineConfig.persistMs, 'between sweeps');
  }
}

function loseLedger({ fleet, history }: World): void {
  history.count('evictLedger');
  for (const key of fleet.cache.keys('d')) fleet.cache.remove(key);
}

async function sweepAll(world: World): Promise<void> {
  for (const instance of world.fleet.instances) {
    const reply = await world.fleet.call(instance, {
      label: 'sweep',
      patienceMs: 60_000,
      send: (engine) => engine.sweep(),
    });
    if (reply.kind !== 'answered') world.history.found('C11 stuck', `a sweep in the calm: ${JSON.stringify(reply)}`);
  }
}

/** Nobody polls any more: in time all have left, through whichever instance, and nothing is held. */
async function checkLetGo(world: World): Promise<void> {
  const { scheduler, fleet, history } = world;
  // A row is looked at a minute and two leases after its client was last seen.
  await scheduler.sleep(60_000 + 6 * (SIM_SETTINGS.leaseMs + LEASE_GRACE_MS) + 40_000, 'until all have left');
  for (const space of world.spaces) {
    for (const item of ITEMS) {
      const entry = fleet.cache.read(headKey(space, item));
      const [record] = fleet.store.read([itemRowKey(space, item)]);
      const head = entry && decodeHead(entry.value);
      const held = (head && !isPlaceholder(head) ? head.lock : undefined) ?? (record && decodeRow(record).lock);
      if (held) history.found('C8 lock broken', `${item} is held by ${held.holder}, who left long ago`);
    }
    for (const id of fleet.store.list(space, 'client', '', 100)) {
      const [record] = fleet.store.read([clientRowKey(space, id)]);
      const row = record && decodeClientRow(record);
      if (row && row.left === undefined) history.found('ghost', `${id} is here by its row`);
      if (row && Object.keys(row.held).length > 0)
        history.found('C8 lock broken', `${id} left and holds ${Object.keys(row.held)}`);
    }
  }
}

/** C11: each item takes an update, a parked poll hears of it, and the dirty items drain. */
async function checkLiveness(world: World): Promise<void> {
  const { history, scheduler, fleet } = world;
  for (const space of world.spaces) await probe(world, space);
  await scheduler.sleep(30_000, 'to the quiet end');
  await sweepAll(world);
  await scheduler.sleep(2 * fleet.engineConfig.persistMs, 'last flush');
  for (const { engine, process } of fleet.instances) {
    const { dirtyItems } = engine.stats();
    if (dirtyItems > 0) history.found('C11 stuck', `${process.name} still has ${dirtyItems} dirty items`);
  }
}

async function probe(world: World, space: SpaceId): Promise<void> {
  const { history, scheduler } = world;
  const prober = new SimWriter('probe', world, space);
  const parked = new SimReader('parked', world, space, true);
  await parked.catchUp(60);
  for (const item of world.items) {
    const began = scheduler.now;
    const heard = hears(world, parked, item);
    if (!(await prober.probe(item, 3))) history.found('C11 stuck', `${item} of ${space} takes no update in the calm`);
    if (!(await heard)) history.found('C11 stuck', `a parked poll did not hear of ${item} of ${space}`);
    else if (scheduler.now - began > 5_000) {
      history.found('C11 stuck', `a parked poll heard of ${item} of ${space} after ${scheduler.now - began} ms`);
    }
  }
}

/** Stays parked until an answer names the item; others may come first, and answers that only tell what became durable. */
async function hears(world: World, parked: SimReader, item: string): Promise<boolean> {
  for (let turn = 0; turn < 10; turn++) {
    const answer = await parked.poll(world.fleet.any(), 20);
    if (answer?.items.some(({ id }) => id === item)) return true;
  }
  return false;
}

/**
 * C3 to C7, C9, C10: the readers, a cold reader and the items themselves tell the same, and nothing acknowledged is missing. To read an item may change it (a load rolls
 * it back, a sweep says it again), so all are asked until nothing has changed meanwhile.
 */
async function compare(world: World, readers: readonly SimReader[], quiet: boolean): Promise<void> {
  const { history, scheduler } = world;
  for (let turn = 0; turn < 5; turn++) {
    const before = await readAll(world, 'the cache');
    const cold = world.spaces.map((space) => new SimReader(`cold reader of ${space}`, world, space, true));
    for (const reader of [...readers, ...cold]) {
      reader.showAll();
      if (!(await reader.catchUp(80, quiet)))
        history.found('C11 stuck', `${reader.model.name} does not become up to date`);
    }
    const truth = await readAll(world, 'the cache');
    if ([...truth].some(([item, { version }]) => before.get(item)?.version !== version)) {
      await scheduler.sleep(2_000, 'compare again');
      continue;
    }
    const final: Final = { truth, mayBeLostUntil: (ackedAt) => lossDeadline(world, ackedAt) };
    checkFinal(history, final);
    for (const { model } of [...readers, ...cold]) checkReader(history, model.view(), final);
    return;
  }
  history.found('C11 stuck', 'items keep changing in the calm');
}
