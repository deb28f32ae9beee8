import assert from 'node:assert/strict';
import type { CacheKey, CasToken } from '../../src/ports/cache.ts';
import { Failure } from '../../src/ports/failure.ts';
import type { EngineWorld } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { begin, ledger, type MakeWorld, NO_SWEEP, readValue, rollBackBy } from './schedules.ts';

const HEAD = /^i\//;

/** For `blindRecommit`. */
export async function lateThenRolledBack(make: MakeWorld): Promise<void> {
  const world = make({ persistMs: 1_000 }, 2);
  await world.ok('j', { add: 'stored' }, { kind: 'journal' });
  const { cache } = world.at(0);
  const write = hold(cache, 'casThenGet', HEAD);
  const again = hold(cache, 'get', HEAD);
  const slow = begin(world, 0, { item: 'j', op: { add: 'mine' } });
  await reached(world, write);
  for (let look = 0; look < 6; look++) {
    await world.pass(250);
    await world.snapshot(1); // raises the floor beyond the coverage of the write
  }
  write.open();
  await reached(world, again);
  await rollBackBy(world, 'j', 1);
  again.open();
  const { results } = await world.run(slow);
  assert.equal(results[0]?.result, 'ok');
  assert.deepEqual(await readValue(world, 'j', 1), ['stored', 'mine']);
}

/** For `staleVerdict`. */
export async function judgedFromMemory(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('a', { set: 1 });
  const { version } = await world.ok('a', { set: 2 }, { on: 1 });
  const result = await world.post('a', { set: 3 }, { ifVersion: version });
  assert.equal(result.result, 'ok');
}

/** For `noFence`. */
export async function lateTwin(make: MakeWorld): Promise<void> {
  const world = make({}, 1);
  await world.ok('j', { add: 'stored' }, { kind: 'journal' });
  const late = loseNextWrite(world);
  const slow = begin(world, 0, { item: 'j', op: { add: 'once' } });
  await world.settle();
  assert.ok(late.sent());
  const second = hold(world.at(0).cache, 'casThenGet', HEAD);
  await reached(world, second);
  await late.arrive();
  second.open();
  await world.run(slow);
  assert.deepEqual(await readValue(world, 'j', 0), ['stored', 'once']);
}

/** The next `cas` of a head gets no answer, and arrives when told. */
function loseNextWrite(world: EngineWorld): { sent(): boolean; arrive(): Promise<unknown> } {
  const { cache } = world.at(0);
  const inner = cache.casThenGet;
  let packet: (() => Promise<unknown>) | undefined;
  cache.casThenGet = async (key: CacheKey, value: Buffer, token: CasToken, then: readonly CacheKey[]) => {
    if (packet) return inner(key, value, token, then);
    packet = () => inner(key, value, token, then);
    await new Promise<void>((resolve) => world.clock.after(1, resolve));
    throw new Failure('cacheUnavailable', 'no answer', { unclear: true });
  };
  return { sent: () => packet !== undefined, arrive: async () => packet?.() };
}

/** For `phantom`. */
export async function loserOfACas(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('a', { set: 'first' });
  const write = hold(world.at(0).cache, 'casThenGet', HEAD);
  const slow = begin(world, 0, { item: 'a', op: { set: 'lost' }, ifVersion: 1 });
  await reached(world, write);
  await world.pass(1_000);
  await world.ok('a', { set: 'won' }, { on: 1, ifVersion: 1 });
  write.open();
  const { results } = await world.run(slow);
  assert.equal(results[0]?.result, 'conflict');
  for (let second = 0; second < 15; second++) {
    await world.pass(1_000);
    assert.notEqual((await world.row('a'))?.body, 'lost');
  }
  assert.equal((await world.row('a'))?.body, 'won');
}

/** For `noAdopt`. */
export async function twoOpeners(make: MakeWorld): Promise<void> {
  const world = make({}, 2);
  await world.ok('a', { set: 0 }, { release: true });
  const reserve = hold(world.at(0).store, 'transact', /^item\/a/);
  const one = begin(world, 0, { item: 'a', op: { set: 1 } });
  await reached(world, reserve);
  const write = hold(world.at(1).cache, 'casThenGet', HEAD);
  const two = begin(world, 1, { item: 'a', op: { set: 2 } });
  await reached(world, write);
  reserve.open();
  await world.settle();
  write.open();
  await world.run(Promise.all([one, two]));
  assert.equal((await world.row('a'))?.L, 0);
}

/** For `ledgerOnce`. */
export async function renewedLedger(make: MakeWorld): Promise<void> {
  const world = make({ ...NO_SWEEP }, 1);
  await world.ok('a', { set: 0 });
  await world.evict(/^d\//);
  for (let second = 0; second < 8; second++) {
    await world.pass(1_000);
    await world.snapshot();
    await world.ok('a', { set: second });
  }
  assert.ok((await ledger(world)).has('a'));
}

/** For `deltaOverTomb`. */
export async function recreated(make: MakeWorld): Promise<void> {
  const world = make();
  for (const add of ['a', 'b']) await world.ok('j', { add }, { kind: 'journal' });
  await world.ok('j', { delete: true });
  const { version } = await world.ok('j', { add: 'c' }, { kind: 'journal' });
  await world.ok('j', { add: 'd' });
  const head = await world.head('j');
  assert.deepEqual([head?.born, head?.tb, head?.tail.map((delta) => delta.op)], [version, version, [{ add: 'd' }]]);
}
