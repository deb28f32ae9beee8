import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';

describe('when cache or store are away', () => {
  it('[DU10] store away: moves of open items go on, first updates and releases are retry storeUnavailable', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    world.at(0).store.down = true;
    assert.equal((await world.post('a', { set: 1 })).result, 'ok');
    for (const [item, more] of [
      ['b', {}],
      ['a', { release: true }],
      ['a', { durable: true }],
    ] as const) {
      const result = await world.post(item, { set: 2 }, more);
      assert.equal(result.result === 'retry' && result.code, 'storeUnavailable');
      assert.ok(result.result === 'retry' && result.retryAfterMs > 0);
    }
    world.at(0).store.down = false;
    await world.ok('b', { set: 3 });
    await world.pass(3 * N);
    assert.equal((await world.row('a'))?.open, false);
    assert.equal((await world.row('a'))?.body, (await world.head('a'))?.body);
  });

  it('[DU11] store away for a minute: first updates are refused at once; for five: all are; then it heals by itself', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    await world.ok('closed', { set: 0 }, { release: true });
    const { store } = world.at(0);
    store.down = true;
    const moveFor = async (seconds: number) => {
      for (let i = 0; i < seconds; i += 4) {
        await world.ok('a', { set: i });
        await world.pass(4_000, 500);
      }
    };
    await moveFor(64);
    const first = await world.post('closed', { set: 1 });
    assert.equal(first.result === 'retry' && first.code, 'overloaded');
    await moveFor(232);
    await world.pass(8_000, 500);
    const move = await world.post('a', { set: 3 });
    assert.equal(move.result === 'retry' && move.code, 'overloaded');
    store.down = false;
    await world.pass(8_000, 100);
    await world.ok('a', { set: 4 });
    await world.ok('closed', { set: 4 });
  });

  it('[DU12] an item the store will never take is set aside with an alarm; others go on being stored', async () => {
    const world = new EngineWorld();
    await world.ok('bad', { set: 0 });
    await world.ok('good', { set: 0 });
    const { store, counts, log } = world.at(0);
    store.refuses = ({ id }) => id === 'bad';
    await world.ok('bad', { set: 1 });
    await world.ok('good', { set: 1 });
    await world.pass(60_000, 250);
    assert.equal(counts.get('flush_poison'), 1);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, 1);
    assert.deepEqual([(await world.row('good'))?.body, (await world.row('good'))?.open], [1, false]);
    const items = (await world.snapshot()).items;
    assert.ok(items.some((item) => item.id === 'bad' && 'value' in item && item.value === 1));
  });

  it('[PU40] cache away: every update is retry cacheUnavailable with a hint', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    world.at(0).cache.down = true;
    const { results, epoch } = await world.postAll({
      updates: [
        { item: 'a', op: { set: 1 } },
        { item: 'b', op: { set: 1 } },
      ],
    });
    assert.equal(typeof epoch, 'string');
    for (const result of results) assert.equal(result.result === 'retry' && result.code, 'cacheUnavailable');
    world.at(0).cache.down = false;
    await world.ok('a', { set: 1 });
  });

  it('[GU30] cache away: polls are answered 503 cacheUnavailable with a hint, parked ones too, and work again later', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot();
    const parked = world.park({ marker });
    await world.pass(300);
    world.at(0).cache.down = true;
    const problem = await world.pollProblem({ marker });
    assert.deepEqual([problem?.status, problem?.code], [503, 'cacheUnavailable']);
    assert.ok((problem?.retryAfterMs ?? 0) > 0);
    await world.pass(2_500);
    assert.equal(parked.problem?.code, 'cacheUnavailable');
    world.at(0).cache.down = false;
    assert.deepEqual((await world.poll({ marker })).items, []);
  });

  it('[GU31] store away: polls of what is in the cache go on; a snapshot is 503 storeUnavailable', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const { marker } = await world.snapshot();
    world.at(0).store.down = true;
    await world.ok('a', { set: 1 });
    assert.deepEqual(
      (await world.poll({ marker })).items.map(({ id }) => id),
      ['a'],
    );
    const problem = await world.pollProblem({});
    assert.deepEqual([problem?.status, problem?.code], [503, 'storeUnavailable']);
  });

  it('[LD1] a store error is never "absent": the read of an evicted item is 503, and the item is there afterwards', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 5 }, { release: true });
    await world.evict(/^i\//);
    const { engine, store } = world.at(0);
    store.down = true;
    const read = engine.readItem(SPACE, 'a' as ItemId);
    await assert.rejects(
      world.run(read),
      (error) => error instanceof ProblemError && error.problem.code === 'storeUnavailable',
    );
    const post = await world.post('a', { set: 6 }, { ifVersion: 0 });
    assert.equal(post.result, 'retry');
    store.down = false;
    const state = await world.run(engine.readItem(SPACE, 'a' as ItemId));
    assert.deepEqual([state?.version, state?.value], [1, 5]);
  });

  it('[GU32] readItem: state of a living item, of a deleted one, and nothing for one that never was', async () => {
    const world = new EngineWorld();
    const { engine } = world.at(0);
    await world.ok('a', { set: { x: 1 } });
    await world.ok('b', { set: 1 });
    const gone = await world.ok('b', { delete: true });
    const read = (id: string) => world.run(engine.readItem(SPACE, id as ItemId));
    assert.deepEqual(await read('a'), {
      kind: 'register',
      version: 1,
      durableVersion: 1,
      updatedAt: new Date(world.clock.now()).toISOString(),
      deleted: false,
      value: { x: 1 },
    });
    assert.deepEqual([(await read('b'))?.deleted, (await read('b'))?.version], [true, gone.version]);
    assert.equal(await read('never'), undefined);
  });

  it('[PU41] writers that never stop winning make a loser answer retry contention, not hang', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    const { cache } = world.at(0);
    let n = 0;
    cache.before = async ({ name, keys }) => {
      if (name !== 'casThenGet' || !keys[0]?.startsWith('i/')) return;
      await world.at(1).engine.postUpdate(SPACE, { updates: [{ item: 'a', op: { set: n++ } }] }, { subject: 's' });
    };
    const result = await world.post('a', { set: 'mine' });
    assert.equal(result.result === 'retry' && result.code, 'contention');
    cache.before = undefined;
    await world.ok('a', { set: 'mine' });
  });
});
