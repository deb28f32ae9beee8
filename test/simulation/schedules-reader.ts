import assert from 'node:assert/strict';
import { Failure } from '../../src/ports/failure.ts';
import { Chain } from '../support/chain.ts';
import { type EngineWorld, N } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { type MakeWorld, NO_SWEEP } from './schedules.ts';

/**
 * Item `a` has been moved for 20 s by instance 0, which cannot store it: its row tells of a coverage long past. `chain` has followed up to
 * the last but one change.
 */
async function movedUnstored(world: EngineWorld, chain: Chain): Promise<void> {
  await world.ok('a', { set: 'first' });
  world.at(0).store.before = () => {
    throw new Failure('storeUnavailable', 'away');
  };
  for (let second = 0; second < 20; second++) {
    await world.pass(1_000);
    await world.ok('a', { set: second });
    await chain.next({}, 1);
  }
  await world.ok('a', { set: 'last' });
}

/** For `ledgerTrustMissing`. */
export async function ledgerLostToo(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  const chain = new Chain(world);
  await movedUnstored(world, chain);
  await world.evict(/^[xd]\//);
  await chain.next({}, 1);
  assert.deepEqual(chain.values, { a: 'last' });
}

/** For `scanNoLedger`. */
export async function openOnly(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  const chain = new Chain(world);
  await movedUnstored(world, chain);
  await world.evict(/^x\//);
  await chain.next({}, 1);
  assert.deepEqual([chain.values, chain.resets], [{ a: 'last' }, 0]);
}

/** For `queryFirst`. */
export async function closedAmidScan(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  const chain = new Chain(world);
  await movedUnstored(world, chain);
  for (let second = 0; second < 15; second++) {
    await world.pass(1_000);
    await world.snapshot(1); // others read: the floor leaves the coverage of the last change behind
  }
  await world.evict(/^x\//);
  const { cache, store } = world.at(1);
  const gates = [hold(cache, 'get', /^d\//), hold(store, 'query', /^cover$/)];
  const poll = world.park({ wait: 0, ...(chain.marker === undefined ? {} : { marker: chain.marker }) }, 1);
  await reached(world, ...gates);
  const [first, second] = gates[0]?.reached ? gates : [...gates].reverse();
  assert.ok(first && second);
  first.open();
  await reached(world, second);
  world.at(0).store.before = undefined;
  await world.pass(2 * N);
  assert.equal((await world.row('a'))?.open, false);
  second.open();
  await world.delivered(poll);
  chain.take(poll.response);
  await chain.next({}, 1);
  assert.deepEqual(chain.values, { a: 'last' });
}

/** For `pruneFree`. */
export async function asleepDuringPrune(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP, tombstoneMs: 1_000 }, 2);
  const chain = new Chain(world);
  await world.ok('a', { set: 0 });
  await chain.next();
  await world.ok('a', { delete: true });
  await world.pass(5 * N);
  for (let sweeps = 0; sweeps < 2; sweeps++) await world.run(world.at(0).engine.sweep());
  assert.equal(await world.row('a'), undefined);
  await world.evict(/^x\//);
  await chain.next({}, 1);
  assert.deepEqual(chain.values, {});
}

/** For `floorAfterReads`. */
export async function writtenAmidLook(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP, persistMs: 500 }, 2);
  const chain = new Chain(world);
  await world.ok('b', { set: 0 });
  await chain.next({}, 1);
  await world.pass(1_200); // one step of the floor is now longer than a coverage
  const publish = hold(world.at(1).cache, 'casThenGet', /^f\//);
  const poll = world.park({ wait: 0, ...(chain.marker === undefined ? {} : { marker: chain.marker }) }, 1);
  await reached(world, publish);
  await world.ok('a', { set: 1 });
  publish.open();
  await world.delivered(poll);
  chain.take(poll.response);
  await chain.next({}, 1);
  assert.equal(chain.values.a, 1);
}

/** For `epochUnchecked`. */
export async function otherEpoch(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  const chain = new Chain(world);
  await world.ok('a', { set: 1 });
  await chain.next({}, 1);
  await world.ok('a', { set: 2 }, { release: true });
  world.restartCache();
  await world.pass(2_000);
  await chain.next({}, 1);
  assert.deepEqual(chain.values, { a: 2 });
}
