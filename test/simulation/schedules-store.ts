import assert from 'node:assert/strict';
import { Failure } from '../../src/ports/failure.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { Chain } from '../support/chain.ts';
import { N, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { begin, type MakeWorld, NO_SWEEP, readValue, rollBackBy } from './schedules.ts';

const HEAD = /^i\//;
const LOADING = /^item\/a space\//;
/** Longer than a placeholder lives, ms. */
const LONG_SLEEP = 6_000;

/** For `noLeaseCheck`. */
export async function sleptBeforeRollback(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('a', { set: 'stored' }, { release: true });
  await world.evict(HEAD);
  const load = hold(world.at(0).store, 'read', LOADING);
  const slow = world.at(0).engine.readItem(SPACE, 'a' as ItemId);
  await reached(world, load);
  await world.pass(LONG_SLEEP);
  await world.ok('a', { set: 'opened' }, { on: 1 });
  load.open();
  await world.run(slow);
  assert.deepEqual([(await world.row('a'))?.L, (await world.head('a'))?.L], [0, 0]);
}

/** For `fillWithoutLease`. */
export async function sleptBeforeFilling(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('a', { set: 'stored' }, { release: true });
  await world.evict(HEAD);
  const load = hold(world.at(0).store, 'read', LOADING, 'after');
  const slow = world.at(0).engine.readItem(SPACE, 'a' as ItemId);
  await reached(world, load);
  await world.pass(LONG_SLEEP);
  await world.ok('a', { set: 'opened' }, { on: 1 });
  await world.ok('a', { set: 'moved' }, { on: 1 });
  load.open();
  await world.run(slow);
  assert.equal(await readValue(world, 'a', 1), 'moved');
}

/** For `loadForgetsCover`. */
export async function repeatAfterLoad(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  const first = await world.ok('a', { set: 1 }, { release: true, seq: 1 });
  await world.evict(HEAD);
  const again = await world.ok('a', { set: 1 }, { release: true, seq: 1, on: 1 });
  assert.deepEqual([again.version, (await world.head('a'))?.v], [first.version, first.version]);
}

/** For `rollbackKeepsTail`. */
export async function deltaOverRollback(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  const chain = new Chain(world);
  await world.ok('j', { add: 'a long text that is stored'.repeat(20) }, { kind: 'journal' });
  await chain.next({}, 1);
  await world.ok('j', { add: 'lost' });
  await chain.next({}, 1);
  world.at(0).kill();
  await rollBackBy(world, 'j', 1);
  await world.ok('j', { add: 'next' }, { on: 1 });
  await chain.next({}, 1);
  assert.deepEqual(chain.values.j, await readValue(world, 'j', 1));
}

/** For `durableByVersion`. */
export async function rolledBackBeforeStored(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('j', { add: 'stored' }, { kind: 'journal' });
  const persist = hold(world.at(0).store, 'transact', /^item\/j/);
  const slow = begin(world, 0, { item: 'j', op: { add: 'durable' }, durable: true });
  await reached(world, persist);
  await rollBackBy(world, 'j', 1);
  persist.open();
  const { results } = await world.run(slow);
  assert.equal(results[0]?.result, 'ok');
  assert.deepEqual(await readValue(world, 'j', 1), ['stored', 'durable']);
}

/** For `rollbackNoCover`. */
export async function loaderDiedAfterRollback(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 3);
  const chain = new Chain(world);
  await world.ok('a', { set: 'stored' });
  world.at(0).store.before = () => {
    throw new Failure('storeUnavailable', 'away');
  };
  for (let second = 0; second < 20; second++) {
    await world.pass(1_000);
    await world.ok('a', { set: second });
    await chain.next({}, 2);
  }
  world.at(0).kill();
  await world.evict(HEAD);
  const fill = hold(world.at(1).cache, 'casThenGet', HEAD);
  const dying = world.at(1).engine.readItem(SPACE, 'a' as ItemId);
  dying.catch(() => undefined);
  await reached(world, fill);
  world.at(1).kill();
  await world.pass(5 * N);
  await world.run(world.at(2).engine.sweep());
  await world.evict(/^x\//);
  await chain.next({}, 2);
  assert.deepEqual(chain.values, { a: 'stored' });
}

/** For `upsert`. */
export async function flushAfterPrune(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP, tombstoneMs: 1_000 }, 2);
  await world.ok('a', { set: 1 });
  const flush = hold(world.at(0).store, 'transact', /^item\/a/);
  await world.ok('a', { set: 2 });
  await reached(world, flush);
  await world.ok('a', { delete: true }, { on: 1 });
  await world.pass(25_000);
  await world.run(world.at(1).engine.sweep());
  assert.equal(await world.row('a'), undefined);
  flush.open();
  await world.pass(1_000);
  assert.equal(await world.row('a'), undefined);
}

/** For `flushNeedsHead`. */
export async function ownCopyFirst(make: MakeWorld): Promise<void> {
  const world = make();
  await world.ok('a', { set: 'stored' });
  await world.ok('a', { set: 'newest' });
  await rollBackBy(world, 'a', 0);
  assert.equal(await readValue(world, 'a', 0), 'newest');
}

/** For `noFlushRetry`. */
export async function storedAfterOutage(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP });
  await world.ok('a', { set: 'before' });
  await world.ok('a', { set: 'unstored' });
  const { store } = world.at(0);
  let refused = 0;
  store.before = () => {
    refused++;
    throw new Failure('storeUnavailable', 'away');
  };
  await world.pass(2 * N);
  assert.ok(refused > 0);
  store.before = undefined;
  await world.pass(N + 1_000);
  assert.equal((await world.row('a'))?.body, 'unstored');
}

/** For `ledgerOnly`. */
export async function ledgerLostWithServer(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('a', { set: 'stored' });
  await world.ok('a', { set: 'unstored' });
  world.at(0).kill();
  await world.evict(/^d\//);
  await world.pass(3 * N + 10_000);
  await world.run(world.at(1).engine.sweep());
  await world.pass(N);
  await world.run(world.at(1).engine.sweep());
  const row = await world.row('a');
  assert.deepEqual([row?.body, row?.open], ['unstored', false]);
}
