import assert from 'node:assert/strict';
import type { SpaceId } from '../../src/protocol/ids.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import type { CacheCall } from '../support/probed-backends.ts';

function callsOn(calls: readonly CacheCall[], letter: string): number {
  return calls.filter(({ keys }) => keys.some((key) => key.startsWith(`${letter}/`))).length;
}

describe('GetUpdates: many polls', () => {
  it('[GU20] a wake of 1,000 parked polls reads floor, index and item once and gives all of them one body', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot(1);
    const polls = Array.from({ length: 1_000 }, () => world.park({ marker }, 1));
    await world.pass(1_000);
    const { cache } = world.at(1);
    cache.calls.length = 0;
    await world.ok('a', { set: 1 });
    await world.settle();
    assert.equal(callsOn(cache.calls, 'f'), 1, 'floor');
    assert.equal(callsOn(cache.calls, 'x'), 1, 'index shards');
    assert.equal(callsOn(cache.calls, 'i'), 1, 'items');
    assert.equal(cache.calls.length, 2);
    const bodies = new Set(polls.map(({ outcome }) => outcome && 'answer' in outcome && outcome.answer.body));
    assert.equal(bodies.size, 1);
    assert.deepEqual(
      polls[0]?.response.items.map(({ version }) => version),
      [2],
    );
    assert.ok(polls.every(({ deliveries }) => deliveries === 1));
  });

  it('[GU20] polls that come back with the marker they were just given park without any read', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot();
    const first = world.park({ marker });
    await world.ok('a', { set: 1 });
    await world.settle();
    const { marker: told } = first.response;
    world.at(0).cache.calls.length = 0;
    const polls = Array.from({ length: 100 }, () => world.park({ marker: told }));
    await world.settle();
    assert.equal(world.at(0).cache.calls.length, 0);
    await world.ok('a', { set: 2 });
    await world.settle();
    assert.ok(polls.every(({ response }) => response.items[0]?.version === 3));
  });

  it('[GU21] a burst of updates in one turn wakes a parked poll with one look', async () => {
    const world = new EngineWorld();
    const ids = Array.from({ length: 40 }, (_, i) => `a${i}`);
    for (const id of ids) await world.ok(id, { set: 0 });
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.pass(300);
    world.at(0).counts.delete('reads');
    await world.run(
      Promise.all(
        ids.map((item) =>
          world.at(0).engine.postUpdate('board' as SpaceId, { updates: [{ item, op: { set: 1 } }] }, { subject: 's' }),
        ),
      ),
    );
    await world.settle();
    assert.equal(parked.response.items.length, 40);
    assert.ok((world.at(0).counts.get('reads') ?? 0) <= 2);
  });

  it('[GU22] a cancelled poll is never answered and frees its place at once', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.settle();
    assert.equal(world.at(0).engine.stats().parkedPolls, 1);
    parked.cancel();
    parked.cancel();
    assert.equal(world.at(0).engine.stats().parkedPolls, 0);
    await world.ok('a', { set: 1 });
    await world.pass(30_000, 1_000);
    assert.equal(parked.deliveries, 0);
  });

  it('[GU22] a poll cancelled while it is being read for is not answered', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    const parked = world.park({ marker, wait: 0 });
    world.clock.advance(0);
    parked.cancel();
    await world.settle();
    assert.deepEqual([parked.deliveries, world.at(0).engine.stats().parkedPolls], [0, 0]);
  });

  it('[GU22] 10,000 polls that connect and vanish leave nothing behind', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    await world.pass(2_000);
    const timers = world.clock.waiting;
    for (let i = 0; i < 10_000; i++) {
      const space = (i % 3 === 0 ? `s${i % 50}` : 'board') as SpaceId;
      const ask = i % 2 === 0 && space === 'board' ? { marker } : { marker: 'now' };
      const parked = world.park(ask, 0, space);
      if (i % 5 === 0) await world.settle();
      parked.cancel();
    }
    await world.pass(1_000);
    assert.equal(world.at(0).engine.stats().parkedPolls, 0);
    assert.ok(world.clock.waiting <= timers + 1, `${world.clock.waiting} timers`);
    await world.pass(70_000, 500);
    assert.equal(world.at(0).engine.stats().watchedSpaces, 0);
  });

  it('[GU23] a poll that comes while a read is under way is not answered from that read', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot();
    const { cache } = world.at(0);
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const early = world.park({ marker, wait: 0 });
    cache.before = ({ name, keys }) => (name === 'get' && keys[0] === 'i/board/a' ? gate : undefined);
    await world.settle(); // it has read the index by now, and waits for the item
    await world.ok('b', { set: 1 });
    const late = world.park({ marker, wait: 0 });
    release();
    cache.before = undefined;
    await world.delivered(late);
    await world.delivered(early);
    assert.ok(late.response.items.some(({ id }) => id === 'b'));
  });

  it('[LI44] snapshots are read of so many spaces at once; one more is overloaded before anything is read, and others go on', async () => {
    const world = new EngineWorld({ maxColdReads: 1 });
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    const { cache, engine } = world.at(0);
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    cache.before = ({ keys }) => (keys.some((key) => key.includes('/slow/')) ? gate : undefined);
    const slow = world.park({ wait: 0 }, 0, 'slow' as SpaceId);
    await world.settle();
    assert.equal(engine.stats().coldReads, 1);
    const calls = cache.calls.length;
    const refused = await world.pollProblem();
    assert.deepEqual([refused?.status, refused?.code], [503, 'overloaded']);
    assert.ok((refused?.retryAfterMs ?? 0) >= 1_000);
    assert.equal(cache.calls.length, calls);
    assert.deepEqual((await world.poll({ marker })).items, []);
    go();
    await world.delivered(slow);
    assert.equal(engine.stats().coldReads, 0);
    assert.equal((await world.snapshot()).items.length, 1);
  });

  it('[LI44] a snapshot that fails makes room again', async () => {
    const world = new EngineWorld({ maxColdReads: 1 });
    await world.ok('a', { set: 1 });
    for (const backend of [world.at(0).cache, world.at(0).store]) {
      backend.down = true;
      assert.equal((await world.pollProblem())?.status, 503);
      backend.down = false;
      assert.equal(world.at(0).engine.stats().coldReads, 0);
      assert.equal((await world.snapshot()).items.length, 1);
    }
  });

  it('[LI45] snapshots for readers that begin anew are read of so many spaces at once; one more is overloaded, others go on', async () => {
    const world = new EngineWorld({ maxResyncs: 1 });
    for (const space of [SPACE, 'slow']) await world.postAll({ updates: [{ item: 'a', op: { set: 1 } }] }, { space });
    const old = new EngineWorld({ secrets: ['another'] });
    const stale = [];
    for (const space of [SPACE, 'slow' as SpaceId]) {
      const poll = old.park({ wait: 0 }, 0, space);
      await old.delivered(poll);
      stale.push(poll.response.marker);
    }
    const { store, engine } = world.at(0);
    const { marker } = await world.snapshot();
    const gate = hold(store, 'list', /slow/);
    const slow = world.park({ marker: stale[1] ?? '', wait: 0 }, 0, 'slow' as SpaceId);
    await reached(world, gate);
    assert.equal(engine.stats().resyncs, 1);
    const waits = new Set<number>();
    for (let i = 0; i < 5; i++) {
      const refused = await world.pollProblem({ marker: stale[0] ?? '' });
      assert.deepEqual([refused?.status, refused?.code], [503, 'overloaded']);
      waits.add(refused?.retryAfterMs ?? 0);
    }
    assert.ok(waits.size > 3 && [...waits].every((ms) => ms >= 1_000 && ms <= 3_000), [...waits].join());
    assert.deepEqual((await world.poll({ marker })).items, []);
    gate.open();
    await world.delivered(slow);
    assert.deepEqual([slow.response.mustReset, engine.stats().resyncs], [{ reason: 'epoch' }, 0]);
    assert.equal((await world.poll({ marker: stale[0] ?? '' })).items.length, 1);
    store.down = true;
    assert.equal((await world.pollProblem({ marker: stale[0] ?? '' }))?.code, 'storeUnavailable');
    assert.equal(engine.stats().resyncs, 0);
  });

  it('[LI46] 200 polls with as many markers that are reset at once are answered from one reading', async () => {
    const world = new EngineWorld();
    const markers: string[] = [];
    for (let i = 0; i < 20; i++) await world.ok(`i${i}`, { set: i });
    for (let i = 0; i < 200; i++) {
      await world.pass(100, 100);
      markers.push((await world.snapshot()).marker);
    }
    const polls = markers.map((marker) => world.park({ marker }));
    const small = world.park({ marker: markers[0] ?? '', limit: 1 });
    await world.pass(20, 10);
    const { store } = world.at(0);
    let lists = 0;
    const list = store.list;
    store.list = (...asked) => {
      lists++;
      return list(...asked);
    };
    world.restartCache();
    await world.pass(3_000);
    const bodies = new Set(polls.map(({ outcome }) => outcome && 'answer' in outcome && outcome.answer.body));
    assert.deepEqual([bodies.size, lists], [1, 2]);
    assert.deepEqual(polls[7]?.response.mustReset, { reason: 'epoch' });
    assert.deepEqual([polls[7]?.response.items.length, small.response.items.length], [20, 1]);
  });

  it('[GU24] beyond maxParkedPolls a poll is answered 503 overloaded with a hint', async () => {
    const world = new EngineWorld({ maxParkedPolls: 3 });
    for (let i = 0; i < 3; i++) world.park({ marker: 'now' });
    const fourth = world.park({ marker: 'now' });
    assert.deepEqual([fourth.problem?.status, fourth.problem?.code], [503, 'overloaded']);
    assert.ok((fourth.problem?.retryAfterMs ?? 0) > 0);
  });

  it('[GU25] the limit applies to each poll: two that differ only in limit get different pages', async () => {
    const world = new EngineWorld();
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: 1 });
    const one = world.park({ limit: 1 });
    const all = world.park({});
    await world.settle();
    assert.deepEqual([one.response.items.length, all.response.items.length], [1, 3]);
    assert.deepEqual([one.response.upToDate, all.response.upToDate], [false, true]);
  });

  it('[GU26] what the poll answers does not depend on how busy others are: 300 spaces, each woken by its own update only', async () => {
    const world = new EngineWorld();
    const spaces = Array.from({ length: 300 }, (_, i) => `s${i}` as SpaceId);
    const polls = spaces.map((space) => world.park({ marker: 'now' }, 0, space));
    await world.settle();
    await world.postAll({ updates: [{ item: 'a', op: { set: 1 } }] }, { space: 's7' });
    await world.settle();
    assert.deepEqual(
      polls.flatMap(({ outcome }, i) => (outcome ? [i] : [])),
      [7],
    );
  });

  it('[DU20] what became durable wakes a poll that asked durable=true within half a second of the store write, and no other', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    const told = world.park({ marker, durable: true });
    const untold = world.park({ marker });
    const writes = world.storeWrites;
    let stored = 0;
    for (let at = 0; at < N + 3_000 && !told.outcome; at += 50) {
      await world.pass(50);
      if (stored === 0 && world.storeWrites > writes) stored = at;
      if (stored > 0 && at - stored > 500) break;
    }
    assert.deepEqual(told.response.durable, { a: 2 });
    assert.deepEqual(told.response.items, []);
    assert.equal(untold.outcome, undefined);
  });

  it('[DU21] what became durable comes with the next answer of those who did not ask for it', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    const parked = world.park({ marker, wait: 50 });
    await world.pass(N + 1_000);
    assert.equal(parked.outcome, undefined);
    await world.ok('b', { set: 1 });
    await world.settle();
    assert.deepEqual(
      parked.response.items.map(({ id }) => id),
      ['b'],
    );
    assert.deepEqual(parked.response.durable, { a: 2 });
    const next = await world.poll({ marker: parked.response.marker });
    assert.equal(next.durable, undefined);
  });
});
