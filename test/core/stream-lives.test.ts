import assert from 'node:assert/strict';
import { MAX_FORK_DEPTH, MAX_FORKS_OF_LOG, MAX_LOG_MESSAGES } from '../../src/protocol/limits.ts';
import { hold, reached } from '../support/gates.ts';
import { failWrites, problemOf, StreamWorld, storedParts } from '../support/streams.ts';

describe('lives of streams', () => {
  it('[DS25] a large append to a stream that was made anew meanwhile is refused, and spoils nothing', async () => {
    const world = new StreamWorld({}, 2);
    await world.create('a', 'old ');
    const stored = hold(world.at(0).store, 'transact', /part-/);
    const call = world.append('a', 'z'.repeat(100_000));
    await reached(world, stored);
    await world.run(world.streams(1).delete(world.place('a'), world.caller));
    await world.create('a', 'new ', 1);
    stored.open();
    const outcome = await call;
    assert.equal('reason' in outcome && outcome.reason, 'absent');
    assert.equal((await world.read('a', undefined, 1)).text, 'new ');
    assert.deepEqual(await storedParts(world), []);
  });

  it('[DS36] a stream that is used in the moment of its expiry lives on', async () => {
    const world = new StreamWorld({}, 2);
    await world.create('a', 'one ', 0, { ttl: 1_000 });
    await world.pass(1_040_000, 10_000);
    const read = hold(world.at(1).engine, 'readStanding', /board/, 'after');
    const found = world.run(world.streams(1).find(world.place('a')));
    await reached(world, read);
    await world.append('a', 'two');
    await world.pass(20_000, 10_000);
    read.open();
    await found;
    assert.equal((await world.read('a')).text, 'one two');
  });
});

describe('forks', () => {
  it('[DS37] a fork keeps what it stands on though its source is not durable and the cache is lost', async () => {
    const world = new StreamWorld({}, 2);
    await world.create('a', 'one ', 0, { durable: false });
    await world.pass(7_000);
    await world.append('a', 'two ');
    await world.fork('f', 'a');
    await world.append('a', 'lost ');
    await world.append('f', 'three');
    world.at(0).kill();
    world.restartCache();
    await world.pass(40_000);
    assert.equal((await world.read('f', undefined, 1)).text, 'one two three');
    assert.equal((await world.read('a', undefined, 1)).text, 'one two ');
    await world.run(world.streams(1).delete(world.place('a'), world.caller));
    assert.equal((await world.read('f', undefined, 1)).text, 'one two three');
  });

  it('[DS38] goes back through no more others than can be read', async () => {
    const world = new StreamWorld();
    await world.create('f0', '0 ');
    for (let n = 1; n <= MAX_FORK_DEPTH; n++) {
      await world.fork(`f${n}`, `f${n - 1}`);
      await world.append(`f${n}`, `${n} `);
    }
    const whole = Array.from({ length: MAX_FORK_DEPTH + 1 }, (_, n) => `${n} `).join('');
    assert.equal((await world.read(`f${MAX_FORK_DEPTH}`)).text, whole);
    assert.equal(await problemOf(world.fork('more', `f${MAX_FORK_DEPTH}`)), 'quotaExceeded');
    assert.equal(await problemOf(world.read('more')), 'notFound');
  });

  it('[DS32] forks that never came to be take no room, and hold no source', async () => {
    const world = new StreamWorld();
    await world.create('a', 'x');
    failWrites(world, /^f$/);
    for (let n = 0; n < MAX_FORKS_OF_LOG; n++) assert.equal(await problemOf(world.fork('f', 'a')), 'storeUnavailable');
    failWrites(world, undefined);
    assert.equal(await problemOf(world.fork('f', 'a')), 'quotaExceeded');
    await world.pass(61_000, 1_000);
    await world.fork('f', 'a');
    assert.equal((await world.read('f')).text, 'x');
    await world.delete('f');
    failWrites(world, /^f$/);
    assert.equal(await problemOf(world.fork('f', 'a')), 'storeUnavailable');
    failWrites(world, undefined);
    await world.pass(61_000, 1_000);
    await world.delete('a');
    assert.equal(await problemOf(world.read('a')), 'notFound');
  });

  it('[DS38] takes over a bounded part of what follows its offset', async () => {
    const world = new StreamWorld();
    const config = { type: 'application/json', durable: true };
    const values = Array.from({ length: 9 }, () => 'x'.repeat(600_000));
    const made = { config, closed: false };
    await world.run(world.streams().create(world.place('a'), made, world.caller));
    for (const value of values)
      await world.run(
        world.streams().append(world.place('a'), { body: () => ({ values: [value] }), close: false }, world.caller),
      );
    const fork = (sub: number) => {
      const wanted = { ...made, fork: { source: world.place('a'), offset: { at: 0 }, sub } };
      return world.run(world.streams().create(world.place(`f${sub}`), wanted, world.caller));
    };
    assert.equal(await problemOf(fork(MAX_LOG_MESSAGES + 1)), 'tooLarge');
    assert.equal(await problemOf(fork(8)), 'tooLarge');
    await fork(2);
    assert.equal((await world.page('f2', 0)).messages.length, 1);
  });
});
