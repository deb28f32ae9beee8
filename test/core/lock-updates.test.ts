import assert from 'node:assert/strict';
import { Failure } from '../../src/ports/failure.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import type { UpdateResult } from '../../src/protocol/post-update.ts';
import { SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { codeOf, fenceOf, lock, makeWorld, refusedWith, TTL, unlock } from '../support/locks.ts';

function fenceIn(result: UpdateResult): number {
  assert.ok(result.result === 'ok' && result.fence !== undefined, JSON.stringify(result));
  return result.fence;
}

describe('a lock that comes with an update', () => {
  it('[LK7] is granted with it, also on an item that it creates', async () => {
    const world = makeWorld(2);
    const made = await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    assert.deepEqual([made.fence, made.ttlMs, made.durableVersion], [made.version, TTL, made.version]);
    assert.equal((await world.post('a', { set: 2 }, { clientId: 'bob', on: 1 })).result, 'locked');
    const moved = await world.ok('a', { set: 2 }, { clientId: 'ann', fence: fenceIn(made), grab: true, on: 1 });
    assert.equal(moved.fence, made.fence);
    const again = await world.ok('a', { set: 3 }, { clientId: 'ann', grab: true });
    assert.equal(again.fence, made.fence);
  });

  it('[LK7] is not granted with an update that is refused or has nothing to delete', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 });
    const grab = { clientId: 'ann', grab: true };
    assert.equal((await world.post('a', { set: 2 }, { ...grab, ifVersion: 99 })).result, 'conflict');
    assert.equal(codeOf(await world.post('a', { nonsense: 1 }, grab)), 'badOp');
    assert.equal(codeOf(await world.post('a', { delete: true }, grab)), 'badOp');
    assert.equal(codeOf(await world.post('b', { delete: true }, grab)), 'badOp');
    assert.deepEqual([(await world.head('a'))?.lock, world.clients.held('ann')], [undefined, {}]);
    assert.equal(await world.evict(/^l\//), 0);
  });

  it('[LK27] does not come with a delete, not from the holder either', async () => {
    const world = makeWorld();
    const { fence } = await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    assert.equal(codeOf(await world.post('a', { delete: true }, { clientId: 'ann', grab: true, fence })), 'badOp');
    assert.equal((await world.post('a', { set: 2 })).result, 'locked');
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence });
  });

  it('[LK8] ends with the release of its holder, stored before the answer', async () => {
    const world = makeWorld(2);
    const made = await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    const last = await world.ok('a', { set: 2 }, { clientId: 'ann', fence: fenceIn(made), release: true });
    assert.equal(last.durableVersion, last.version);
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.open, row?.lock, row?.fence], [2, false, undefined, last.version]);
    assert.deepEqual(world.clients.held('ann'), {});
    assert.equal(await world.evict(/^l\//), 0);
    const fence = await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
    assert.ok(fence > last.version);
    assert.equal((await world.post('a', { set: 3 }, { clientId: 'ann', fence: fenceIn(made) })).result, 'fenced');
  });

  it('[LK8] ends with a release that changes nothing', async () => {
    const world = makeWorld(2);
    await world.ok('j', { add: 'stored' }, { kind: 'journal' });
    await world.ok('j', { add: 'lost' });
    world.at(0).kill();
    await world.evict(/^i\//);
    const fence = await fenceOf(lock(world, 'j', 'ann', { on: 1 }));
    const restore = { from: 77, deltas: [{ version: 78, op: { add: 'x' } }] };
    const last = await world.ok('j', undefined, { restore, clientId: 'ann', fence, release: true, on: 1 });
    assert.ok(last.durableVersion === last.version && last.version > fence);
    assert.deepEqual([(await world.row('j'))?.lock, world.clients.held('ann')], [undefined, {}]);
    assert.equal((await world.post('j', { add: 'y' }, { clientId: 'ann', fence, on: 1 })).result, 'fenced');
    await world.ok('j', { add: 'z' }, { clientId: 'bob', on: 1 });
  });

  it('[LK8] ends with a delete', async () => {
    const world = makeWorld();
    const made = await world.ok('j', { add: 'x' }, { kind: 'journal', clientId: 'ann', grab: true });
    await world.ok('j', { delete: true }, { clientId: 'ann', fence: fenceIn(made) });
    const row = await world.row('j');
    assert.deepEqual([row?.dead, row?.lock, world.clients.held('ann')], [true, undefined, {}]);
    assert.equal((await world.post('j', { delete: true }, { clientId: 'ann', fence: fenceIn(made) })).result, 'fenced');
    await world.ok('j', { add: 'y' }, { kind: 'journal', clientId: 'bob' });
  });

  it('[LK8] is not ended by the release of somebody else', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    assert.equal((await world.post('a', { set: 2 }, { clientId: 'bob', release: true })).result, 'locked');
    assert.equal((await world.post('a', { delete: true }, { clientId: 'bob' })).result, 'locked');
  });

  it('[LK17] a grab that loses its race leaves neither lease nor entry', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 });
    const write = hold(world.at(0).cache, 'casThenGet', /^i\//);
    const caller = { subject: 'anonymous' };
    const update = { item: 'a', op: { set: 'ann' }, grab: true, ifVersion: 1 };
    const slow = world.at(0).engine.postUpdate('board' as never, { clientId: 'ann', updates: [update] }, caller);
    await reached(world, write);
    assert.deepEqual(Object.keys(world.clients.held('ann')), ['a']);
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
    write.open();
    const { results } = await world.run(slow);
    assert.equal(results[0]?.result, 'conflict');
    assert.deepEqual(world.clients.held('ann'), {});
    assert.equal(await world.evict(/^l\//), 0);
  });

  it('[LK17] a grab over one’s own lapsed lock that fails leaves the entry of that lock', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    const before = world.clients.held('ann');
    await world.pass(TTL + 1_000, 500);
    world.at(0).store.down = true;
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('storeUnavailable'));
    world.at(0).store.down = false;
    assert.deepEqual(world.clients.held('ann'), before);
  });

  it('[LK17] a grab that finds no store leaves neither lease nor entry', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 0 }, { release: true });
    world.at(0).store.before = () => {
      throw new Failure('storeUnavailable', 'away');
    };
    await assert.rejects(lock(world, 'a', 'ann'), refusedWith('storeUnavailable'));
    assert.deepEqual(world.clients.held('ann'), {});
    await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
  });

  it('[LK23] what a dead instance left of a grab keeps no writer out and goes with a release', async () => {
    const world = makeWorld(2);
    world.settings = { ...world.settings, maxLocks: 1 };
    for (const item of ['a', 'b']) await world.ok(item, { set: 0 });
    const write = hold(world.at(0).cache, 'casThenGet', /^i\//);
    const ask = { clientId: 'ann' };
    world
      .at(0)
      .engine.lock(SPACE, 'a' as ItemId, ask, { subject: 'anonymous' }, false)
      .catch(() => undefined);
    await reached(world, write);
    world.at(0).kill();
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', on: 1 });
    assert.equal((await lock(world, 'a', 'bob', { on: 1 })).result, 'locked');
    await assert.rejects(lock(world, 'b', 'ann', { on: 1 }), refusedWith('tooManyLocks'));
    await unlock(world, 'a', 'ann', { on: 1 });
    assert.deepEqual(world.clients.held('ann'), {});
    await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
    await fenceOf(lock(world, 'b', 'ann', { on: 1 }));
  });

  it('[LK23] an entry whose lease has ended goes with a release, too', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    await world.clients.hold({ id: SPACE } as never, { subject: 'anonymous', client: 'ann' }, 'a', 'lost', 4);
    await unlock(world, 'a', 'ann');
    assert.deepEqual(world.clients.held('ann'), {});
  });

  it('[LK18] the same request again gives the same fence, also when its answer was lost', async () => {
    const world = makeWorld(2);
    const sent = { clientId: 'ann', seq: 1, grab: true } as const;
    world.at(0).cache.loses = ({ name, keys }) => name === 'casThenGet' && keys[0]?.startsWith('i/') === true;
    const first = world.post('a', { set: 1 }, sent);
    await world.settle();
    world.at(0).cache.loses = undefined;
    const made = await first;
    const again = await world.post('a', { set: 1 }, { ...sent, on: 1 });
    assert.deepEqual([fenceIn(again), again.result], [fenceIn(made), 'ok']);
    const head = await world.head('a');
    assert.deepEqual([head?.fence, head?.lock?.holder], [fenceIn(made), 'ann']);
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence: fenceIn(made) });
  });

  it('[LK18] two copies of a grab on two instances leave the grant in the client’s record that the head has', async () => {
    const world = makeWorld(2);
    await world.ok('a', { set: 1 });
    const sent = { clientId: 'ann', seq: 1, grab: true };
    const look = hold(world.at(1).cache, 'get', /^l\//, 'after');
    const copy = world.post('a', { set: 2 }, { ...sent, on: 1 });
    await reached(world, look);
    const { fence } = await world.ok('a', { set: 2 }, sent);
    look.open();
    assert.equal(fenceIn(await copy), fence);
    assert.deepEqual(world.clients.held('ann'), { a: (await world.head('a'))?.lock?.grant });
  });

  it('[LK18] a lock alone whose answer was lost is granted once', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 1 });
    let lost = 0;
    world.at(0).cache.loses = ({ name, keys }) =>
      name === 'casThenGet' && keys[0]?.startsWith('i/') === true && lost++ === 0;
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    const head = await world.head('a');
    assert.deepEqual([lost > 0, head?.fence, head?.lock?.holder], [true, fence, 'ann']);
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence });
  });

  it('[LK19] an update without a lock, and one of the holder, ask the cache for nothing but the head', async () => {
    const world = makeWorld();
    await world.ok('a', { set: 0 });
    const { cache } = world.at(0);
    const callsOf = async (more: object) => {
      const before = cache.calls.length;
      await world.ok('a', { merge: { x: 1 } }, more);
      return cache.calls.slice(before).map(({ name }) => name);
    };
    assert.deepEqual(await callsOf({ clientId: 'bob' }), ['casThenGet']);
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    assert.deepEqual(await callsOf({ clientId: 'ann', fence }), ['casThenGet']);
    await unlock(world, 'a', 'ann');
  });

  it('[LK21] a locked that was answered stays the answer to its number', async () => {
    const world = makeWorld(2);
    const made = await world.ok('a', { set: 1 }, { clientId: 'ann', grab: true });
    const sent = { clientId: 'bob', seq: 1 } as const;
    assert.equal((await world.post('a', { set: 'bob' }, sent)).result, 'locked');
    await world.ok('a', { set: 2 }, { clientId: 'ann', fence: fenceIn(made), release: true });
    assert.equal((await world.post('a', { set: 'bob' }, { ...sent, on: 1 })).result, 'locked');
    await world.ok('a', { set: 'bob' }, { clientId: 'bob', seq: 2, on: 1 });
  });
});
