import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readStreamPath } from '../../src/core/streams/stream-path.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { isId } from '../../src/protocol/ids.ts';
import { formatOffset, nextCursor, parseOffset } from '../../src/protocol/streams.ts';
import { EngineWorld, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { allOps, archived } from '../support/history.ts';
import { failWrites, problemOf, StreamWorld, storedParts } from '../support/streams.ts';

const MIB = 1024 * 1024;

describe('streams by their names', () => {
  it('[DS10] a path is an item, and no two paths are the same one', () => {
    const item = (path: string) => readStreamPath(`/v1/stream/${path}`).item;
    assert.deepEqual(
      ['s/a', 's/a/b.c-d_e', 's', 's/', 's/a%20b', 's/~', 's/a:b', 's/..', 's/%C3%A9', 's/a%2Fb'].map(item),
      ['a', 'a:b.c-d_e', '~~', '~~', 'a~20b', '~7e', 'a~3ab', '~2e.', '~c3~a9', 'a~2fb'],
    );
    const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
    const path = fc.array(segment, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(path, path, (one, other) => {
        const [a, b] = [one, other].map((segments) => item(`s/${segments.map(encodeURIComponent).join('/')}`));
        assert.ok(isId(a), a);
        assert.equal(a === b, one.join('\0') === other.join('\0'), `${one} ${other}`);
      }),
    );
    for (const bad of ['/v1/stream/', '/v1/stream/%20/a', '/v1/stream/s/%ff', '/elsewhere'])
      assert.throws(() => readStreamPath(bad), ProblemError, bad);
  });

  it('[DS11] offsets sort as positions do, and come back as they went', () => {
    const position = fc.nat({ max: 2 ** 40 });
    fc.assert(
      fc.property(position, position, fc.nat(), (one, other, born) => {
        const [a, b] = [formatOffset(one, `${born}.0`), formatOffset(other, `${born}.0`)];
        assert.equal(Math.sign(one - other), a < b ? -1 : a > b ? 1 : 0);
        assert.deepEqual(parseOffset('offset', a), { at: one, lineage: `${born}.0` });
      }),
    );
    for (const bad of ['', '1', '0000000000000001', '0000000000000001_', '0000000000000001_1', '../../etc', '1_2,3'])
      assert.throws(() => parseOffset('offset', bad), ProblemError, bad);
  });

  it('[DS12] cursors go on', () => {
    const now = Date.UTC(2026, 0, 1);
    const plain = Number(nextCursor(now, undefined, 0));
    assert.equal(Number(nextCursor(now + 20_000, undefined, 0)), plain + 1);
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (brought, fraction) => {
        const next = Number(nextCursor(now, String(brought), fraction));
        assert.ok(next > brought && next >= plain);
      }),
    );
    assert.equal(nextCursor(now, 'x'.repeat(50), 0), String(plain));
  });
});

describe('streams', () => {
  it('[LG5] [LG7] messages are operations, and the row does not grow with them', async () => {
    const world = new EngineWorld({ durableAlways: true });
    await world.ok('l', { create: {} }, { kind: 'log' });
    for (let n = 0; n < 300; n++) await world.ok('l', { append: [{ n, filling: '.'.repeat(200) }, n] });
    const { nextIndex } = await world.ok('l', { close: true });
    assert.equal(nextIndex, 601);
    const all = await allOps(world, 'l', { limit: 77 });
    assert.deepEqual(all.length, 600);
    assert.deepEqual(all[599], { append: [299] });
    assert.ok((await archived(world)).length > 0);
    assert.ok(JSON.stringify(await world.row('l')).length < 12_000);
  });

  it('[LG6] a durable log is stored before each answer', async () => {
    const world = new EngineWorld();
    for (const [item, durable] of [
      ['safe', true],
      ['fast', false],
    ] as const) {
      await world.ok(item, { create: { durable } }, { kind: 'log' });
      const { version, durableVersion } = await world.ok(item, { append: [1] });
      assert.equal(durableVersion === version, durable, item);
      assert.equal((await world.row(item))?.v === version, durable, item);
    }
    await world.pass(6_000);
    assert.equal((await world.row('fast'))?.v, (await world.head('fast'))?.v);
  });

  it('[DS13] an offset of a log that was deleted does not pass for one of the next', async () => {
    const world = new StreamWorld();
    const { next } = await world.append('a', 'one');
    await world.run(world.streams().delete(world.place('a'), world.caller));
    await world.append('a', 'two');
    await world.append('a', 'three');
    assert.equal(await problemOf(world.read('a', next)), 'gone');
    assert.equal((await world.read('a')).text, 'twothree');
  });

  it('[DS17] an item of another kind is no stream', async () => {
    const world = new StreamWorld();
    await world.ok('a', { set: 1 });
    for (const call of [world.create('a', 'x'), world.read('a'), world.delete('a')])
      assert.equal(await problemOf(call), 'kindMismatch');
  });

  it('[DS20] [DS23] large appends are stored beside the log, and read in pages', async () => {
    const world = new StreamWorld({ durableAlways: true });
    const large = Buffer.from(Array.from({ length: 4 * MIB }, (_, i) => i % 251));
    await world.append('a', large);
    await world.append('a', 'end');
    assert.ok(JSON.stringify(await world.row('a')).length < 8_000);
    assert.ok(JSON.stringify(await world.head('a')).length < 8_000);
    const pieces: Buffer[] = [];
    let at = 0;
    for (;;) {
      const page = await world.page('a', at);
      if (page.messages.length === 0) break;
      const bytes = Buffer.concat(
        page.messages.map((message) => ('bytes' in message ? message.bytes : Buffer.alloc(0))),
      );
      assert.ok(bytes.length <= 768 * 1024 + 3, String(bytes.length));
      pieces.push(bytes);
      at = page.next;
    }
    assert.ok(Buffer.concat(pieces).equals(Buffer.concat([large, Buffer.from('end')])));
  });

  it('[DS24] no page of a large text ends within a character', async () => {
    const world = new StreamWorld({ durableAlways: true });
    const text = `a${'é€'.repeat(200_000)}`;
    await world.append('a', text);
    let found = '';
    for (let at = 0; found.length < text.length; ) {
      const page = await world.page('a', at);
      for (const message of page.messages) found += 'bytes' in message ? message.bytes.toString() : '';
      at = page.next;
    }
    assert.ok(found === text);
  });

  it('[DS21] what was stored for a refused append goes', async () => {
    const world = new StreamWorld();
    await world.append('a', 'x', { producer: ['p', 0, 0] });
    const large = 'y'.repeat(100_000);
    await world.append('a', large, { producer: ['p', 0, 1] });
    const parts = await storedParts(world);
    assert.ok(parts.length > 0);
    const outcome = await world.append('a', large, { producer: ['p', 0, 1] });
    assert.equal(outcome.duplicate, 1);
    await world.append('a', large, { producer: ['p', 0, 7] });
    assert.deepEqual(await storedParts(world), parts);
  });

  it('[DS22] whoever asks again fills a stream that was made and never filled', async () => {
    const world = new StreamWorld({}, 2);
    const large = 'z'.repeat(100_000);
    failWrites(world, /part-/);
    assert.equal(await problemOf(world.create('a', large)), 'storeUnavailable');
    world.at(0).kill();
    assert.equal(await problemOf(world.read('a', undefined, 1)), 'notFound');
    assert.deepEqual(await world.create('a', large, 1), { created: true });
    assert.equal((await world.read('a', undefined, 1)).text, large);
    assert.deepEqual(await world.create('a', large, 1), { created: false });
    assert.equal((await world.read('a', undefined, 1)).text, large);
  });

  it('[DS30] a wait ends with an append or the close, on another instance', async () => {
    const world = new StreamWorld({}, 2);
    const { next } = await world.append('a', 'one');
    for (const close of [false, true]) {
      const tail = (await world.page('a', 0)).next;
      let log: unknown;
      const run = { cancelled: false, unpark: () => {} };
      void world
        .streams(1)
        .wait(world.place('a'), { at: tail, lineage: next.split('_').slice(1).join('.') }, run)
        .then((found) => (log = found?.state));
      await world.pass(3_000);
      assert.equal(log, undefined);
      await world.append('a', close ? undefined : 'more', { close });
      await world.pass(500);
      assert.ok(log !== undefined, `close: ${close}`);
    }
  });

  it('[DS31] a stream lives while it is used, and no longer', async () => {
    const world = new StreamWorld({}, 2);
    await world.create('a', 'x', 0, { ttl: 100 });
    await world.create('b', 'x', 0, { expires: new Date(world.clock.now() + 200_000).toISOString() });
    for (let turn = 0; turn < 5; turn++) {
      await world.pass(90_000, 1_000);
      assert.equal((await world.read('a', undefined, turn % 2)).text, 'x', String(turn));
      await world.settle();
    }
    assert.equal(await problemOf(world.read('b')), 'notFound');
    await world.pass(2_000);
    world.restartCache();
    await world.pass(60_000, 1_000);
    assert.equal((await world.read('a', undefined, 1)).text, 'x');
    await world.settle();
    world.restartCache();
    await world.pass(110_000, 1_000);
    assert.equal(await problemOf(world.read('a')), 'notFound');
    assert.deepEqual(await world.create('a', 'y'), { created: true });
    assert.equal((await world.read('a')).text, 'y');
  });

  it('[DS33] a stream that has expired goes though nobody asks for it, and its note with it; one that is used stays', async () => {
    const world = new StreamWorld({}, 2);
    const notes = () => world.at(0).store.list(SPACE, 'expiry', '', 10);
    const expires = new Date(world.clock.now() + 1_000_000).toISOString();
    await world.create('sliding', 'x', 0, { ttl: 1_000 });
    await world.create('fixed', 'x', 0, { expires });
    await world.create('used', 'x', 0, { ttl: 1_000 });
    await world.create('ever', 'x');
    assert.deepEqual(await notes(), ['fixed', 'sliding', 'used']);
    const ended: number[] = [];
    for (let minute = 0; minute < 20; minute++) {
      await world.pass(60_000, 10_000);
      await world.read('used');
      await world.settle();
      ended.push(await world.run(world.streams(1).sweeps.run()));
    }
    assert.deepEqual(
      ended.filter((count) => count > 0),
      [1, 1],
    );
    assert.deepEqual(await notes(), ['used']);
    assert.deepEqual([(await world.head('sliding'))?.dead, (await world.head('fixed'))?.dead], [true, true]);
    assert.equal((await world.read('used')).text, 'x');
    await world.pass(1_100_000, 10_000);
    assert.equal(await world.run(world.streams(1).sweeps.run()), 1);
    assert.deepEqual(await notes(), []);
    assert.equal((await world.read('ever')).text, 'x');
  });

  it('[DS33] one that was begun anew meanwhile keeps its note; one that never came to be leaves none', async () => {
    const world = new StreamWorld();
    const { store } = world.at(0);
    const notes = () => store.list(SPACE, 'expiry', '', 10);
    failWrites(world, /^(a|b)$/);
    for (const name of ['a', 'b']) await problemOf(world.create(name, 'x', 0, { ttl: 1_000 }));
    failWrites(world, undefined);
    assert.deepEqual(await notes(), ['a', 'b']);
    await world.pass(1_100_000, 10_000);
    const look = hold(store, 'transact', /^expiry\/a/);
    const swept = world.streams().sweeps.run();
    await reached(world, look);
    await world.create('a', 'new', 0, { ttl: 1_000 });
    look.open();
    assert.equal(await world.run(swept), 0);
    assert.deepEqual(await notes(), ['a']);
    assert.equal((await world.read('a')).text, 'new');
  });

  it('[DS33] a failure over one stream does not keep the others, and it comes again', async () => {
    const world = new StreamWorld();
    for (const name of ['a', 'b', 'c']) await world.create(name, 'x', 0, { ttl: 1_000 });
    await world.pass(1_100_000, 10_000);
    failWrites(world, /^b$/);
    assert.equal(await world.run(world.streams().sweeps.run()), 2);
    failWrites(world, undefined);
    assert.equal(await world.run(world.streams().sweeps.run()), 1);
  });

  it('[DS32] a source goes with its last fork', async () => {
    const world = new StreamWorld();
    await world.create('a', 'x');
    failWrites(world, /^f0$/);
    assert.equal(await problemOf(world.fork('f0', 'a')), 'storeUnavailable');
    failWrites(world, undefined);
    await world.fork('f1', 'a');
    await world.append('f1', 'y');
    await world.delete('a');
    assert.equal((await world.read('f1')).text, 'xy');
    assert.equal(await problemOf(world.create('a', 'new')), 'conflict');
    await world.delete('f1');
    await world.pass(61_000, 1_000);
    assert.deepEqual(await world.create('a', 'new'), { created: true });
    assert.equal((await world.read('a')).text, 'new');
  });

  it('[DS40] a stream keeps what was acknowledged when the cache is lost', async () => {
    const world = new StreamWorld({}, 2);
    const { next } = await world.append('a', 'one ');
    for (let n = 0; n < 30; n++) await world.append('a', `${n} `);
    world.restartCache();
    await world.pass(15_000);
    assert.equal((await world.read('a', next, 1)).text, Array.from({ length: 30 }, (_, n) => `${n} `).join(''));
    const more = await world.append('a', 'more');
    assert.equal((await world.read('a', more.next, 1)).text, '');
    assert.match((await world.read('a', undefined, 1)).text, / 29 more$/);
  });

  it('[DS41] a stream that is not durable goes back by what was not stored', async () => {
    const world = new StreamWorld({}, 2);
    await world.create('a', 'kept ', 0, { durable: false });
    const { next } = await world.append('a', 'also ');
    await world.pass(7_000);
    await world.append('a', 'lost ');
    const { next: lost } = await world.append('a', 'lost ');
    world.at(0).kill();
    world.restartCache();
    await world.pass(15_000);
    assert.equal(await problemOf(world.read('a', lost, 1)), 'recovering');
    await world.pass(15_000);
    assert.equal(await problemOf(world.read('a', lost, 1)), 'gone');
    await world.append('a', 'new', { on: 1 });
    assert.equal(await problemOf(world.read('a', lost, 1)), 'gone');
    assert.equal((await world.read('a', next, 1)).text, 'new');
    assert.equal((await world.read('a', undefined, 1)).text, 'kept also new');
  });
});
