import assert from 'node:assert/strict';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';
import type { CacheCall } from '../support/probed-backends.ts';

const HOUR = 3_600_000;

/**
 * A write that became visible so late that a reader had passed already, and whose writer then lost the cache, or its life, before it could say so
 * again. Returns a chain of a reader that was up to date before.
 */
async function lateWrite(
  more: object,
  op: unknown,
  end: 'killed' | 'cache away',
): Promise<{ world: EngineWorld; chain: Chain }> {
  const world = new EngineWorld({}, 2);
  await world.ok('a', { set: 0 });
  const chain = new Chain(world);
  await chain.next({}, 1);
  const writer = world.at(0);
  let passed = false;
  const isHead = ({ name, keys }: CacheCall) => name === 'casThenGet' && keys[0] === 'i/board/a';
  writer.cache.before = async (call) => {
    if (passed || !isHead(call)) return;
    passed = true;
    for (let i = 0; i < 7; i++) {
      world.clock.advance(1_000);
      await chain.next({}, 1);
    }
  };
  writer.cache.loses = (call) => {
    if (isHead(call) && end === 'killed') writer.kill();
    else if (isHead(call)) writer.cache.down = true;
    return false;
  };
  const posted = world.post('a', op, more);
  posted.catch(() => undefined);
  if (end === 'killed') await world.pass(1_000);
  else assert.equal((await posted).result, 'retry');
  writer.cache.down = false;
  writer.cache.before = writer.cache.loses = undefined;
  return { world, chain };
}

describe('sweeping and pruning', () => {
  it('[SW1] what a killed server left open is stored and closed by any other within 10 N, with its newest content', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 'newest' });
    world.at(0).kill();
    await world.pass(10 * N, 250);
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.open], ['newest', false]);
    assert.equal((await world.head('a'))?.open, false);
  });

  it('[SW2] a server that knows nothing of the space finds it too, even with the cache lost', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 'stored' });
    world.at(0).kill();
    world.restartCache();
    world.start();
    await world.pass(10 * N, 250);
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.open], ['stored', false]);
  });

  it('[SW3] an item that somebody is moving is left alone', async () => {
    const world = new EngineWorld({}, 2);
    for (let i = 0; i < 60; i++) {
      await world.ok('a', { set: i });
      await world.pass(1_000, 250);
      const row = await world.row('a');
      assert.deepEqual([row?.open, row?.L], [true, 0]);
    }
    assert.equal(world.at(1).counts.get('swept_items'), undefined);
  });

  it('[SW4] sweep() can be asked for, answers what it did, and a second call joins the first', async () => {
    const world = new EngineWorld({ sweepMs: 24 * HOUR });
    await world.ok('a', { set: 1 });
    world.at(0).kill();
    world.start();
    await world.pass(60_000, 10_000);
    const { engine } = world.at(1);
    assert.deepEqual(
      await world.run(engine.sweep()),
      { swept: 0, pruned: 0 },
      'seen once, it may belong to a slow clock',
    );
    await world.pass(5_000, 1_000);
    const [first, second] = await world.run(Promise.all([engine.sweep(), engine.sweep()]));
    assert.deepEqual(
      [first, second],
      [
        { swept: 1, pruned: 0 },
        { swept: 1, pruned: 0 },
      ],
    );
    assert.deepEqual(await world.run(engine.sweep()), { swept: 0, pruned: 0 });
  });

  it('[SW22] a sweep that fails is logged, and the next comes in its time', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 'newest' });
    world.at(0).kill();
    const { store, log } = world.start();
    store.down = true;
    await world.pass(2 * N, 250);
    assert.equal(log.count('the sweep of what others left failed'), 1);
    store.down = false;
    await world.pass(8 * N, 250);
    assert.equal((await world.row('a'))?.open, false);
  });

  for (const end of ['killed', 'cache away'] as const) {
    for (const [name, op, more] of [
      ['move', { set: 'late' }, {}],
      ['release', { set: 'late' }, { release: true }],
      ['durable move', { set: 'late' }, { durable: true }],
      ['delete', { delete: true }, {}],
    ] as const) {
      it(`[SW5] a ${name} that its writer could not announce any more (${end}) reaches every reader`, async () => {
        const { world, chain } = await lateWrite(more, op, end);
        assert.deepEqual(chain.values, { a: 0 });
        for (let i = 0; i < 30; i++) {
          await world.pass(2_500, 250);
          await chain.next({}, 1);
        }
        const fresh = new Chain(world);
        await fresh.next({}, 1);
        assert.deepEqual(chain.values, fresh.values);
        assert.deepEqual(fresh.values, name === 'delete' ? {} : { a: 'late' });
      });
    }
  }

  it('[SW6] an item whose ledger entry is lost is closed all the same', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 1 });
    world.at(0).kill();
    await world.evict(/^d\//);
    await world.pass(10 * N, 250);
    assert.equal((await world.row('a'))?.open, false);
  });

  it('[SW7] the ledger is empty when everything is closed', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 10; i++) await world.ok(`a${i}`, { set: i });
    await world.pass(4 * N);
    for (let shard = 0; shard < 4; shard++) {
      const text = (await world.record(`d/board/${shard}`))?.toString() ?? '';
      assert.equal(text.trimEnd().split('\n').length, 1, text);
    }
  });

  it('[SW8] a server whose clock is a minute ahead does not close what another one moves', async () => {
    const world = new EngineWorld();
    world.start({}, { skewMs: 60_000 });
    for (let i = 0; i < 1_000; i++) {
      await world.ok('a', { set: i });
      await world.pass(50);
    }
    assert.equal(world.at(1).counts.get('swept_items'), undefined);
    assert.ok(world.storeWrites <= 13, `${world.storeWrites} store writes`);
  });

  it('[SW10] a tombstone is forgotten after tombstoneMs, not before; its id starts above every number it ever had', async () => {
    const world = new EngineWorld({ tombstoneMs: HOUR });
    await world.ok('a', { set: 1 });
    const gone = await world.ok('a', { delete: true });
    const ceil = (await world.row('a'))?.ceil ?? 0;
    const readers = async (ms: number) => {
      const chain = new Chain(world);
      for (let left = ms; left > 0; left -= 20_000) {
        await world.pass(20_000, 5_000);
        for (let i = 0; i < 25; i++) {
          world.clock.advance(1);
          await chain.next();
        }
      }
    };
    await readers(0.9 * HOUR);
    assert.equal((await world.row('a'))?.dead, true);
    await readers(0.2 * HOUR);
    assert.equal(await world.row('a'), undefined);
    assert.equal((await world.spaceRow()).prunedV, ceil);
    const again = await world.ok('a', { set: 2 }, { ifVersion: 0 });
    assert.ok(again.version > ceil && ceil >= gone.version);
    const brandNew = await world.ok('b', { set: 2 });
    assert.ok(brandNew.version > ceil);
  });

  it('[SW11] a marker older than a pruned tombstone is a reset: the reader drops the dead item', async () => {
    const world = new EngineWorld({ tombstoneMs: 30_000, indexRetentionMs: 10_000, indexShardBytes: 512 });
    await world.ok('dead', { set: 1 });
    await world.ok('alive', { set: 1 });
    const old = new Chain(world);
    await old.next();
    await world.ok('dead', { delete: true });
    const other = new Chain(world);
    for (let i = 0; i < 120; i++) {
      await world.pass(1_000, 250);
      for (let k = 0; k < 4; k++) await world.ok(`x${(i + k) % 7}`, { set: i });
      await other.next();
    }
    await world.run(world.at(0).engine.sweep());
    assert.equal(await world.row('dead'), undefined);
    await old.next();
    assert.equal(old.items.has('dead'), false);
    assert.deepEqual(old.values, other.values);
  });

  it('[SW12] a deleted item stays deleted when the cache is lost', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 1 });
    const gone = await world.ok('a', { delete: true });
    world.restartCache();
    assert.deepEqual((await world.snapshot(1)).items, []);
    const again = await world.ok('a', { set: 2 }, { on: 1 });
    assert.ok(again.version > gone.version);
  });
});

describe('embedded: every update is stored', () => {
  it('[DU40] with durableAlways every acknowledged update is in the store before its answer', async () => {
    const world = new EngineWorld({ durableAlways: true });
    for (let i = 0; i < 30; i++) {
      const { version, durableVersion } = await world.ok(`a${i % 3}`, { set: i });
      assert.equal(durableVersion, version);
      assert.deepEqual([(await world.row(`a${i % 3}`))?.v, (await world.row(`a${i % 3}`))?.body], [version, i]);
    }
  });

  it('[DU41] killing process and cache loses nothing acknowledged and delays nobody', async () => {
    const world = new EngineWorld({ durableAlways: true });
    for (let i = 0; i < 10; i++) await world.ok('j', { add: `${i}` }, { kind: 'journal', seq: i + 1 });
    world.at(0).kill();
    world.restartCache();
    world.start();
    const again = await world.ok('j', { add: '9' }, { on: 1, kind: 'journal', seq: 10 });
    const [item] = (await world.snapshot(1)).items;
    assert.ok(item && 'value' in item);
    assert.deepEqual(item.value, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    assert.ok(item.version >= again.version);
  });

  it('[DU42] an update the store does not take is retry, never acknowledged', async () => {
    const world = new EngineWorld({ durableAlways: true });
    await world.ok('a', { set: 0 });
    world.at(0).store.down = true;
    const result = await world.post('a', { set: 1 }, { seq: 1 });
    assert.equal(result.result === 'retry' && result.code, 'storeUnavailable');
    world.at(0).store.down = false;
    await world.ok('a', { set: 1 }, { seq: 1 });
    assert.equal((await world.row('a'))?.body, 1);
  });
});
