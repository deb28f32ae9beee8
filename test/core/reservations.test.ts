import assert from 'node:assert/strict';
import { DEFAULT_SETTINGS } from '../../src/core/people-types.ts';
import { Contention, RESERVED_MS } from '../support/contention.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';
import { People } from '../support/people.ts';

const TEXT = 'one two three four five six';
const PLACE = 8;

const begin = (world = new EngineWorld({}, 2)) => new Contention(world).create(TEXT);

describe('reservations in texts', () => {
  it('[RV1] three refusals in a row at a place reserve it; others are told who has it, and for how long', async () => {
    const there = await begin();
    assert.equal((await there.refuse('slow', PLACE, 2)).reserved, undefined);
    const third = await there.refuse('slow', PLACE);
    assert.deepEqual(third.reserved, { holder: 'slow', ttlMs: RESERVED_MS });
    assert.ok(third.result === 'conflict' && (third.missed as unknown[]).length === 1, 'and what was in the way');
    await there.world.pass(500);
    const refused = await there.write('quick', [PLACE + 1, 0, 'q'], { on: 1 });
    assert.ok(refused.result === 'conflict' && refused.version === there.version && refused.value === undefined);
    assert.deepEqual(refused.with, [{ version: there.version, clientId: 'slow', from: PLACE, to: PLACE + 1 }]);
    const { holder, ttlMs = 0 } = refused.reserved ?? {};
    assert.ok(holder === 'slow' && ttlMs > 0 && ttlMs <= RESERVED_MS - 500, `${ttlMs}`);
    assert.equal((await there.write('quick', [PLACE + 2, 0, '-'])).result, 'ok', 'beside it they are merged');
    assert.equal((await there.write('quick', [0, 0, '-'])).result, 'ok');
    assert.equal((await there.write('slow', [PLACE + 1, 0, 's'])).result, 'ok');
    assert.equal(await there.text(1), '-one two sqq-qthree four five six');
  });

  it('[RV1] who was turned away is told what was missed, and whose refusals those are does not count', async () => {
    const there = await begin();
    await there.refuse('slow', PLACE, 3);
    await there.write('third', [0, 0, '-']);
    for (let i = 0; i < 5; i++) {
      const refused = await there.write('quick', [PLACE + 1, 0, 'q']);
      assert.ok(refused.result === 'conflict' && refused.reserved?.holder === 'slow');
      assert.deepEqual(refused.missed, []);
    }
    const late = await there.write('quick', [PLACE, 0, 'q'], { base: there.version - 1 });
    assert.ok(late.result === 'conflict' && (late.missed as { version: number }[])[0]?.version === there.version);
  });

  it('[RV2] not counted: what comes without a number, and what is long ago', async () => {
    const there = await begin();
    for (let i = 0; i < 5; i++) {
      const base = there.version;
      await there.write('quick', [PLACE, 0, 'q']);
      const nameless = await there.world.post('t', { base, edits: [[PLACE, 0, 's']] }, { clientId: 'slow' });
      assert.ok(nameless.result === 'conflict' && !('reserved' in nameless));
    }
    assert.equal((await there.world.head('t'))?.contest, undefined);
    await there.refuse('slow', PLACE, 2);
    await there.world.pass(61_000, 1_000);
    assert.equal((await there.refuse('slow', PLACE, 2)).reserved, undefined);
    assert.notEqual((await there.refuse('slow', PLACE)).reserved, undefined);
  });

  it('[RV2] refusals count through whichever instance they come, and one that was given needs three more', async () => {
    const there = await begin(new EngineWorld({}, 3));
    for (const on of [0, 1]) assert.equal((await there.refuse('slow', PLACE, 1, on)).reserved, undefined);
    assert.notEqual((await there.refuse('slow', PLACE, 1, 2)).reserved, undefined);
    await there.world.pass(RESERVED_MS + 500, 250);
    for (const on of [1, 2]) assert.equal((await there.refuse('slow', PLACE, 1, on)).reserved, undefined);
    assert.notEqual((await there.refuse('slow', PLACE, 1, 0)).reserved, undefined);
    assert.equal(there.world.instances.map(({ counts }) => counts.get('places_reserved') ?? 0).join(), '1,0,1');
  });

  it('[RV3] the place grows with what its borders get, and shrinks with what is deleted around it', async () => {
    const there = await begin();
    const base = there.version;
    await there.write('quick', [4, 3, 'TWO']);
    const own = { base, on: 1 };
    assert.equal((await there.write('slow', [5, 1, 'w'], own)).result, 'conflict');
    await there.refuse('slow', 5, 2);
    assert.equal((await there.write('quick', [0, 3, ''])).result, 'ok', 'what is before it goes');
    const inIt = await there.write('third', [2, 0, 'x']);
    assert.deepEqual(inIt.result === 'conflict' && inIt.with, [
      { version: there.version, clientId: 'slow', from: 2, to: 3 },
    ]);
    assert.equal((await there.write('third', [1, 0, 'x'])).result, 'ok');
    assert.equal((await there.write('third', [5, 0, 'x'])).result, 'ok');
  });

  it('[RV4] the next accepted edit of the holder ends it, wherever that is', async () => {
    const there = await begin();
    await there.refuse('slow', PLACE, 3);
    assert.equal((await there.write('slow', [0, 0, '-'])).result, 'ok');
    assert.equal((await there.world.head('t'))?.contest, undefined, 'and nothing is left of it');
    assert.equal((await there.write('quick', [PLACE + 1, 0, 'q'], { on: 1 })).result, 'ok');
  });

  it('[RV5] it ends by the clock of the cache, whatever those of the servers say, and with its record', async () => {
    const world = new EngineWorld({}, 0);
    world.start({}, { skewMs: 3_600_000 });
    world.start({}, { skewMs: -3_600_000 });
    const there = await begin(world);
    await there.refuse('slow', PLACE, 3);
    await world.pass(RESERVED_MS - 500, 250);
    const refused = await there.write('quick', [PLACE, 0, 'q']);
    assert.equal(refused.result, 'conflict');
    assert.ok((refused.reserved?.ttlMs ?? -1) >= 0 && (refused.reserved?.ttlMs ?? 9_999) <= RESERVED_MS);
    await world.pass(1_000, 250);
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
    await there.refuse('slow', PLACE, 3);
    assert.equal(await world.evict(/^k\//), 1);
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
    assert.equal((await world.head('t'))?.contest, undefined);
  });

  it('[RV6] it ends when its holder leaves, and nobody else is freed', async () => {
    const people = new People(2);
    const there = await begin(people.world);
    await people.join('slow');
    await people.join('other');
    await there.refuse('slow', PLACE, 3);
    await people.leave('other');
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'conflict');
    await people.leave('slow', undefined, { on: 1 });
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
  });

  it('[RV7] of eight writers refusals are counted, of an operation at most four places are reserved', async () => {
    const there = await begin();
    await there.refuse('slow', PLACE, 2);
    for (let i = 0; i < 8; i++) await there.refuse(`c${i}`, 0);
    assert.equal((await there.refuse('slow', PLACE + 8)).reserved, undefined, 'forgotten');
    const many = [0, 2, 4, 6, 8, 10];
    for (let i = 0; i < 3; i++) {
      const base = there.version;
      const edits = (ins: string) => ({ base, edits: many.map((at) => [at, 0, ins]) });
      ({ version: there.version } = await there.world.ok('t', edits('q'), { clientId: 'quick', seq: 100 + i }));
      await there.world.post('t', edits('s'), { clientId: 'manifold', seq: 100 + i });
    }
    const { contest } = (await there.world.head('t')) ?? {};
    assert.deepEqual([contest?.kept?.holder, contest?.kept?.at.length], ['manifold', 4]);
    assert.ok(JSON.stringify(contest).length < 2_000);
  });

  it('[RV8] the repeat of a refusal says what the first answer said, also when it is over, and is never accepted', async () => {
    const there = await begin();
    const granted = await there.refuse('slow', PLACE, 3);
    const turnedAway = await there.write('quick', [PLACE + 1, 0, 'q']);
    for (const on of [0, 1]) {
      const [first, second] = [await there.repeat('slow', on), await there.repeat('quick', on)];
      assert.deepEqual([first.reserved, first.result], [granted.reserved, 'conflict']);
      assert.deepEqual(second, { ...turnedAway, with: [], durableVersion: 1 });
    }
    await there.world.pass(RESERVED_MS + 500, 250);
    await there.write('third', [0, 0, '-']);
    const later = await there.repeat('quick');
    assert.ok(later.result === 'conflict' && later.version === there.version && later.value === undefined);
    assert.equal((later.missed as unknown[]).length, 1);
    assert.equal(await there.text(1), '-one two qqqthree four five six');
  });

  it('[RV9] without the setting nothing is counted; with it a text that nobody was refused in costs the same', async () => {
    const costs: unknown[] = [];
    for (const wanted of [false, true]) {
      const world = new EngineWorld();
      const there = await new Contention(world, { wanted }).create(TEXT);
      const { cache } = world.at(0);
      cache.calls.length = 0;
      for (let i = 0; i < 10; i++) await there.write('quick', [i, 0, 'q']);
      await there.write('slow', [20, 0, 's'], { base: there.version - 1 });
      const merged = (await world.record('i/board/t'))?.length;
      costs.push([cache.calls.map(({ name }) => name).join(), merged]);
    }
    assert.deepEqual(costs[0], costs[1]);
    const there = await new Contention(new EngineWorld(), { wanted: false }).create(TEXT);
    const { calls } = there.world.at(0).cache;
    await there.refuse('slow', PLACE, 3);
    assert.ok(!calls.some(({ keys }) => keys.some((key) => key.startsWith('k/'))));
    assert.equal((await there.refuse('slow', PLACE, 3)).reserved, undefined);
    assert.ok(!('contest' in ((await there.world.head('t')) ?? {})));
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
    assert.equal(DEFAULT_SETTINGS.textReservations, false);
  });

  it('[RV9] a refusal that is counted costs the round trips of one that is not; only what touches the place asks for its lease', async () => {
    const trips: string[] = [];
    for (const wanted of [false, true]) {
      const there = await new Contention(new EngineWorld(), { wanted }).create(TEXT);
      await there.refuse('slow', PLACE);
      const { calls } = there.world.at(0).cache;
      calls.length = 0;
      await there.refuse('slow', PLACE);
      trips.push(calls.map(({ name }) => name).join());
      if (!wanted) continue;
      await there.refuse('slow', PLACE);
      calls.length = 0;
      await there.write('quick', [0, 0, '-']);
      assert.deepEqual(
        calls.map(({ name }) => name),
        ['casThenGet'],
      );
    }
    assert.equal(trips[0], trips[1]);
  });

  it('[RV10] a delete passes, and what comes after it or after a loss of the cache has nothing reserved', async () => {
    const there = await begin();
    await there.refuse('slow', PLACE, 3);
    await there.world.ok('t', { delete: true });
    await there.world.ok('t', { create: { text: TEXT } }, { kind: 'text' });
    assert.equal((await there.world.head('t'))?.contest, undefined);
    there.version = (await there.world.head('t'))?.v ?? 0;
    await there.refuse('slow', PLACE, 3);
    await there.world.pass(100);
    there.world.restartCache();
    await there.world.pollProblem();
    await there.world.pass(3 * N, 250);
    const [item] = (await there.world.snapshot()).items;
    there.version = item?.version ?? 0;
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'ok');
  });

  it('[RV10] a text that goes on from its head keeps what is reserved: locks, and the same again', async () => {
    const there = await begin();
    const { world } = there;
    world.clients.join('quick');
    await there.refuse('slow', PLACE, 3);
    const lock = await world.run(
      world.at(0).engine.lock('board' as never, 't' as never, { clientId: 'quick' }, { subject: 'anonymous' }, true),
    );
    assert.equal(lock.result, 'granted');
    assert.equal((await world.head('t'))?.contest?.kept?.holder, 'slow');
    await world.run(world.at(0).engine.unlock('board' as never, 't' as never, 'quick', { subject: 'anonymous' }, true));
    there.version = (await world.head('t'))?.v ?? 0;
    assert.equal((await there.write('quick', [PLACE, 0, 'q'])).result, 'conflict');
  });

  it('[RV11] by whole lines where edits of one line touch', async () => {
    const there = await new Contention(new EngineWorld({}, 2)).create('first line\nsecond line\nthird line', 'line');
    assert.notEqual((await there.refuse('slow', 14, 3)).reserved, undefined);
    const refused = await there.write('quick', [11, 0, 'q'], { on: 1 });
    assert.deepEqual(refused.result === 'conflict' && refused.with, [
      { version: there.version, clientId: 'slow', from: 11, to: 25 },
    ]);
    assert.equal((await there.write('quick', [10, 0, 'q'])).result, 'ok');
    assert.equal((await there.write('quick', [28, 0, 'q'])).result, 'ok');
  });
});
