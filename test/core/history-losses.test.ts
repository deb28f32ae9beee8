import assert from 'node:assert/strict';
import { addFork, keepOps } from '../../src/core/history/keep-ops.ts';
import { replacedFrom } from '../../src/core/history/read-ops.ts';
import { rowOf } from '../../src/core/row-content.ts';
import type { Fork } from '../../src/model/head.ts';
import { MAX_FORKS } from '../../src/protocol/limits.ts';
import { chronicle } from '../doubles/journal-kind.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';
import { allOps, archived, KIND, opsIn, parkOps, readOps, text, texts, write } from '../support/history.ts';
import { sampleHead } from '../support/sample-heads.ts';

const DAY = 24 * 3_600_000;
const on = 1;

/** The first 40 operations are stored, the next 5 were lost with their server. Returns the lineage before. */
async function rolledBack(): Promise<{ world: EngineWorld; lineage: string }> {
  const world = new EngineWorld();
  await write(world, 1, 39, 200);
  await world.ok('c', { add: text(40, 200) }, { durable: true });
  await write(world, 41, 45, 200);
  const { lineage } = await readOps(world, 'c');
  world.at(0).kill();
  await world.evict(/^i\//);
  world.start();
  return { world, lineage };
}

/** A sweep after the time of tombstones. The first one may be joined by one that goes by time and prunes nothing. */
async function sweepLater(world: EngineWorld): Promise<void> {
  world.clock.advance(DAY + 60_000);
  await world.settle();
  for (let turn = 0; turn < 2; turn++) await world.run(world.at(0).engine.sweep());
}

describe('the operations of an item after a loss', () => {
  it('[OP9] are those the store had: none that was lost is told, and new ones take their indexes', async () => {
    const { world } = await rolledBack();
    assert.deepEqual(await allOps(world, 'c', {}, on), texts(1, 40, 200));
    await world.ok('c', { add: 'new' }, { on });
    assert.deepEqual(await allOps(world, 'c', {}, on), [...texts(1, 40, 200), 'new']);
  });

  it('[OP9] are told from where somebody who had more has to begin again, once', async () => {
    const { world, lineage } = await rolledBack();
    await world.ok('c', { add: 'new' }, { on });
    const answer = await readOps(world, 'c', { index: 46, lineage }, on);
    assert.equal(answer.replaced, 41);
    assert.deepEqual(
      answer.ops.map(({ index, op }) => [index, op]),
      [[41, 'new']],
    );
    assert.notEqual(answer.lineage, lineage);
    const next = await readOps(world, 'c', { index: answer.nextIndex, lineage: answer.lineage }, on);
    assert.deepEqual([next.ops, next.replaced, next.nextIndex], [[], undefined, 42]);
  });

  it('[OP9] hold nobody back who had none of the lost ones', async () => {
    const { world, lineage } = await rolledBack();
    const answer = await readOps(world, 'c', { index: 30, lineage }, on);
    assert.deepEqual([answer.replaced, answer.ops[0]?.index, answer.nextIndex], [undefined, 30, 41]);
  });

  it('[OP9] wake who waits for what comes after the lost ones, with or without a lineage', async () => {
    const { world, lineage } = await rolledBack();
    const known = parkOps(world, 'c', { index: 46, lineage }, on);
    const curl = parkOps(world, 'c', { index: 46 }, on);
    await world.delivered(known);
    await world.delivered(curl);
    assert.equal(opsIn(known.outcome).replaced, 41);
    assert.deepEqual([opsIn(curl.outcome).ops, opsIn(curl.outcome).nextIndex], [[], 41]);
  });

  it('[OP9] after many rollbacks, are told from no later than where they part', async () => {
    const world = new EngineWorld();
    await write(world, 1, 1);
    const lineages: string[] = [];
    const stored: number[] = [];
    for (let life = 0; life < MAX_FORKS + 4; life++) {
      const { nextIndex, lineage } = await readOps(world, 'c', { index: 10_000 }, life);
      lineages.push(lineage);
      stored.push(nextIndex - 1);
      await world.ok('c', { add: `${life} kept` }, { on: life, durable: true });
      await world.ok('c', { add: `${life} lost` }, { on: life });
      world.at(life).kill();
      await world.evict(/^i\//);
      world.start();
    }
    const last = lineages.length;
    assert.ok(((await world.head('c'))?.forks ?? (await world.row('c'))?.forks ?? []).length <= MAX_FORKS);
    for (const [life, lineage] of lineages.entries()) {
      const { replaced = 0 } = await readOps(world, 'c', { index: 10_000, lineage }, last);
      // Each life stored one operation after those it had begun with.
      assert.ok(replaced > 0 && replaced <= (stored[life] ?? 0) + 2, `${life}: ${replaced}`);
      if (life === last - 1) assert.equal(replaced, (stored[life] ?? 0) + 2);
    }
    assert.equal((await allOps(world, 'c', {}, last)).length, last + 1);
  });

  it('[OP9] of forks: the oldest are told as one, from the earliest index', () => {
    let forks: readonly Fork[] = [];
    for (let L = 1; L <= MAX_FORKS + 2; L++) forks = addFork(forks, [L, 100 - L]);
    assert.equal(forks.length, MAX_FORKS);
    const head = { born: 1, L: MAX_FORKS + 2, forks };
    for (let L = 0; L < MAX_FORKS + 2; L++)
      assert.equal(replacedFrom(head, `1.${L}`), 100 - MAX_FORKS - 2 + 1, `from ${L}`);
    const rising = [
      [1, 10],
      [2, 30],
    ] as const;
    assert.deepEqual(
      ['1.0', '1.1', '1.2', '1.3', '2.2'].map((lineage) => replacedFrom({ born: 1, L: 2, forks: rising }, lineage)),
      [11, 31, undefined, 1, 1],
    );
  });

  it('[OP10] restored by a client have new indexes after all others, each once', async () => {
    const world = new EngineWorld();
    await world.ok('c', { add: 'a' }, { ...KIND, seq: 1 });
    const lost = [];
    for (const [i, add] of ['b', 'c', 'd'].entries()) {
      const { version } = await world.ok('c', { add }, { seq: i + 2 });
      lost.push({ version, op: { add: [add] }, clientId: 'c', seq: i + 2 });
    }
    const { lineage } = await readOps(world, 'c');
    world.at(0).kill();
    await world.evict(/^i\//);
    world.start();
    await world.ok('c', { add: 'new' }, { on, clientId: 'other' });
    for (const length of [2, 3, 3])
      await world.ok('c', undefined, { on, restore: { from: 1, deltas: lost.slice(0, length) } });
    assert.deepEqual(await allOps(world, 'c', {}, on), ['a', 'new', 'b', 'c', 'd']);
    assert.equal((await readOps(world, 'c', { index: 5, lineage }, on)).replaced, 2);
    await world.ok('c', { add: 'e' }, { on, release: true });
    world.restartCache();
    assert.deepEqual(await allOps(world, 'c', {}, on), ['a', 'new', 'b', 'c', 'd', 'e']);
  });

  it('[OP11] of a deleted item are not there; a new life begins at 1 and says so', async () => {
    const world = new EngineWorld();
    await write(world, 1, 60, 200);
    const { lineage } = await readOps(world, 'c');
    await world.ok('c', { delete: true });
    const parked = parkOps(world, 'c', { wait: 0 });
    await world.delivered(parked);
    assert.equal(parked.problem?.code, 'notFound');
    await world.ok('c', { add: 'again' }, KIND);
    assert.deepEqual(await allOps(world, 'c'), ['again']);
    const answer = await readOps(world, 'c', { index: 61, lineage });
    assert.deepEqual([answer.replaced, answer.ops.map(({ index }) => index)], [1, [1]]);
    await world.evict(/^i\//);
    assert.deepEqual(await allOps(world, 'c'), ['again']);
  });

  it('[OP11] end a wait when the item is deleted', async () => {
    const world = new EngineWorld();
    await write(world, 1, 3);
    const parked = parkOps(world, 'c', { index: 4 });
    await world.settle();
    await world.ok('c', { delete: true });
    await world.delivered(parked);
    assert.equal(parked.problem?.code, 'notFound');
  });

  it('[OP12] go when tombstones go, also where the item lives again, and the others stay', async () => {
    const world = new EngineWorld();
    await write(world, 1, 60, 200);
    await world.ok('other', { add: Array.from({ length: 60 }, (_, n) => text(n, 200)) }, { ...KIND, release: true });
    await world.ok('c', { delete: true });
    await write(world, 1, 60, 200);
    await world.ok('c', { add: 'last' }, { release: true });
    const before = await archived(world);
    assert.equal(before.filter((id) => id.endsWith('#ended')).length, 1);
    await world.run(world.at(0).engine.sweep());
    assert.deepEqual(await archived(world), before);
    await sweepLater(world);
    const after = await archived(world);
    assert.ok(after.length < before.length && !after.some((id) => id.endsWith('#ended')), String(after));
    assert.deepEqual(await allOps(world, 'c'), [...texts(1, 60, 200), 'last']);
    assert.equal((await allOps(world, 'other')).length, 60);
    await world.ok('c', { delete: true });
    await world.ok('other', { delete: true });
    await sweepLater(world);
    assert.deepEqual(await archived(world), []);
  });

  it('[OP15] that are not stored survive the loss of the record with the value', async () => {
    const world = new EngineWorld();
    await world.ok('c', { add: Array.from({ length: 30 }, (_, n) => text(n, 1_000)) }, KIND);
    await write(world, 100, 103, 1_000);
    assert.ok((await world.head('c'))?.ref, 'a value of its own record');
    world.start(); // with nothing in memory
    await world.evict(/^b\//);
    await world.ok('c', { add: 'after' }, { on });
    const all = [...Array.from({ length: 30 }, (_, n) => text(n, 1_000)), ...texts(100, 103, 1_000), 'after'];
    const held = (await world.snapshot(1)).items[0];
    assert.deepEqual(held && 'value' in held && held.value, all);
    assert.deepEqual(await allOps(world, 'c', {}, on), all);
    await world.ok('c', { add: 'end' }, { on, release: true });
    world.restartCache();
    assert.deepEqual(await allOps(world, 'c', {}, on), [...all, 'end']);
  });

  it('[OP15] of a head that lacks some of them are not stored: it goes back instead', () => {
    const place = { space: SPACE, item: 'c', now: 1 };
    const base = { kind: 'chronicle', born: 1, L: 0, dead: false };
    const row = { ...rowOf(sampleHead(base), null, 1), v: 3, index: 3, ops: { at: 0, first: 1, bytes: 0, tail: [] } };
    const delta = (v: number, i: number) => ({ v, i, op: { add: ['x'] }, t: 0 });
    const decide = (index: number, ...tail: ReturnType<typeof delta>[]) =>
      keepOps(place, row, { ...sampleHead(), ...base, v: 9, index, tail }, chronicle.ops, { keys: [], records: [] })
        .outcome;
    assert.equal(decide(5, delta(3, 3), delta(4, 4), delta(6, 5)), 'kept');
    assert.equal(decide(5, delta(6, 5)), 'broken');
    assert.equal(decide(6, delta(4, 4), delta(6, 5)), 'broken');
    assert.equal(decide(5, delta(4, 4), delta(4, 4), delta(6, 5)), 'broken');
    assert.equal(decide(3), 'kept');
    assert.equal(decide(4), 'broken');
  });

  it('[OP7] are kept by the sweep of an instance that never saw the item', async () => {
    const world = new EngineWorld({}, 2);
    await write(world, 1, 30, 200);
    world.at(0).kill();
    world.clock.advance(4 * N);
    for (let round = 0; round < 3; round++) {
      await world.pass(2 * N, 500);
      await world.run(world.at(1).engine.sweep());
    }
    assert.equal((await world.row('c'))?.open, false);
    world.restartCache();
    assert.deepEqual(await allOps(world, 'c', {}, on), texts(1, 30, 200));
  });
});
