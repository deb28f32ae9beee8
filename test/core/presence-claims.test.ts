import assert from 'node:assert/strict';
import { claimed } from '../../src/core/presence/claims.ts';
import { claimName, decodeClaims } from '../../src/model/claims-record.ts';
import { claimsKey } from '../../src/model/keys.ts';
import { Seeded } from '../simulation/seeded.ts';
import { type EngineWorld, type ParkedPoll, SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { People } from '../support/people.ts';

const codeOf = (poll: ParkedPoll) => poll.problem?.code;
const isClaim = ({ name, keys }: { readonly name: string; readonly keys: readonly string[] }) =>
  (name === 'cas' || name === 'add') && keys[0]?.startsWith('c/') === true;

/** Writes of claims through these instances so far. */
function claims(world: EngineWorld): number {
  return world.instances.reduce((sum, { cache }) => sum + cache.calls.filter(isClaim).length, 0);
}

describe('clients: two polls at two instances', () => {
  it('[PR15] the newer one ends the older one within about a second, whichever instance it is at', async () => {
    const people = new People(3);
    const { world } = people;
    await people.join('ann');
    const { marker } = await people.join('bob');
    let older = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
    const stays = [
      world.park({ marker, clientId: 'bob', wait: 50 }, 1),
      world.park({ marker, wait: 50 }, 0),
      world.park({ marker, clientId: 'ann', wait: 50 }, 2, SPACE, 'somebody else'),
    ];
    await world.pass(1_500, 100);
    for (const on of [1, 2, 1, 0, 2]) {
      const newer = world.park({ marker, clientId: 'ann', wait: 50 }, on);
      await world.pass(1_000, 50);
      assert.deepEqual([codeOf(older), older.outcome && newer.outcome], ['superseded', undefined]);
      older = newer;
    }
    await world.pass(5_000, 250);
    for (const poll of [...stays, older]) assert.ok(!poll.problem);
    await world.ok('a', { set: 1 });
    await world.pass(100);
    assert.equal(older.response.items.length, 1);
  });

  it('[PR15] without hints it takes at most 3 s', async () => {
    const people = new People(0);
    const { world } = people;
    for (const deaf of [true, true]) world.start({}, { deaf });
    const { marker } = await people.join('ann');
    const older = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
    await world.pass(5_000, 250);
    const newer = world.park({ marker, clientId: 'ann', wait: 50 }, 1);
    await world.pass(3_000, 50);
    assert.deepEqual([codeOf(older), newer.outcome], ['superseded', undefined]);
  });

  it('[PR15] also where the older one is with an instance that has not claimed it for long, and where the record was lost', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    for (let turn = 0; turn < 6; turn++) {
      const poll = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
      await world.pass(45_000, 1_000);
      poll.cancel();
    }
    const older = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
    await world.pass(1_000, 100);
    assert.equal(await world.record(claimsKey(SPACE)), undefined, 'it has ended with its time');
    const newer = world.park({ marker, clientId: 'ann', wait: 50 }, 1);
    await world.pass(1_000, 100);
    assert.deepEqual([codeOf(older), newer.outcome], ['superseded', undefined]);
    await world.evict(/^c\//);
    const third = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
    await world.pass(1_000, 100);
    assert.deepEqual([codeOf(newer), third.outcome], ['superseded', undefined]);
  });

  it('[PR15] of two that begin at once one ends, and one stays', async () => {
    for (const first of [0, 1]) {
      const people = new People(2);
      const { world } = people;
      const { marker } = await people.join('ann');
      await world.snapshot(1);
      const gate = hold(world.at(first).cache, 'get', /^c\//, 'after');
      const polls = [0, 1].map((on) => world.park({ marker, clientId: 'ann', wait: 50 }, on));
      await reached(world, gate);
      await world.pass(1_000, 50);
      gate.open();
      await world.pass(3_000, 50);
      assert.equal(polls.filter((poll) => codeOf(poll) === 'superseded').length, 1);
      assert.equal(polls.filter(({ outcome }) => outcome === undefined).length, 1);
    }
  });

  it('[PR15] while the cache does not answer both wait; afterwards the older one ends', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    const older = world.park({ marker, clientId: 'ann', wait: 50 }, 0);
    await world.pass(1_000, 100);
    world.at(1).cache.loses = ({ name, keys }) => name === 'cas' && keys[0]?.startsWith('c/') === true;
    const newer = world.park({ marker, clientId: 'ann', wait: 50 }, 1);
    await world.pass(2_000, 100);
    world.at(1).cache.loses = undefined;
    await world.pass(3_500, 100);
    assert.deepEqual([codeOf(older), newer.outcome], ['superseded', undefined]);
  });

  it('[PR16] a client that polls one after the other through any instances is never superseded', async () => {
    const random = new Seeded(5);
    const people = new People(3);
    const { world } = people;
    let { marker } = await people.join('ann');
    for (let turn = 0; turn < 150; turn++) {
      const poll = world.park({ marker, clientId: 'ann', wait: 50 }, random.int(3));
      const waits = random.int(4) * random.int(600);
      await world.pass(waits, 50);
      assert.equal(poll.problem, undefined, `turn ${turn}`);
      if (random.chance(0.5)) await world.ok('a', { set: turn });
      else poll.cancel();
      await world.pass(random.int(3) * 20, 10);
      if (poll.outcome) ({ marker } = poll.response);
      else poll.cancel();
    }
  });

  it('[PR17] clients that stay with an instance are claimed once, in one write', async () => {
    const people = new People(2);
    const { world } = people;
    for (let i = 0; i < 30; i++) await people.join(`c${i}`, { on: i % 2 });
    let { marker } = await world.snapshot();
    await world.pass(1_000, 100);
    const before = claims(world);
    for (let turn = 0; turn < 30; turn++) {
      const polls = Array.from({ length: 30 }, (_, i) => world.park({ marker, clientId: `c${i}`, wait: 50 }, i % 2));
      await world.pass(800, 100);
      await world.ok('a', { set: turn });
      await world.pass(100, 50);
      for (const poll of polls) ({ marker } = poll.response);
    }
    assert.ok(claims(world) - before <= 4, `${claims(world) - before} writes`);
    assert.ok(!(await world.snapshot()).clients?.some((client) => 'claim' in client));
  });

  it('[PR17] clients that go to another one with each poll cost one write for all of them in half a second', async () => {
    const people = new People(2);
    const { world } = people;
    for (let i = 0; i < 30; i++) await people.join(`c${i}`);
    let { marker } = await world.snapshot();
    const before = claims(world);
    for (let turn = 0; turn < 20; turn++) {
      const on = turn % 2;
      const polls = Array.from({ length: 30 }, (_, i) => world.park({ marker, clientId: `c${i}`, wait: 50 }, on));
      await world.pass(900, 50);
      await world.ok('a', { set: turn });
      await world.pass(100, 50);
      for (const poll of polls) ({ marker } = poll.response);
    }
    assert.ok(claims(world) - before <= 2 * 2 * 20, `${claims(world) - before} writes`);
  });

  it('[PR17] ids that never joined cost nothing, and no record is made for them', async () => {
    const people = new People(2);
    const { world } = people;
    for (const on of [0, 1, 0]) {
      const poll = world.park({ marker: 'now', clientId: 'stranger', wait: 50 }, on);
      await world.pass(2_000, 100);
      assert.ok(!poll.problem);
    }
    assert.equal(claims(world), 0);
    assert.deepEqual(await world.keysLike(/^[cqr]\//), []);
  });

  it('[PR17] the record names clients by hashes, and forgets old claims', async () => {
    const people = new People();
    const { world } = people;
    const { marker } = await people.join('ann');
    world.park({ marker, clientId: 'ann', wait: 50 });
    await world.pass(1_000, 100);
    const bytes = await world.record(claimsKey(SPACE));
    assert.ok(bytes && !bytes.includes('ann') && !bytes.includes('anonymous'));
    assert.deepEqual(Object.keys(decodeClaims(bytes).by), [claimName('anonymous', 'ann')]);
    const first = claimed(undefined, ['x', 'y'], 'one', 1_000_000);
    const second = claimed(first, ['y'], 'two', 1_000_000);
    assert.deepEqual(second.by, { x: ['one', 1_000_001], y: ['two', 1_000_003] });
    assert.deepEqual(claimed(second, ['z'], 'one', 2_000_000).by, { z: ['one', 2_000_001] });
  });
});
