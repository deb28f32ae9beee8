import assert from 'node:assert/strict';
import { createInProcessHub } from '../../src/backends/bus/in-process.ts';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { createEngine } from '../../src/core/engine.ts';
import { DEFAULT_ENGINE_CONFIG } from '../../src/core/engine-types.ts';
import type { SpaceSettings } from '../../src/core/people-types.ts';
import { SpaceState } from '../../src/core/space-state.ts';
import { type EngineWorld, SPACE, TEST_KINDS } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { codeOf, fenceOf, lock, makeWorld, refusedWith, TTL, unlock } from '../support/locks.ts';
import { RecordedLog } from '../support/recorded-log.ts';

function limit(world: EngineWorld, settings: Partial<SpaceSettings>): void {
  world.settings = { ...world.settings, ...settings };
}

describe('what a space says about locks', () => {
  it('[LK13] only who has joined holds anything', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 });
    await assert.rejects(lock(world, 'a', 'carl'), refusedWith('notJoined'));
    await assert.rejects(lock(world, 'a', 'ann', { subject: 'somebody else' }), refusedWith('notJoined'));
    assert.equal(codeOf(await world.post('a', { set: 2 }, { clientId: 'carl', grab: true })), 'notJoined');
    assert.equal(await world.evict(/^l\//), 0);
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    world.clients.leave('ann');
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('notJoined'));
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence });
  });

  it('[LK13] without anybody who knows clients nobody holds anything', async () => {
    const { clock, random } = makeWorld();
    const engine = createEngine({
      clock,
      random,
      cache: createMemoryCache({ clock }),
      store: createMemoryStore(),
      bus: createInProcessHub().bus(),
      log: new RecordedLog(),
      metrics: { count: () => {}, gauge: () => {}, observe: () => {} },
      kinds: TEST_KINDS,
      config: { ...DEFAULT_ENGINE_CONFIG, secrets: ['one'] },
    });
    const updates = [{ item: 'a', op: { set: 1 }, grab: true }];
    const { results } = await engine.postUpdate(SPACE, { clientId: 'ann', updates }, { subject: 's' });
    assert.equal(results[0] && codeOf(results[0]), 'notJoined');
    await engine.stop(0);
  });

  it('[LK13] a client holds at most maxLocks items, also when instances race', async () => {
    const world = makeWorld(3);
    limit(world, { maxLocks: 2 });
    const items = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const item of items) await world.ok(item, { set: 1 });
    const tries = items.map((item, n) =>
      lock(world, item, 'ann', { on: n % 3 }).then(
        () => item,
        () => undefined,
      ),
    );
    const held = (await Promise.all(tries)).filter((item) => item !== undefined);
    assert.equal(held.length, 2);
    assert.deepEqual(Object.keys(world.clients.held('ann')).sort(), held);
    const [first = ''] = held;
    const free = items.find((item) => !held.includes(item)) ?? '';
    await assert.rejects(lock(world, free, 'ann'), refusedWith('tooManyLocks'));
    assert.equal(codeOf(await world.post('new', { set: 1 }, { clientId: 'ann', grab: true })), 'tooManyLocks');
    await fenceOf(lock(world, first, 'ann'));
    await unlock(world, first, 'ann');
    await fenceOf(lock(world, free, 'ann'));
  });

  it('[LK14] leases are as long as wished, but no longer than the space allows', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 });
    const ttlOf = async (ttlMs: number) => {
      const answer = await lock(world, 'a', 'ann', { ttlMs });
      return answer.result === 'granted' ? answer.ttlMs : undefined;
    };
    assert.deepEqual([await ttlOf(5_000), await ttlOf(10 * TTL)], [5_000, TTL]);
    await ttlOf(2_000);
    await world.pass(3_000, 500);
    await world.ok('a', { set: 2 }, { clientId: 'bob' });
  });

  it('[LK14] nobody holds an item longer than maxHoldMs without giving it up', async () => {
    const world = makeWorld(2);
    limit(world, { maxHoldMs: TTL + 10_000 });
    await world.ok('a', { set: 1 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.pass(TTL - 1_000, 500);
    assert.deepEqual(await lock(world, 'a', 'ann', { on: 1 }), { result: 'granted', fence, ttlMs: 11_000 });
    await world.pass(10_500, 500);
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('holdTooLong'));
    await world.pass(2_000, 500);
    await assert.rejects(lock(world, 'a', 'ann', { on: 1 }), refusedWith('holdTooLong'));
    assert.equal(codeOf(await world.post('a', { set: 2 }, { clientId: 'ann', grab: true })), 'holdTooLong');
    await unlock(world, 'a', 'ann');
    assert.ok((await fenceOf(lock(world, 'a', 'ann'))) > fence);
  });

  it('[LK15] where it is required, updates without a lock are refused, of any kind of writer', async () => {
    const world = makeWorld();
    limit(world, { lockRules: { register: 'required' } });
    assert.equal(codeOf(await world.post('a', { set: 1 }, { clientId: 'ann' })), 'lockRequired');
    await world.ok('j', { add: 'x' }, { kind: 'journal' });
    const made = await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence: made.fence as number, release: true });
    assert.equal(codeOf(await world.post('a', { set: 3 }, { clientId: 'ann' })), 'lockRequired');
    assert.equal(codeOf(await world.post('a', { delete: true })), 'lockRequired');
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.pass(TTL + 1_000, 500);
    assert.equal(codeOf(await world.post('a', { set: 3 }, { clientId: 'bob' })), 'lockRequired');
    await world.ok('a', { set: 3 }, { clientId: 'ann', fence });
  });

  it('[LK15] where there are none, nobody is granted one', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    limit(world, { lockRules: { register: 'none' } });
    assert.equal(codeOf(await world.post('b', { set: 1 }, { clientId: 'bob', grab: true })), 'notLockable');
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('notLockable'));
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence, release: true });
    await world.ok('a', { set: 3 });
  });

  it('[LK16] the locks of a client that left are freed, and only those', async () => {
    const world = makeWorld(2);
    for (const item of ['a', 'b', 'c']) await world.ok(item, { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await fenceOf(lock(world, 'b', 'ann'));
    await world.ok('a', { set: 'last' }, { clientId: 'ann', fence });
    const held = world.clients.leave('ann');
    await world.evict(/^l\/.*\/b$/);
    const taken = await fenceOf(lock(world, 'b', 'bob'));
    const free = () =>
      world.run(world.at(1).engine.freeLocks(SPACE, { subject: 'anonymous', client: 'ann' }, { ...held, never: 'g' }));
    await free();
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.lock, row?.open], ['last', undefined, false]);
    const before = (await world.head('a'))?.v;
    await free();
    assert.equal((await world.head('a'))?.v, before);
    await world.ok('b', { set: 1 }, { clientId: 'bob', fence: taken });
    await fenceOf(lock(world, 'a', 'bob'));
  });
});

describe('what crashes have left in the record of a client', () => {
  /** `ann` holds `item`, by her record alone. */
  const leave = (world: EngineWorld, item: string) =>
    world.clients.hold(new SpaceState(SPACE), { subject: 'anonymous', client: 'ann' }, item, `gone ${item}`, 99);

  it('[LK25] does not count against maxLocks, whoever holds those items now', async () => {
    const world = makeWorld(2);
    limit(world, { maxLocks: 2 });
    for (const item of ['a', 'b', 'c']) await world.ok(item, { set: 1 });
    await leave(world, 'a');
    await leave(world, 'never-there');
    await fenceOf(lock(world, 'a', 'bob'));
    await fenceOf(lock(world, 'b', 'ann', { on: 1 }));
    assert.deepEqual(Object.keys(world.clients.held('ann')), ['b']);
    await leave(world, 'a');
    assert.ok((await world.ok('new', { set: 1 }, { clientId: 'ann', grab: true })).fence);
    await assert.rejects(lock(world, 'c', 'ann'), refusedWith('tooManyLocks'));
  });

  it('[LK25] a lock whose lease has ended counts as long as nobody has taken the item', async () => {
    const world = makeWorld();
    limit(world, { maxLocks: 1 });
    for (const item of ['a', 'b']) await world.ok(item, { set: 1 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.pass(TTL + 1_000, 500);
    await assert.rejects(lock(world, 'b', 'ann'), refusedWith('tooManyLocks'));
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence });
    await world.ok('a', { set: 3 });
    await fenceOf(lock(world, 'b', 'ann'));
  });

  it('[LK25] while the store does not answer, what cannot be told counts', async () => {
    const world = makeWorld();
    limit(world, { maxLocks: 1 });
    await world.ok('b', { set: 1 });
    await leave(world, 'a');
    world.at(0).store.down = true;
    await assert.rejects(lock(world, 'b', 'ann'), refusedWith('tooManyLocks'));
    world.at(0).store.down = false;
    await fenceOf(lock(world, 'b', 'ann'));
  });

  for (const [where, when] of [
    ['has no lease yet', 'before'],
    ['has its lease, and not yet looked for its entry', 'after'],
  ] as const) {
    it(`[LK25] a grab under way that ${where} is never granted beside the limit`, async () => {
      const world = makeWorld(2);
      limit(world, { maxLocks: 1 });
      for (const item of ['a', 'b']) await world.ok(item, { set: 1 });
      const gate = hold(world.at(0).cache, 'add', /^l\//, when);
      const first = lock(world, 'a', 'ann').then(
        () => 'a',
        () => undefined,
      );
      await reached(world, gate);
      const second = await lock(world, 'b', 'ann', { on: 1 }).then(
        () => 'b',
        () => undefined,
      );
      gate.open();
      const held = [await first, second].filter((item) => item !== undefined);
      assert.equal(held.length, 1);
      assert.deepEqual(Object.keys(world.clients.held('ann')), held);
      assert.deepEqual([(await world.head('a'))?.lock?.holder, (await world.head('b'))?.lock?.holder].filter(Boolean), [
        'ann',
      ]);
    });
  }

  it('[LK25] a grab that gets its lease while its entry is being judged keeps its place, whoever else asks for one', async () => {
    const world = makeWorld(3);
    limit(world, { maxLocks: 1 });
    for (const item of ['a', 'b', 'c']) await world.ok(item, { set: 1 });
    const entered = hold(world.at(0).cache, 'add', /^l\//);
    const first = lock(world, 'a', 'ann');
    await reached(world, entered);
    const looked = hold(world.at(1).cache, 'get', /^l\/board\/a/, 'after');
    const second = assert.rejects(lock(world, 'b', 'ann', { on: 1 }), refusedWith('tooManyLocks'));
    await reached(world, looked);
    entered.open();
    await fenceOf(first);
    const again = hold(world.at(1).cache, 'get', /^l\/board\/a/);
    looked.open();
    await reached(world, again);
    await assert.rejects(lock(world, 'c', 'ann', { on: 2 }), refusedWith('tooManyLocks'));
    again.open();
    await second;
    assert.deepEqual(Object.keys(world.clients.held('ann')), ['a']);
  });

  it('[LK25] a grab that gets its lease while its entry is being taken out has it back', async () => {
    const world = makeWorld(2);
    limit(world, { maxLocks: 1 });
    for (const item of ['a', 'b']) await world.ok(item, { set: 1 });
    const entered = hold(world.at(0).cache, 'add', /^l\//);
    const first = lock(world, 'a', 'ann');
    await reached(world, entered);
    const looked = hold(world.at(1).cache, 'get', /^l\/board\/a/, 'after');
    const second = assert.rejects(lock(world, 'b', 'ann', { on: 1 }), refusedWith('tooManyLocks'));
    await reached(world, looked);
    entered.open();
    await fenceOf(first);
    looked.open();
    await second;
    assert.deepEqual(Object.keys(world.clients.held('ann')), ['a']);
  });
});
