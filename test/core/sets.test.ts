import assert from 'node:assert/strict';
import type { Json } from '../../src/base/json.ts';
import { type SetState, type SetValue, set } from '../../src/kinds/set.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';
import { allOps, readOps } from '../support/history.ts';

const KIND = { kind: 'set' };

async function members(world: EngineWorld, on = 0): Promise<readonly string[]> {
  const [item] = (await world.snapshot(on)).items;
  return item && 'value' in item ? (item.value as SetValue).members : [];
}

function fold(ops: readonly unknown[]): SetState {
  return ops.reduce(
    (state: SetState, op) => set.replay(state, (Array.isArray(op) ? { ops: [op] } : op) as Json),
    set.empty(),
  );
}

describe('sets', () => {
  it('[SETK30] answer what was applied and what was stale; stale operations make no version and no news', async () => {
    const world = new EngineWorld();
    const first = await world.ok(
      's',
      {
        ops: [
          ['add', 'a', 5],
          ['add', 'b', 5],
          ['add', 'a', 4],
        ],
      },
      KIND,
    );
    assert.deepEqual([first.version, first.applied, first.stale], [1, 2, 1]);
    await world.ok('s', { ops: [['add', 'long enough to be worth a delta'.repeat(9), 5]] });
    const { marker } = await world.snapshot();
    const stale = await world.ok('s', {
      ops: [
        ['remove', 'a', 3],
        ['remove', 'a', 3],
      ],
    });
    assert.deepEqual([stale.version, stale.applied, stale.stale], [3, 1, 1]);
    const none = await world.ok('s', { ops: [['remove', 'a', 3]] });
    assert.deepEqual([none.version, none.applied, none.stale], [3, 0, 1]);
    const [item] = (await world.poll({ marker })).items;
    assert.ok(item && 'deltas' in item);
    assert.deepEqual(
      item.deltas.map(({ version, index, op }) => [version, index, op]),
      [[3, 4, { ops: [['remove', 'a', 3]] }]],
    );
    assert.deepEqual((await members(world)).slice(0, 2), ['a', 'b']);
  });

  it('[SETK30] a repeat of a request answers the same, and a replica that brings nothing is ok', async () => {
    const world = new EngineWorld();
    const op = {
      ops: [
        ['add', 'a', 5],
        ['add', 'a', 4],
      ],
    };
    const first = await world.ok('s', op, { ...KIND, seq: 1 });
    assert.deepEqual(await world.ok('s', op, { ...KIND, seq: 1 }), first);
    const merged = await world.ok('s', { merge: { adds: [['a', 5]], removes: [] } }, { seq: 2 });
    assert.deepEqual([merged.version, merged.applied, merged.stale], [1, 0, 1]);
  });

  it('[SETK31] with bias remove begin with a create, which is the first operation of the history', async () => {
    const world = new EngineWorld();
    await world.ok('s', { create: { bias: 'remove' } }, KIND);
    await world.ok('s', {
      ops: [
        ['add', 'a', 5],
        ['remove', 'a', 5],
        ['add', 'b', 5],
      ],
    });
    assert.deepEqual(await members(world), ['b']);
    const again = await world.post('s', { create: { bias: 'add' } });
    assert.equal(again.result === 'invalid' && again.code, 'badOp');
    const ops = await allOps(world, 's');
    assert.deepEqual(ops, [{ create: { bias: 'remove' } }, ['add', 'a', 5], ['remove', 'a', 5], ['add', 'b', 5]]);
    assert.deepEqual((set.value(fold(ops)) as SetValue).members, ['b']);
    await world.ok('s', { delete: true });
    await world.ok('s', { create: { bias: 'add' } }, KIND);
    assert.equal((await readOps(world, 's')).nextIndex, 2);
  });

  it('[SETK32] the history of a set, through closing, losses and a thousand updates, folds into it', async () => {
    const world = new EngineWorld({}, 2);
    for (let n = 0; n < 1_000; n++) {
      const verb = n % 3 === 2 ? 'remove' : 'add';
      await world.ok(
        's',
        {
          ops: [
            [verb, `element ${(n * 7) % 90}`, n],
            ['add', `${n % 10}`, n],
          ],
        },
        { ...KIND, on: n % 2 },
      );
      if (n % 200 === 150) await world.pass(3 * N, 1_000);
      if (n % 200 === 199) {
        await world.ok('s', { ops: [['add', 'x', n]] }, { release: true });
        await world.evict(/^[ib]\//);
      }
    }
    const ops = await allOps(world, 's', {}, 1);
    assert.ok(ops.length > 1_900 && ops.length <= 2_005, `${ops.length}`);
    const [item] = (await world.snapshot()).items;
    assert.deepEqual(set.value(fold(ops)), item && 'value' in item && item.value);
    assert.deepEqual(await allOps(world, 's', { index: 1_234, limit: 77 }), ops.slice(1_233));
  });

  it('[SETK33] operations that a loss took are brought back by whoever has them, and by nobody twice', async () => {
    const world = new EngineWorld();
    await world.ok('s', { ops: [['add', 'a', 1]] }, { ...KIND, seq: 1 });
    const deltas = [];
    for (const [i, op] of [{ ops: [['add', 'b', 2]] }, { ops: [['remove', 'a', 3]] }].entries())
      deltas.push({ version: (await world.ok('s', op, { seq: i + 2 })).version, op, clientId: 'c', seq: i + 2 });
    world.at(0).kill();
    await world.evict(/^i\//);
    world.start();
    assert.deepEqual(await members(world, 1), ['a']);
    await world.ok('s', { ops: [['remove', 'a', 3]] }, { on: 1, clientId: 'other' });
    await world.ok('s', undefined, { on: 1, restore: { from: 1, deltas } });
    assert.deepEqual(await members(world, 1), ['b']);
    assert.deepEqual(await allOps(world, 's', {}, 1), [
      ['add', 'a', 1],
      ['remove', 'a', 3],
      ['add', 'b', 2],
    ]);
  });

  it('[OP13] the row of an item does not grow with its history, and each operation is written a few times only', async () => {
    const world = new EngineWorld({ durableAlways: true });
    const { store } = world.at(0);
    let written = 0;
    let largest = 0;
    const transact = store.transact.bind(store);
    store.transact = (keys, decide) =>
      transact(keys, (records) => {
        const decision = decide(records);
        for (const { key, record } of decision.changes) {
          if (record === 'delete') continue;
          if (key.kind === 'item') largest = Math.max(largest, record.data.length);
          else written += record.data.length;
        }
        return decision;
      });
    let posted = 0;
    for (let n = 1; n <= 1_500; n++) {
      const op = { ops: [['add', 'one and the same', n]] };
      posted += JSON.stringify(op).length;
      await world.ok('s', op, KIND);
    }
    const archive = await store.list(SPACE, 'ops', '', 100);
    assert.ok(largest < 6_500, `a row of ${largest}`);
    assert.ok(archive.length >= 3 && archive.length <= 8, `${archive.length} archive records`);
    assert.ok(written < 25 * posted, `${written} bytes in the archive for ${posted} posted`);
    assert.equal((await allOps(world, 's')).length, 1_500);
  });

  it('[SETK40] an operation on a large set does not store its value anew, embedded too', async () => {
    const world = new EngineWorld({ durableAlways: true });
    const element = (n: number) => `${n}`.padStart(40, '.');
    for (let n = 0; n < 3_000; n += 300)
      await world.ok('s', { ops: Array.from({ length: 300 }, (_, i) => ['add', element(n + i), 5]) }, KIND);
    const { store } = world.at(0);
    const from = store.writes.length;
    for (let n = 3_000; n < 3_050; n++) await world.ok('s', { ops: [['add', element(n), 5]] });
    const changes = store.writes.slice(from).flat();
    const values = changes.filter(({ key }) => key.kind === 'value');
    const bytes = changes.reduce((sum, { record }) => sum + (record === 'delete' ? 0 : record.data.length), 0);
    assert.ok(values.length <= 2, `${values.length} times the whole value`);
    assert.ok(bytes < 50 * 40_000, `${bytes} bytes for 50 operations on a set of 150,000`);
    world.restartCache();
    await world.pass(15_000);
    world.start();
    assert.equal((await members(world, 1)).length, 3_050);
  });
});
