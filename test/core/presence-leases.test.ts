import assert from 'node:assert/strict';
import { rosterShardOf } from '../../src/model/roster-record.ts';
import { GRACE, LEASE, People } from '../support/people.ts';

describe('clients: leases', () => {
  it('[PR20] a client whose poll waits stays; its lease costs one write per record and third of a lease', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    for (let i = 0; i < 20; i++) await people.join(`c${i}`);
    const polls = Array.from({ length: 20 }, (_, i) => world.park({ marker: 'now', clientId: `c${i}`, wait: 50 }));
    await world.pass(2_000, 250);
    const { cache } = world.at(0);
    cache.calls.length = 0;
    const writes = world.storeWrites;
    await world.pass(40_000, 250);
    const renewals = cache.calls.filter(({ name, keys }) => name === 'cas' && keys[0]?.startsWith('r/')).length;
    assert.ok(renewals > 0 && renewals <= 6 * 8, `${renewals} writes`);
    // Only the client that never polled has left.
    assert.equal((await people.told(marker)).clients.filter(({ state }) => state === 'left').length, 1);
    assert.equal((await people.here(1)).length, 20);
    assert.ok(world.storeWrites - writes <= 4);
    for (const poll of polls) poll.cancel();
  });

  it('[PR20] polls in quick succession cost no write of their own', async () => {
    const people = new People();
    const { world } = people;
    let { marker } = await people.join('ann');
    const { cache } = world.at(0);
    cache.calls.length = 0;
    for (let i = 0; i < 200; i++) ({ marker } = await world.poll({ marker, clientId: 'ann' }));
    assert.ok(!cache.calls.some(({ name, keys }) => name === 'cas' && keys[0]?.startsWith('r/')));
  });

  it('[PR21] a client that says nothing more has left after lease and grace, and not before', async () => {
    const people = new People(2);
    const { world } = people;
    await people.join('gone');
    const { marker } = await people.join('ann', { on: 1 });
    assert.deepEqual(await people.stay('ann', LEASE + GRACE - 1_000, { on: 1, marker }), []);
    assert.deepEqual(await people.here(), ['ann', 'gone']);
    assert.deepEqual(await people.stay('ann', LEASE / 2, { on: 1, marker }), ['gone']);
    assert.equal((await world.clientRow('gone'))?.left !== undefined, true);
  });

  it('[PR22] a client that goes on polling through another instance stays when the first one dies', async () => {
    const people = new People(2);
    const { marker } = await people.join('ann');
    await people.stay('ann', 5_000, { marker });
    people.world.at(0).kill();
    assert.deepEqual(await people.stay('ann', 3 * LEASE, { on: 1, marker }), []);
    assert.deepEqual(await people.here(1), ['ann']);
  });

  it('[PR22] also one that polls seldom, as long as it polls within its lease', async () => {
    const people = new People(3);
    const { world } = people;
    let { marker } = await people.join('ann');
    const start = (await people.join('bob', { on: 2 })).marker;
    for (let turn = 0; turn < 5; turn++) {
      const bob = world.park({ marker: 'now', clientId: 'bob', wait: 50 }, 2);
      await world.pass(25_000, 250);
      ({ marker } = await world.poll({ marker, clientId: 'ann' }, turn % 2));
      bob.cancel();
    }
    assert.deepEqual((await people.told(start, 2)).clients, []);
  });

  it('[PR22] also where nobody ever waits, so that the time of the floor lags far behind', async () => {
    const people = new People(2);
    const { world } = people;
    await people.join('bob', { on: 1 });
    await world.pass(100_000, 250);
    let { marker } = await people.join('ann');
    for (let turn = 0; turn < 20; turn++) {
      await world.pass(10_000, 250);
      ({ marker } = await world.poll({ marker, clientId: 'ann' }, 1));
      assert.ok(await people.entry('ann'), `gone after ${turn} polls`);
    }
  });

  it('[PR23] an instance whose clock is far ahead, and readers that raise the floor with it, end no lease', async () => {
    const people = new People(1);
    const { world } = people;
    world.start({}, { skewMs: 3_600_000 });
    const { marker } = await people.join('ann');
    const watch = world.park({ marker: 'now', wait: 50 }, 1);
    assert.deepEqual(await people.stay('ann', 60_000, { marker }), []);
    watch.cancel();
    assert.deepEqual(await people.here(1), ['ann']);
  });

  it('[PR23] nobody leaves because the cache was away for longer than a lease', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    const ann = world.park({ marker, clientId: 'ann', wait: 50 });
    await people.join('bob', { on: 1 });
    for (const { cache } of world.instances) cache.down = true;
    await world.pass(LEASE + 2 * GRACE, 500);
    for (const { cache } of world.instances) cache.down = false;
    ann.cancel();
    const again = world.park({ marker: 'now', clientId: 'ann', wait: 50 });
    const bob = world.park({ marker: 'now', clientId: 'bob', wait: 50 }, 1);
    await world.pass(20_000, 250);
    assert.deepEqual(await people.here(), ['ann', 'bob']);
    again.cancel();
    bob.cancel();
  });

  it('[PR24] the row tells who it was and when it was last seen, and is written at most once a minute', async () => {
    const people = new People();
    const { world } = people;
    const { marker } = await people.join('ann', { name: 'Ann' });
    const joinedAt = world.clock.now();
    const writes = world.storeWrites;
    await people.stay('ann', 150_000, { marker });
    assert.ok(world.storeWrites - writes <= 3);
    const row = await world.clientRow('ann');
    assert.ok(row && row.lastSeen >= joinedAt + 60_000 && row.left === undefined);
    assert.deepEqual([row.subject, row.name, row.generation, row.joinedAt], ['anonymous', 'Ann', 1, joinedAt]);
    await people.leave('ann');
    assert.equal((await world.clientRow('ann'))?.left, world.clock.now());
  });

  it('[PR25] clients of instances that all died leave through an instance that never heard of the space', async () => {
    const people = new People(1);
    const { world } = people;
    const { marker } = await people.join('ann');
    await people.stay('ann', 10_000, { marker });
    world.at(0).kill();
    world.start();
    await world.pass(4 * LEASE + 90_000, 500);
    assert.notEqual((await world.clientRow('ann'))?.left, undefined);
    assert.equal(await people.entry('ann'), undefined);
  });

  it('[PR25] also when the cache was lost with them', async () => {
    const people = new People(1);
    const { world } = people;
    await people.join('ann');
    world.at(0).kill();
    world.restartCache();
    world.start();
    await world.pass(4 * LEASE + 90_000, 500);
    assert.notEqual((await world.clientRow('ann'))?.left, undefined);
  });
});

describe('clients: a roster that is lost', () => {
  it('[PR30] clients that poll are put back with what they said; a chain begins anew and misses nobody', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann', { name: 'Ann', data: 7 });
    for (let i = 0; i < 10; i++) await people.join(`c${i}`, { on: i % 2 });
    const polls = Array.from({ length: 10 }, (_, i) =>
      world.park({ marker: 'now', clientId: `c${i}`, wait: 50 }, i % 2),
    );
    polls.push(world.park({ marker: 'now', clientId: 'ann', wait: 50 }));
    await world.pass(15_000, 250);
    const behind = (await people.told(marker, 1)).marker;
    assert.ok((await world.evict(/^r\//)) > 0);
    const reset = world.park({ marker: behind, wait: 50 }, 1);
    await world.delivered(reset);
    assert.equal(reset.response.mustReset?.reason, 'tooOld');
    await world.pass(12_000, 250);
    assert.equal((await people.here()).length, 11);
    const { clients = [] } = await world.snapshot(1);
    assert.deepEqual(
      clients.find(({ id }) => id === 'ann'),
      { id: 'ann', name: 'Ann', data: 7, state: 'joined' },
    );
    const later = await people.told(reset.response.marker, 1);
    const known = new Set([...(reset.response.clients ?? []), ...later.clients].map(({ id }) => id));
    assert.equal(known.size, 11);
    for (const poll of polls) poll.cancel();
  });

  it('[PR30] the same after a restart of the whole cache; whoever has left stays away', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    const left = await people.join('left');
    const ghost = world.park({ marker: left.marker, clientId: 'left', wait: 50 }, 1);
    await people.leave('left');
    await people.stay('ann', 2_000, { marker });
    ghost.cancel();
    world.restartCache();
    const fresh = (await world.snapshot(1)).marker;
    const still = world.park({ marker: fresh, clientId: 'left', wait: 50 }, 1);
    await people.stay('ann', 12_000, { marker });
    assert.deepEqual(await people.here(1), ['ann']);
    still.cancel();
  });

  it('[PR31] a lost pulse delays what readers see by seconds, and is made anew', async () => {
    const people = new People(2);
    const { world } = people;
    const { marker } = await people.join('ann');
    const ann = world.park({ marker: 'now', clientId: 'ann', wait: 50 });
    const watch = world.park({ marker, wait: 50 }, 1);
    await world.pass(7_000, 250);
    world.at(0).cache.before = ({ name, keys }) => {
      if (name !== 'get' && keys[0]?.startsWith('q/')) throw new Error('the pulse fails');
    };
    await assert.rejects(people.join('bob'));
    world.at(0).cache.before = undefined;
    await world.pass(7_500, 250);
    assert.deepEqual(watch.response.clients, [{ id: 'bob', state: 'joined' }]);
    await world.evict(/^q\//);
    await world.pass(12_000, 250);
    assert.ok(await world.record('q/board/'));
    ann.cancel();
  });

  it('[PR32] a chain behind more than 500 who left begins anew', async () => {
    const people = new People();
    const { marker } = await people.join('ann');
    // All in the record of the first.
    const ids = Array.from({ length: 6_000 }, (_, i) => `c${i}`).filter(
      (id) => rosterShardOf(id) === rosterShardOf('ann'),
    );
    for (const id of ids.slice(0, 505)) {
      await people.join(id);
      await people.leave(id);
    }
    const answer = await people.world.poll({ marker });
    assert.equal(answer.mustReset?.reason, 'tooOld');
    assert.deepEqual(answer.clients, [{ id: 'ann', state: 'joined' }]);
  });
});
