import assert from 'node:assert/strict';
import { N } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { begin, ledger, type MakeWorld, NO_SWEEP, readValue, rollBackBy } from './schedules.ts';

const HEAD = /^i\//;

/** For `clearNoTouch`. */
export async function writerAmidClosing(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('a', { set: 0 }, { release: true });
  await world.pass(5 * N);
  const look = hold(world.at(0).store, 'read', /^item\/a$/, 'after');
  const sweep = world.at(0).engine.sweep();
  await reached(world, look);
  const write = hold(world.at(1).cache, 'casThenGet', HEAD);
  const slow = begin(world, 1, { item: 'a', op: { set: 1 } });
  await reached(world, write);
  look.open();
  await world.run(sweep);
  write.open();
  await world.run(slow);
  assert.ok((await world.head('a'))?.open);
  assert.ok((await ledger(world)).has('a'));
}

/** For `clearById`. */
export async function openedAmidClosing(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('a', { set: 0 });
  const close = hold(world.at(0).store, 'transact', /^item\/a/);
  await reached(world, close);
  await world.ok('a', { set: 1 }, { on: 1 });
  close.open();
  await world.pass(1_000);
  assert.ok((await world.head('a'))?.open);
  assert.ok((await ledger(world)).has('a'));
}

/** For `closeRowOnly`. */
export async function writtenAfterClosing(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 2);
  await world.ok('a', { set: 0 });
  await world.pass(4 * N);
  assert.equal((await world.row('a'))?.open, false);
  await world.ok('a', { set: 1 });
  world.at(0).kill();
  await rollBackBy(world, 'a', 1);
  assert.equal(await readValue(world, 'a', 1), 1);
}

/** For `keepZombie`. */
export async function zombieTombstone(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP, tombstoneMs: 1_000 }, 2);
  await world.ok('a', { set: 0 });
  await world.snapshot(1);
  await world.ok('a', { delete: true });
  await world.pass(12_000);
  const forget = hold(world.at(0).cache, 'delete', HEAD);
  const dying = world.at(0).engine.sweep();
  dying.catch(() => undefined);
  await reached(world, forget);
  world.at(0).kill();
  await world.pass(3 * N);
  for (let sweeps = 0; sweeps < 2; sweeps++) await world.run(world.at(1).engine.sweep());
  assert.equal((await world.head('a'))?.absent ?? true, true);
  assert.equal((await ledger(world)).size, 0);
}
