import assert from 'node:assert/strict';
import type { LockAnswer } from '../../src/core/engine-types.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { type EngineWorld, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { fenceOf, lock, TTL, unlock } from '../support/locks.ts';
import { type MakeWorld, NO_SWEEP } from './schedules.ts';

const HEAD = /^i\//;
const LEASE = /^l\//;
/** So short that a request outlives it, ms. */
const SHORT_MS = 2_000;

async function worldOf(make: MakeWorld, instances = 1): Promise<EngineWorld> {
  const world = make({ ...NO_SWEEP }, instances);
  for (const client of ['ann', 'bob']) world.clients.join(client);
  await world.ok('a', { set: 0 });
  return world;
}

function beginLock(world: EngineWorld, clientId: string): Promise<LockAnswer> {
  const answer = world.at(0).engine.lock(SPACE, 'a' as ItemId, { clientId }, { subject: 'anonymous' }, false);
  answer.catch(() => undefined);
  return answer;
}

/** For `blindRenewal`. */
export async function renewalAfterLapse(make: MakeWorld): Promise<void> {
  const world = await worldOf(make, 2);
  await fenceOf(lock(world, 'a', 'ann', { ttlMs: SHORT_MS }));
  const look = hold(world.at(0).cache, 'get', LEASE, 'after');
  const late = beginLock(world, 'ann');
  await reached(world, look);
  await world.pass(SHORT_MS + 1_000, 500);
  const fence = await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
  look.open();
  assert.equal((await world.run(late)).result, 'locked');
  assert.equal((await world.post('a', { set: 'somebody' })).result, 'locked');
  assert.equal((await world.post('a', { set: 'bob' }, { clientId: 'bob', fence })).result, 'ok');
}

/** For `anyLeaseIsAlive`. */
export async function grabberDied(make: MakeWorld): Promise<void> {
  const world = await worldOf(make, 2);
  await fenceOf(lock(world, 'a', 'ann'));
  await world.pass(TTL + 1_000, 500);
  const write = hold(world.at(0).cache, 'casThenGet', HEAD);
  void beginLock(world, 'bob');
  await reached(world, write);
  world.at(0).kill();
  assert.equal((await world.post('a', { set: 'somebody' }, { on: 1 })).result, 'ok');
}

/** For `grantNotInHead`. */
export async function grantedAtOnce(make: MakeWorld): Promise<void> {
  const world = await worldOf(make, 2);
  await world.post('a', { set: 1 }, { on: 1 });
  await fenceOf(lock(world, 'a', 'ann'));
  assert.equal((await world.post('a', { set: 'somebody' }, { on: 1 })).result, 'locked');
}

/** For `fenceKept`. */
export async function releasedFence(make: MakeWorld): Promise<void> {
  const world = await worldOf(make);
  await fenceOf(lock(world, 'a', 'ann'));
  await unlock(world, 'a', 'ann');
  const [head, row] = [await world.head('a'), await world.row('a')];
  assert.deepEqual([head?.fence, row?.fence], [head?.v, row?.v]);
}

/** For `freesAnyGrant`. */
export async function leftAfterLosing(make: MakeWorld): Promise<void> {
  const world = await worldOf(make, 2);
  await fenceOf(lock(world, 'a', 'ann'));
  const held = world.clients.leave('ann');
  await world.evict(LEASE);
  const fence = await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
  await world.run(world.at(0).engine.freeLocks(SPACE, { subject: 'anonymous', client: 'ann' }, held));
  assert.equal((await world.post('a', { set: 'bob' }, { clientId: 'bob', fence })).result, 'ok');
}
