import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { settle } from '../support/clocks.ts';
import { EngineWorld, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';

/** What a killed instance left open, and another one whose sweep of it stands still at the first item. */
async function heldSweep() {
  const world = new EngineWorld({ sweepMs: 86_400_000 });
  for (const id of ['a', 'b', 'c']) await world.ok(id, { set: 1 });
  world.at(0).kill();
  const { engine, store } = world.start();
  await world.pass(60_000, 10_000);
  await world.run(engine.sweep());
  await world.pass(6_000, 1_000);
  const gate = hold(store, 'read', /^item\//);
  const swept = engine.sweep();
  await reached(world, gate);
  return { world, engine, gate, swept };
}

describe('stopping an instance', () => {
  it('[DU30] stop answers parked polls with 503 stopping and a hint, at once', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    const polls = [
      world.park({ marker }),
      world.park({ marker: 'now' }),
      world.park({ marker, ids: undefined, limit: 3 }),
    ];
    await world.pass(300);
    void world.at(0).engine.stop(2_000);
    for (const poll of polls) {
      assert.deepEqual([poll.problem?.status, poll.problem?.code], [503, 'stopping']);
      assert.notEqual(poll.problem?.retryAfterMs, undefined);
    }
    assert.equal(world.at(0).engine.stats().parkedPolls, 0);
  });

  it('[DU30] a poll that is being read for when stop comes is answered too', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    await world.pass(300);
    const polls = [world.park({ marker }), world.park({ marker: 'now' })];
    world.clock.advance(0); // the look has begun
    const stopped = world.at(0).engine.stop(2_000);
    await world.run(stopped);
    await world.pass(1_000);
    for (const poll of polls) assert.equal(poll.deliveries, 1);
  });

  it('[DU31] a stopping instance refuses posts and polls with 503 stopping', async () => {
    const world = new EngineWorld();
    const { engine } = world.at(0);
    await world.run(engine.stop(100));
    const post = engine.postUpdate(SPACE, { updates: [{ item: 'a', op: { set: 1 } }] }, { subject: 's' });
    await assert.rejects(post, (error) => error instanceof ProblemError && error.problem.code === 'stopping');
    assert.equal(world.park().problem?.code, 'stopping');
  });

  it('[DU32] stop stores what is dirty, released items first', async () => {
    const world = new EngineWorld();
    const { store, engine } = world.at(0);
    for (const id of ['a', 'b', 'c', 'd']) await world.ok(id, { set: 0 });
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: 1 });
    store.down = true;
    const release = await world.post('d', { set: 1 }, { release: true });
    assert.equal(release.result, 'retry');
    store.down = false;
    store.writes.length = 0;
    await world.run(engine.stop(2_000));
    const order = store.writes.flatMap((changes) => changes.map(({ key }) => key.id));
    assert.equal(order[0], 'd');
    assert.deepEqual([...order].sort(), ['a', 'b', 'c', 'd']);
    for (const id of ['a', 'b', 'c', 'd']) assert.equal((await world.row(id))?.body, 1);
  });

  it('[DU33] stop ends at its deadline though the store does not answer', async () => {
    const world = new EngineWorld();
    const { store, engine } = world.at(0);
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    store.dead = true;
    const before = world.clock.monotonic();
    await world.run(engine.stop(2_000));
    assert.ok(world.clock.monotonic() - before <= 2_100);
  });

  it('[DU34] what a stopped instance left open goes on elsewhere: nothing is lost, and it is closed in time', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    await world.run(world.at(0).engine.stop(2_000));
    const [item] = (await world.snapshot(1)).items;
    assert.ok(item && 'value' in item && item.value === 1);
    await world.pass(60_000, 250);
    assert.equal((await world.row('a'))?.open, false);
    assert.equal((await world.row('a'))?.body, 1);
  });

  it('[DU43] with the cache in the process stop closes what is open, and the next one goes on with the next version', async () => {
    const world = new EngineWorld({ durableAlways: true });
    for (const id of ['a', 'b']) await world.ok(id, { set: 0 });
    const { version } = await world.ok('a', { set: 1 });
    await world.run(world.at(0).engine.stop(2_000));
    for (const id of ['a', 'b']) assert.equal((await world.row(id))?.open, false);
    world.restartCache();
    world.start();
    const item = (await world.snapshot(1)).items.find(({ id }) => id === 'a');
    assert.ok(item && 'value' in item);
    assert.deepEqual([item.value, item.version, item.rolledBack], [1, version, undefined]);
    assert.equal((await world.ok('a', { set: 2 }, { on: 1 })).version, version + 1);
  });

  it('[DU44] then the ledger, which names all that is open, is not read for each of them', async () => {
    const world = new EngineWorld({ durableAlways: true });
    for (let i = 0; i < 20; i++) await world.ok(`i${i}`, { set: 0 });
    const { cache, engine } = world.at(0);
    cache.calls.length = 0;
    await world.run(engine.stop(2_000));
    for (let i = 0; i < 20; i++) assert.equal((await world.row(`i${i}`))?.open, false);
    assert.ok(cache.calls.length > 0);
    const ofLedger = cache.calls.filter(({ keys }) => keys.some((key) => key.startsWith('d/')));
    assert.deepEqual(ofLedger, []);
  });

  it('[SW23] stop ends a sweep that runs before its next item, and waits for it', async () => {
    const { world, engine, gate, swept } = await heldSweep();
    let ended = false;
    const stopped = engine.stop(2_000).then(() => {
      ended = true;
    });
    await settle();
    assert.equal(ended, false);
    gate.open();
    assert.deepEqual(await world.run(swept), { swept: 1, pruned: 0 });
    const before = world.clock.monotonic();
    await world.run(stopped);
    assert.ok(world.clock.monotonic() - before < 2_000);
  });

  it('[SW23] stop waits no longer than its deadline for a sweep', async () => {
    const { world, engine } = await heldSweep();
    const before = world.clock.monotonic();
    await world.run(engine.stop(2_000));
    assert.ok(world.clock.monotonic() - before <= 2_100);
  });
});
