import assert from 'node:assert/strict';
import { decodeLease, encodeLease } from '../../src/model/lease-record.ts';
import { Chain } from '../support/chain.ts';
import { codeOf, fenceOf, lock, makeWorld, refusedWith, TTL, unlock } from '../support/locks.ts';

describe('a lock', () => {
  it('[LK1] keeps others out, lets the holder write by its fence, and an old fence is fenced', async () => {
    const world = makeWorld(2);
    const { version } = await world.ok('a', { set: 0 });
    assert.deepEqual(await lock(world, 'a', 'ann'), { result: 'granted', fence: version + 1, ttlMs: TTL });
    const fence = version + 1;
    const other = await world.post('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
    const at = { item: 'a', version: fence, durableVersion: fence };
    assert.deepEqual(other, { ...at, result: 'locked', holder: 'ann', ttlMs: TTL });
    assert.equal((await world.post('a', { set: 'nobody' })).result, 'locked');
    await world.ok('a', { set: 'ann' }, { clientId: 'ann', fence, on: 1 });
    await unlock(world, 'a', 'ann');
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence })).result, 'fenced');
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
  });

  it('[LK2] belongs to subject and client together', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    const update = { item: 'a', op: { set: 1 }, fence };
    const result = async (clientId: string, subject: string) =>
      (await world.postAll({ clientId, updates: [update] }, { subject })).results[0]?.result;
    assert.equal(await result('ann', 'somebody else'), 'locked');
    assert.equal(await result('bob', 'anonymous'), 'locked');
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'ann' })).result, 'locked');
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'ann', fence: fence - 1 })).result, 'fenced');
    assert.equal(await result('ann', 'anonymous'), 'ok');
  });

  it('[LK3] a grab by the holder renews the lease under the same fence', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    for (let round = 0; round < 3; round++) {
      await world.pass(TTL - 1_000, 500);
      assert.deepEqual(await lock(world, 'a', 'ann', { on: 1 }), { result: 'granted', fence, ttlMs: TTL });
    }
    const head = await world.head('a');
    assert.deepEqual([head?.v, head?.fence], [fence, fence]);
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'bob' })).result, 'locked');
    await world.pass(TTL + 1_000, 500);
    await world.ok('a', { set: 1 }, { clientId: 'bob' });
  });

  it('[LK4] after its lease the holder writes on until somebody else does', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.pass(TTL + 1_000, 500);
    await world.ok('a', { set: 'ann' }, { clientId: 'ann', fence });
    const { version } = await world.ok('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
    const head = await world.head('a');
    assert.deepEqual([head?.lock, head?.fence], [undefined, version]);
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence })).result, 'fenced');
    assert.deepEqual(world.clients.held('ann'), {});
  });

  it('[LK4] one that is not the holder does not end a lapsed lock with its number', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.pass(TTL + 1_000, 500);
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'bob', fence })).result, 'fenced');
    await world.ok('a', { set: 'ann' }, { clientId: 'ann', fence });
  });

  it('[LK5] goes to the next who asks once the lease has ended, with a higher fence', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const old = await fenceOf(lock(world, 'a', 'ann'));
    const refused = await lock(world, 'a', 'bob', { on: 1 });
    assert.deepEqual(refused, { result: 'locked', holder: 'ann', ttlMs: TTL });
    await world.pass(TTL + 1_000, 500);
    const fence = await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
    assert.ok(fence > old);
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence: old })).result, 'fenced');
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', fence });
    assert.deepEqual([world.clients.held('ann'), Object.keys(world.clients.held('bob'))], [{}, ['a']]);
  });

  it('[LK6] a lost lease lets others in, and the old holder out', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const old = await fenceOf(lock(world, 'a', 'ann'));
    assert.equal(await world.evict(/^l\//), 1);
    await world.ok('a', { set: 'ann' }, { clientId: 'ann', fence: old });
    const fence = await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
    assert.ok(fence > old);
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence: old })).result, 'fenced');
  });

  it('[LK9] is stored before its answer and survives the loss of a closed head', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 }, { release: true });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    const row = await world.row('a');
    assert.deepEqual([row?.v, row?.fence, row?.lock?.holder, row?.open], [fence, fence, 'ann', false]);
    await world.evict(/^i\//);
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'bob', on: 1 })).result, 'locked');
    await world.ok('a', { set: 1 }, { clientId: 'ann', fence, on: 1 });
  });

  it('[LK9] does not survive a rollback: the old fence is fenced, and the next is higher', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.ok('a', { set: 'lost' }, { clientId: 'ann', fence });
    world.at(0).kill();
    await world.evict(/^i\//);
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence, on: 1 })).result, 'fenced');
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
    const head = await world.head('a');
    assert.ok(head && head.L === 1 && head.fence > fence);
  });

  it('[LK10] is news: observers learn who holds the item, and when nobody does', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: { x: 1 } });
    const chain = new Chain(world);
    await chain.next({}, 1);
    const parked = world.park({ marker: chain.marker as string, wait: 20 }, 1);
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.delivered(parked);
    const [held] = parked.response.items;
    assert.ok(held && 'lock' in held);
    assert.deepEqual([held.version, held.lock], [fence, { holder: 'ann', fence }]);
    chain.take(parked.response);
    await unlock(world, 'a', 'ann');
    const [free] = (await world.poll({ marker: chain.marker as string }, 1)).items;
    assert.ok(free && !('lock' in free) && free.version > fence);
    assert.deepEqual(chain.values, { a: { x: 1 } });
  });

  it('[LK11] of many who grab at once one is granted', async () => {
    const world = makeWorld(3);
    await world.ok('a', { set: 0 });
    const names = Array.from({ length: 12 }, (_, n) => `c${n}`);
    for (const name of names) world.clients.join(name);
    const answers = await Promise.all(names.map((name, n) => lock(world, 'a', name, { on: n % 3 })));
    const granted = answers.flatMap((answer, n) => (answer.result === 'granted' ? [names[n]] : []));
    assert.equal(granted.length, 1);
    assert.equal((await world.head('a'))?.lock?.holder, granted[0]);
    for (const name of names) assert.equal(Object.keys(world.clients.held(name)).length, name === granted[0] ? 1 : 0);
  });

  it('[LK12] is taken from its holder by an admin, or by anyone where the space says so', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const old = await fenceOf(lock(world, 'a', 'ann'));
    await assert.rejects(lock(world, 'a', 'bob', { steal: true }), refusedWith('forbidden'));
    const fence = await fenceOf(lock(world, 'a', 'bob', { steal: true, admin: true, on: 1 }));
    assert.ok(fence > old);
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann', fence: old })).result, 'fenced');
    assert.equal((await world.post('a', { set: 'late' }, { clientId: 'ann' })).result, 'locked');
    assert.deepEqual(world.clients.held('ann'), {});
    world.settings = { ...world.settings, steal: 'anyone' };
    assert.ok((await fenceOf(lock(world, 'a', 'ann', { steal: true }))) > fence);
  });

  it('[LK20] alone it needs an item that lives', async () => {
    const world = makeWorld();
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('notFound'));
    await world.ok('a', { set: 0 });
    await world.ok('a', { delete: true });
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('notFound'));
    await unlock(world, 'a', 'ann');
    await unlock(world, 'never', 'ann');
    assert.deepEqual(world.clients.held('ann'), {});
  });

  it('[LK20] is released by its holder or an admin; what is not held stays as it is', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await unlock(world, 'a', 'bob');
    await assert.rejects(unlock(world, 'a', 'ann', { subject: 'somebody else' }), refusedWith('forbidden'));
    assert.equal((await world.head('a'))?.v, fence);
    await unlock(world, 'a', 'ann', { subject: 'an admin', admin: true });
    assert.deepEqual([(await world.head('a'))?.lock, world.clients.held('ann')], [undefined, {}]);
    await fenceOf(lock(world, 'a', 'bob'));
  });

  it('[LK22] without the cache nothing passes a lock, and nothing is granted', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    const leases = world.at(0).cache;
    await fenceOf(lock(world, 'a', 'ann'));
    leases.down = true;
    assert.equal(codeOf(await world.post('a', { set: 1 }, { clientId: 'bob' })), 'retry');
    await assert.rejects(lock(world, 'a', 'bob'), refusedWith('cacheUnavailable'));
    leases.down = false;
    assert.equal((await world.post('a', { set: 1 }, { clientId: 'bob' })).result, 'locked');
  });

  it('[LK31] its lease record comes back as it was', () => {
    const lease = { grant: 'g', holder: 'ann', subject: 's', untilMs: 17 };
    assert.deepEqual(decodeLease(encodeLease(lease)), lease);
  });
});
