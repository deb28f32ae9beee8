import assert from 'node:assert/strict';
import type { Update } from '../../src/protocol/post-update.ts';
import { EngineWorld } from '../support/engine-fixture.ts';

type Restore = NonNullable<Update['restore']>;

/** A journal whose first entry is stored and whose next four were lost with their server. Returns the lost deltas. */
async function rolledBack(): Promise<{ world: EngineWorld; lost: Restore['deltas'] }> {
  const world = new EngineWorld();
  await world.ok('j', { add: '0' }, { kind: 'journal', seq: 1 });
  const lost: { version: number; op: unknown; clientId: string; seq: number }[] = [];
  for (let i = 1; i <= 4; i++) {
    const op = { add: `${i}` };
    const { version } = await world.ok('j', op, { seq: i + 1 });
    lost.push({ version, op, clientId: 'c', seq: i + 1 });
  }
  world.at(0).kill();
  await world.evict(/^i\//);
  world.start();
  return { world, lost };
}

async function texts(world: EngineWorld): Promise<unknown> {
  const [item] = (await world.snapshot(1)).items;
  return item && 'value' in item ? item.value : undefined;
}

const on = 1;

describe('restore after a rollback', () => {
  it('[RS1] the chain of lost deltas brings content and order back, under new versions, to every reader', async () => {
    const { world, lost } = await rolledBack();
    assert.deepEqual(await texts(world), ['0']);
    const { marker } = await world.snapshot(1);
    const before = await world.head('j');
    const result = await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.ok(result.version > (before?.back?.ceil ?? 0));
    assert.deepEqual(await texts(world), ['0', '1', '2', '3', '4']);
    const [item] = (await world.poll({ marker }, 1)).items;
    assert.equal(item?.version, result.version);
  });

  it('[RS2] the longest chain wins, in whatever order they come; nothing is applied twice', async () => {
    for (const order of [
      [2, 4, 3],
      [4, 2],
      [1, 2, 3, 4, 4],
    ]) {
      const { world, lost } = await rolledBack();
      for (const length of order)
        await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost.slice(0, length) } });
      assert.deepEqual(await texts(world), ['0', '1', '2', '3', '4'], String(order));
    }
  });

  it('[RS26] single operations come back in whatever order their senders bring them, each once, also after the head was lost', async () => {
    const { world, lost } = await rolledBack();
    const bring = (...deltas: Restore['deltas']) => world.ok('j', undefined, { on, restore: { from: 1, deltas } });
    await bring(...lost.slice(3));
    await bring(...lost.slice(1, 2));
    await world.evict(/^i\//);
    await bring(...lost.slice(0, 1));
    await bring(...lost);
    await bring(...lost.slice(3));
    assert.deepEqual(await texts(world), ['0', '4', '2', '1', '3']);
  });

  it('[RS3] a chain that reaches no further is ok and changes nothing', async () => {
    const { world, lost } = await rolledBack();
    const first = await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    const again = await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost.slice(0, 3) } });
    assert.equal(again.version, first.version);
  });

  it('[RS4] the restored operations know their senders again: a repeat gives its answer and is not applied', async () => {
    const { world, lost } = await rolledBack();
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    const repeat = await world.ok('j', { add: '4' }, { on, seq: 5 });
    assert.ok(repeat.version > 0);
    assert.deepEqual(await texts(world), ['0', '1', '2', '3', '4']);
    const older = await world.post('j', { add: '3' }, { on, seq: 4 });
    assert.equal(older.result === 'invalid' && older.code, 'seqTooOld');
    await world.ok('j', { add: '5' }, { on, seq: 6 });
  });

  it('[RS5] a chain that begins after the rolled-back version changes nothing', async () => {
    const { world, lost } = await rolledBack();
    await world.snapshot(1);
    const result = await world.ok('j', undefined, { on, restore: { from: 2, deltas: lost.slice(1) } });
    assert.equal(result.version, (await world.head('j'))?.v);
    assert.deepEqual(await texts(world), ['0']);
  });

  it('[RS5] a chain that begins before the rolled-back version counts from that version on', async () => {
    const { world, lost } = await rolledBack();
    await world.snapshot(1);
    const stored = { version: 1, op: { add: 'stored, so not applied' } };
    await world.ok('j', undefined, { on, restore: { from: 0, deltas: [stored, ...lost] } });
    assert.deepEqual(await texts(world), ['0', '1', '2', '3', '4']);
  });

  it('[RS6] versions that were never given out, do not rise, or operations that do not apply are invalid badOp', async () => {
    const { world, lost } = await rolledBack();
    await world.snapshot(1);
    const ceil = (await world.head('j'))?.back?.ceil ?? 0;
    const [one, two] = lost;
    assert.ok(one && two);
    for (const deltas of [
      [{ ...one, version: ceil + 1 }],
      [two, one],
      [one, one],
      [{ ...one, version: 1 }],
      [one, { ...two, op: { nonsense: 1 } }],
    ]) {
      const result = await world.post('j', undefined, { on, restore: { from: 1, deltas } });
      assert.equal(result.result === 'invalid' && result.code, 'badOp', JSON.stringify(deltas));
    }
    assert.deepEqual(await texts(world), ['0']);
  });

  it('[RS7] an item that was not rolled back, or longer ago than 10 minutes, is invalid notRolledBack', async () => {
    const { world, lost } = await rolledBack();
    await world.ok('other', { add: 'x' }, { on, kind: 'journal' });
    const other = await world.post('other', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.equal(other.result === 'invalid' && other.code, 'notRolledBack');
    await world.snapshot(1);
    await world.pass(9 * 60_000, 5_000);
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost.slice(0, 1) } });
    await world.pass(2 * 60_000, 5_000);
    const late = await world.post('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.equal(late.result === 'invalid' && late.code, 'notRolledBack');
    assert.deepEqual(await texts(world), ['0', '1']);
  });

  it('[RS8] what was written after the rollback stays, the restored operations come after it', async () => {
    const { world, lost } = await rolledBack();
    await world.ok('j', { add: 'new' }, { on, clientId: 'd', seq: 1 });
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.deepEqual(await texts(world), ['0', 'new', '1', '2', '3', '4']);
  });

  it('[RS9] a register that somebody has set since is not set back', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 'stored' });
    const { version } = await world.ok('a', { set: 'lost' });
    world.at(0).kill();
    await world.evict(/^i\//);
    world.start();
    await world.ok('a', { set: 'newer' }, { on });
    await world.ok('a', undefined, { on, restore: { from: 1, deltas: [{ version, op: { set: 'lost' } }] } });
    assert.equal(await texts(world), 'newer');
  });

  it('[RS10] the mark survives eviction and closing', async () => {
    const { world, lost } = await rolledBack();
    await world.snapshot(1);
    await world.pass(60_000, 1_000);
    await world.evict(/./);
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.deepEqual(await texts(world), ['0', '1', '2', '3', '4']);
  });

  it('[RS11] who restored and when is kept in head and row, over later updates and loads, and shown to nobody', async () => {
    const { world, lost } = await rolledBack();
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost }, clientId: 'd', seq: 1 });
    const restoredBy = { subject: 'anonymous', client: 'd', t: world.clock.now() };
    assert.deepEqual((await world.head('j'))?.restoredBy, restoredBy);
    await world.pass(1_000);
    await world.ok('j', { add: '5' }, { on, release: true });
    assert.deepEqual((await world.row('j'))?.restoredBy, restoredBy);
    await world.evict(/^i\//);
    const [item] = (await world.snapshot(1)).items;
    assert.deepEqual((await world.head('j'))?.restoredBy, restoredBy);
    assert.ok(item && !('restoredBy' in item));
  });

  it('[RS11] without a client the subject alone is kept; the last restore counts', async () => {
    const { world, lost } = await rolledBack();
    for (const length of [2, 4]) {
      await world.pass(100);
      await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost.slice(0, length) } });
      assert.deepEqual((await world.head('j'))?.restoredBy, { subject: 'anonymous', t: world.clock.now() });
    }
  });

  it('[RS12] the mark goes with the first write after its time, and with no earlier one', async () => {
    const { world } = await rolledBack();
    await world.snapshot(1);
    await world.pass(10 * 60_000, 5_000);
    await world.ok('j', { add: 'in time' }, { on });
    assert.ok((await world.head('j'))?.back);
    await world.pass(1);
    await world.ok('j', { add: 'after it' }, { on, release: true });
    assert.equal((await world.head('j'))?.back, undefined);
    assert.equal((await world.row('j'))?.back, undefined);
  });

  it('[RS13] what its sender has sent again since is not restored, whatever it sent after that', async () => {
    for (const sentLater of [[], ['5', '6']]) {
      const { world, lost } = await rolledBack();
      await world.ok('j', { add: '4' }, { on, seq: 5 });
      for (const [i, add] of sentLater.entries()) await world.ok('j', { add }, { on, seq: 6 + i });
      await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
      assert.deepEqual(await texts(world), ['0', '4', ...sentLater, '1', '2', '3']);
    }
  });

  it('[RS13] nor what was sent again and refused', async () => {
    const { world, lost } = await rolledBack();
    const again = await world.post('j', { add: '4' }, { on, seq: 5, ifVersion: 4 });
    assert.equal(again.result, 'conflict');
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.deepEqual(await texts(world), ['0', '1', '2', '3']);
  });

  it('[RS14] a client that has gone on since keeps its newest number', async () => {
    const { world, lost } = await rolledBack();
    const newest = await world.ok('j', { add: '5' }, { on, seq: 6 });
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    const again = await world.ok('j', { add: '5' }, { on, seq: 6 });
    assert.equal(again.version, newest.version);
    assert.deepEqual(await texts(world), ['0', '5', '1', '2', '3', '4']);
  });

  it('[RS15] nothing comes back into an item that was deleted since, nor into the one created after that', async () => {
    const { world, lost } = await rolledBack();
    await world.ok('j', { delete: true }, { on });
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.equal(await texts(world), undefined);
    await world.ok('j', { add: 'new' }, { on, kind: 'journal' });
    await world.ok('j', undefined, { on, restore: { from: 1, deltas: lost } });
    assert.deepEqual(await texts(world), ['new']);
  });
});
