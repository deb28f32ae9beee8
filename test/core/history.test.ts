import assert from 'node:assert/strict';
import { tailBytes } from '../../src/core/layout.ts';
import { MAX_OPS_BYTES, MAX_UNSTORED_BYTES } from '../../src/protocol/limits.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';
import { allOps, archived, KIND, opsIn, parkOps, readOps, text, texts, write } from '../support/history.ts';

async function opsProblem(world: EngineWorld, item: string) {
  const parked = parkOps(world, item, { wait: 0 });
  await world.delivered(parked);
  return parked.problem;
}

describe('the operations of an item', () => {
  for (const durableAlways of [false, true]) {
    it(`[OP1] are readable from every index, in pages of any size${durableAlways ? ', embedded' : ''}`, async () => {
      const world = new EngineWorld({ durableAlways }, 2);
      await write(world, 1, 150, 100);
      const all = texts(1, 150, 100);
      assert.deepEqual(await allOps(world, 'c', {}, 1), all);
      for (const index of [1, 2, 17, 74, 149, 150]) {
        for (const limit of [1, 7, 500])
          assert.deepEqual(await allOps(world, 'c', { index, limit }, 1), all.slice(index - 1), `${index} ${limit}`);
      }
      const { ops, nextIndex, upToDate } = await readOps(world, 'c', { index: 150 });
      assert.deepEqual([ops.length, nextIndex, upToDate], [1, 151, true]);
    });
  }

  it('[OP1] tell version, time and sender', async () => {
    const world = new EngineWorld();
    const { version } = await world.ok('c', { add: 'x' }, { ...KIND, clientId: 'ann', seq: 7 });
    const { ops } = await readOps(world, 'c');
    const updatedAt = new Date(world.clock.now()).toISOString();
    assert.deepEqual(ops, [{ index: 1, version, op: 'x', clientId: 'ann', seq: 7, updatedAt }]);
  });

  it('[OP2] of one update have an index each, one after the other', async () => {
    const world = new EngineWorld();
    await world.ok('c', { add: ['a', 'b', 'c'] }, KIND);
    await world.ok('c', { add: ['d', 'e'] });
    const { ops } = await readOps(world, 'c', { index: 2, limit: 3 });
    assert.deepEqual(
      ops.map(({ index, version, op }) => [index, version, op]),
      [
        [2, 1, 'b'],
        [3, 1, 'c'],
        [4, 2, 'd'],
      ],
    );
    assert.deepEqual(await allOps(world, 'c', { limit: 2 }), ['a', 'b', 'c', 'd', 'e']);
  });

  it('[OP3] beyond the last one are waited for, and come with the next update on any instance', async () => {
    const world = new EngineWorld({}, 2);
    await write(world, 1, 3);
    const parked = parkOps(world, 'c', { index: 4 });
    await world.pass(3_000);
    assert.equal(parked.outcome, undefined);
    await world.ok('c', { add: text(4) }, { on: 1 });
    await world.settle();
    const { ops, nextIndex } = opsIn(parked.outcome);
    assert.deepEqual([ops.map(({ op }) => op), nextIndex, parked.deliveries], [['4'], 5, 1]);
  });

  it('[OP3] are not missed between looking and waiting', async () => {
    const world = new EngineWorld();
    await write(world, 1, 1);
    for (let n = 2; n < 30; n++) {
      const parked = parkOps(world, 'c', { index: n });
      for (let turn = 0; turn < n % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
      await world.ok('c', { add: text(n) });
      await world.delivered(parked);
      assert.deepEqual(
        opsIn(parked.outcome).ops.map(({ op }) => op),
        [text(n)],
      );
    }
  });

  it('[OP4] that many wait for are read once', async () => {
    const world = new EngineWorld();
    await write(world, 1, 3);
    const waiting = Array.from({ length: 50 }, () => parkOps(world, 'c', { index: 4 }));
    await world.settle();
    await world.settle();
    const { calls } = world.at(0).cache;
    await world.ok('c', { add: text(4) });
    calls.length = 0;
    await world.delivered(waiting[0] ?? assert.fail());
    await world.settle();
    assert.ok(calls.length < 12, `${calls.length} calls of the cache`);
    const outcomes = new Set(waiting.map(({ outcome }) => outcome && 'answer' in outcome && outcome.answer));
    assert.equal(outcomes.size, 1);
  });

  it('[OP5] that do not come: an empty answer when the wait is over, and nothing after a cancellation', async () => {
    const world = new EngineWorld();
    await write(world, 1, 3);
    const parked = parkOps(world, 'c', { index: 4, wait: 10 });
    const cancelled = parkOps(world, 'c', { index: 4, wait: 10 });
    await world.settle();
    cancelled.cancel();
    await world.pass(8_900);
    assert.equal(parked.outcome, undefined);
    await world.pass(1_600);
    assert.deepEqual({ ...opsIn(parked.outcome), lineage: '' }, { ops: [], nextIndex: 4, lineage: '', upToDate: true });
    assert.equal(cancelled.deliveries, 0);
    assert.equal(world.at(0).engine.stats().parkedPolls, 0);
  });

  it('[OP5] are not waited for by an instance that stops', async () => {
    const world = new EngineWorld();
    await write(world, 1, 3);
    const parked = parkOps(world, 'c', { index: 4 });
    await world.settle();
    await world.run(world.at(0).engine.stop(100));
    await world.settle();
    assert.equal(parked.problem?.code, 'stopping');
  });

  it('[OP6] come in answers of about half a megabyte at most', async () => {
    const world = new EngineWorld();
    const big = Array.from({ length: 40 }, (_, n) => text(n, 20_000));
    for (const add of big) await world.ok('c', { add }, KIND);
    const { ops, upToDate } = await readOps(world, 'c');
    const bytes = JSON.stringify(ops).length;
    assert.ok(bytes > MAX_OPS_BYTES / 2 && bytes < MAX_OPS_BYTES + 50_000, `${bytes}`);
    assert.equal(upToDate, false);
    assert.deepEqual(await allOps(world, 'c'), big);
  });

  it('[OP7] are all there after closing, eviction, a lost cache, and another instance’s writes', async () => {
    const world = new EngineWorld({}, 2);
    await write(world, 1, 60, 200);
    await world.ok('c', { add: text(61, 200) }, { release: true });
    const all = texts(1, 61, 200);
    await world.evict(/^[ib]\//);
    assert.deepEqual(await allOps(world, 'c'), all);
    world.restartCache();
    assert.deepEqual(await allOps(world, 'c', {}, 1), all);
    await write(world, 62, 90, 200, 1);
    assert.deepEqual(await allOps(world, 'c'), texts(1, 90, 200));
  });

  it('[OP7] are archived as time passes, and none is in two places', async () => {
    const world = new EngineWorld();
    for (let round = 0; round < 12; round++) {
      await write(world, round * 20 + 1, round * 20 + 20, 300);
      await world.pass(N + 1_000);
    }
    assert.ok((await archived(world)).length >= 2, 'several records');
    const row = await world.row('c');
    assert.ok(row?.ops && row.ops.at > 100 && tailBytes(row.ops.tail) <= 4_096);
    assert.deepEqual(await allOps(world, 'c'), texts(1, 240, 300));
  });

  it('[OP8] are never more than the head can hold: beyond that the next update stores them first', async () => {
    const world = new EngineWorld();
    await write(world, 1, 1, 3_000);
    const { writes } = world.at(0).store;
    writes.length = 0;
    for (let n = 2; n <= 60; n++) {
      await write(world, n, n, 3_000);
      const head = await world.head('c');
      const unstored = head?.tail.filter(({ v }) => v > head.pv) ?? [];
      assert.ok(tailBytes(unstored) <= MAX_UNSTORED_BYTES + 4_000, `${tailBytes(unstored)}`);
    }
    assert.ok(writes.length >= 4 && writes.length < 20, `${writes.length} store writes`);
    assert.deepEqual(await allOps(world, 'c'), texts(1, 60, 3_000));
  });

  it('[OP8] that could not be stored are refused with a hint, and go on when the store is back', async () => {
    const world = new EngineWorld();
    await write(world, 1, 1, 3_000);
    const { store } = world.at(0);
    store.down = true;
    let taken = 1;
    for (let n = 2; n <= 30; n++) {
      const result = await world.post('c', { add: text(n, 3_000) });
      if (result.result === 'ok') taken = n;
      else {
        assert.deepEqual([result.result, 'code' in result && result.code], ['retry', 'storeUnavailable']);
        break;
      }
    }
    assert.ok(taken > 5 && taken < 12, `${taken} taken`);
    store.down = false;
    await write(world, taken + 1, 40, 3_000);
    assert.deepEqual(await allOps(world, 'c'), texts(1, 40, 3_000));
  });

  it('[OP14] of other kinds, and of items that are not there', async () => {
    const world = new EngineWorld();
    await world.ok('r', { set: 1 });
    assert.equal((await opsProblem(world, 'r'))?.code, 'kindMismatch');
    const before = (await world.keysLike(/^i\//)).length;
    assert.equal((await opsProblem(world, 'nothing'))?.code, 'notFound');
    assert.equal((await world.keysLike(/^i\//)).length, before, 'asking leaves no trace');
  });
});
