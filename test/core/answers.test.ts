import assert from 'node:assert/strict';
import type { Answer } from '../../src/core/engine-types.ts';
import { type Ask, EngineWorld, N } from '../support/engine-fixture.ts';
import { People } from '../support/people.ts';

const LARGE = 'x'.repeat(2_000);
const KEEP_MS = 10_000;

async function answerOf(world: EngineWorld, ask: Ask = {}, on = 0): Promise<Answer> {
  const parked = world.park({ wait: 0, ...ask }, on);
  await world.delivered(parked);
  const { outcome } = parked;
  if (!outcome || 'problem' in outcome) throw new Error('no answer');
  return outcome.answer;
}

describe('GetUpdates: answers given again', () => {
  it('[GU80] a large answer is given again, byte for byte, to who asks the same later and has nothing else to hear', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    await world.ok('a', { set: LARGE });
    const first = await answerOf(world, { marker });
    await world.pass(500);
    const calls = world.at(0).cache.calls.length;
    assert.equal((await answerOf(world, { marker })).body, first.body);
    assert.ok(world.at(0).cache.calls.length > calls, 'it was looked at all the same');
    assert.equal(world.at(0).counts.get('answers_given_again'), 1);
    const snapshot = await answerOf(world);
    assert.equal((await answerOf(world)).body, snapshot.body);
    assert.notEqual(snapshot.body, first.body);
  });

  it('[GU81] whatever has changed by then is told, through whichever instance it came', async () => {
    const world = new EngineWorld({}, 1);
    world.start({}, { deaf: true });
    const { marker } = await world.snapshot();
    await world.ok('a', { set: LARGE });
    await world.ok('b', { set: LARGE });
    const asks: readonly Ask[] = [{}, { marker }, { marker, durable: true }, { marker, limit: 1 }, { ids: ['a*'] }];
    const changes = [
      () => world.ok('a', { set: `${LARGE}y` }, { on: 1 }),
      () => world.ok('a', { delete: true }, { on: 1 }),
      () => world.ok('a', { set: LARGE }, { on: 1 }),
    ];
    for (const change of changes) {
      const before = await Promise.all(asks.map((ask) => answerOf(world, ask)));
      const { version } = await change();
      for (const [i, ask] of asks.entries()) {
        const after = await answerOf(world, ask);
        assert.notEqual(after.body, before[i]?.body);
        const items: { id: string; version: number; deleted?: true }[] = JSON.parse(after.body.toString()).items;
        const told = items.find(({ id }) => id === 'a');
        assert.ok(told === undefined ? ask.marker === undefined : told.version === version, JSON.stringify(ask));
      }
    }
  });

  it('[GU82] what was stored meanwhile, and who came, make another answer', async () => {
    const people = new People();
    const { world } = people;
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: LARGE });
    const unsaved = await answerOf(world);
    await world.pass(N + 1_000);
    const alone = await answerOf(world);
    assert.notEqual(alone.body, unsaved.body);
    assert.equal(JSON.parse(alone.body.toString()).items[0].durableVersion, 2);
    await people.join('ann');
    assert.deepEqual((await people.here()).join(), 'ann');
    await people.leave('ann');
    assert.deepEqual((await people.here()).join(), '');
  });

  it('[GU83] the marker of an answer that is given again goes on: nothing is skipped, nothing comes twice', async () => {
    const world = new EngineWorld({}, 2);
    const { marker } = await world.snapshot();
    for (const id of ['a', 'b', 'c']) await world.ok(id, { set: LARGE });
    await answerOf(world, { marker }, 1);
    for (let round = 0; round < 6; round++) {
      await world.pass(1_500);
      const again = await answerOf(world, { marker }, 1);
      const empty = await world.poll({ marker: again.marker }, 1);
      assert.deepEqual([empty.items, empty.upToDate], [[], true]);
    }
    const last = await answerOf(world, { marker }, 1);
    const parked = world.park({ marker: last.marker }, 1);
    await world.settle();
    await world.ok('b', { set: 'new' });
    await world.pass(200);
    assert.deepEqual(
      parked.response.items.map(({ id }) => id),
      ['b'],
    );
  });

  it('[GU84] after 10 s it is made anew; a small one always', async () => {
    const world = new EngineWorld();
    const { marker } = await world.snapshot();
    await world.ok('a', { set: LARGE }, { release: true });
    const first = await answerOf(world, { marker });
    await world.pass(KEEP_MS - 1_000, 500);
    assert.equal((await answerOf(world, { marker })).body, first.body);
    await world.pass(1_500, 500);
    assert.notEqual((await answerOf(world, { marker })).body, first.body);
    const small = await answerOf(world, { ids: ['none'] });
    assert.notEqual((await answerOf(world, { ids: ['none'] })).body, small.body);
  });

  it('[GU84] memory for them is bounded: a huge answer is not kept', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 10; i++) await world.ok(`a${i}`, { set: 'x'.repeat(200_000) });
    const first = await answerOf(world);
    assert.ok(first.body.length > 2_000_000);
    assert.notEqual((await answerOf(world)).body, first.body);
  });

  it('[GU85] deltas come where they have fewer bytes than the value, else the value', async () => {
    const world = new EngineWorld();
    await world.ok('long', { set: { text: LARGE } });
    await world.ok('short', { set: { text: 'y' } });
    const { marker } = await world.snapshot();
    await world.ok('long', { merge: { x: 1 } });
    await world.ok('short', { merge: { more: LARGE } });
    await world.ok('short', { merge: { more: null } });
    const { items } = await world.poll({ marker });
    const [long, short] = items;
    assert.ok(long && 'deltas' in long, JSON.stringify(items).slice(0, 200));
    assert.deepEqual(
      long.deltas.map(({ op }) => op),
      [{ merge: { x: 1 } }],
    );
    assert.ok(short && 'value' in short, JSON.stringify(items).slice(-300));
    assert.deepEqual(short.value, { text: 'y' });
  });
});
