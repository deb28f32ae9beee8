import assert from 'node:assert/strict';
import type { ProblemError } from '../../src/protocol/errors.ts';
import type { ClientId, ItemId } from '../../src/protocol/ids.ts';
import { SPACE } from '../support/engine-fixture.ts';
import { hold, reached } from '../support/gates.ts';
import { fenceOf, lock, unlock } from '../support/locks.ts';
import { GRACE, LEASE, People } from '../support/people.ts';

/** Two instances, with nothing in the place of their own parts. */
async function annAndBob(): Promise<People> {
  const people = new People(2, {}, { joining: true });
  for (const client of ['ann', 'bob']) await people.join(client);
  for (const item of ['a', 'b', 'c', 'd', 'e']) await people.world.ok(item, { set: 0 });
  return people;
}

/** Where a grab may stand still while its client leaves: before its head is written, and after. */
const GRABBING = [
  ['casThenGet', 'before'],
  ['casThenGet', 'after'],
] as const;

describe('clients that hold items', () => {
  it('[LK24] only who is here is granted one, at most as many as allowed, through whatever instance', async () => {
    const { world } = await annAndBob();
    await assert.rejects(lock(world, 'a', 'carl'), (error: ProblemError) => error.problem.code === 'notJoined');
    for (const [i, item] of ['a', 'b', 'c', 'd'].entries()) await fenceOf(lock(world, item, 'ann', { on: i % 2 }));
    await assert.rejects(lock(world, 'e', 'ann', { on: 1 }));
    await unlock(world, 'b', 'ann', { on: 1 });
    await fenceOf(lock(world, 'e', 'ann'));
  });

  it('[LK24] whoever leaves lets go: the items are stored, free, and the old fence is fenced', async () => {
    const people = await annAndBob();
    const { world } = people;
    const fence = await fenceOf(lock(world, 'a', 'ann'));
    await world.ok('a', { set: 1 }, { clientId: 'ann', fence });
    await people.leave('ann', undefined, { on: 1 });
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.lock, row?.open], [1, undefined, false]);
    assert.equal((await world.post('a', { set: 2 }, { clientId: 'ann', fence })).result, 'fenced');
    await world.ok('a', { set: 3 });
    await fenceOf(lock(world, 'a', 'bob'));
  });

  it('[LK24] so does whoever is not heard of any more', async () => {
    const people = await annAndBob();
    const { world } = people;
    await fenceOf(lock(world, 'a', 'ann', { ttlMs: 600_000 }));
    assert.equal((await world.post('a', { set: 1 })).result, 'locked');
    const { marker } = await world.snapshot();
    await world.pass(LEASE + GRACE + LEASE, 1_000);
    await people.told(marker, 1).catch(() => undefined);
    await world.pass(LEASE, 1_000);
    assert.equal((await world.head('a'))?.lock, undefined);
    await world.ok('a', { set: 2 });
  });

  it('[LK24] a leave that was cut off leaves what it had not freed to the next life of the client, which lets go of it', async () => {
    const people = await annAndBob();
    const { world } = people;
    await fenceOf(lock(world, 'a', 'ann', { ttlMs: 600_000 }));
    const { cache } = world.at(0);
    cache.down = true;
    await assert.rejects(people.leave('ann'));
    cache.down = false;
    await people.join('ann', { on: 1 });
    await people.leave('ann', undefined, { on: 1 });
    assert.equal((await world.head('a'))?.lock, undefined);
    await fenceOf(lock(world, 'a', 'bob'));
  });

  it('[LK28] what it gets while its leave is cut off is freed with the rest, also when the roster is lost after that', async () => {
    const people = await annAndBob();
    const { world } = people;
    await fenceOf(lock(world, 'a', 'ann'));
    const { cache } = world.at(0);
    cache.down = true;
    await assert.rejects(people.leave('ann'));
    cache.down = false;
    await fenceOf(lock(world, 'b', 'ann', { ttlMs: 600_000 }));
    await world.evict(/^r\//);
    await world.pass(LEASE + GRACE + 25_000, 500);
    assert.deepEqual([(await world.head('b'))?.lock, (await world.row('b'))?.lock], [undefined, undefined]);
    assert.deepEqual((await world.clientRow('ann'))?.held, {});
  });

  it('[LK28] a lock that is granted while its client leaves is free again, whatever comes last', async () => {
    for (const [method, when] of GRABBING) {
      const people = await annAndBob();
      const { world } = people;
      const gate = hold(world.at(0).cache, method, /^i\//, when);
      const late = world.at(0).engine.lock(SPACE, 'a' as ItemId, { clientId: 'ann' }, { subject: 'anonymous' }, false);
      late.catch(() => undefined);
      await reached(world, gate);
      await people.leave('ann', undefined, { on: 1 });
      gate.open();
      await world.run(late.catch(() => undefined));
      assert.equal((await world.head('a'))?.lock, undefined, `${method} ${when}`);
      await fenceOf(lock(world, 'a', 'bob', { on: 1 }));
    }
  });

  it('[LK28] nor does a grab get by that lands between the look at the item and the end of its entry', async () => {
    const people = await annAndBob();
    const { world } = people;
    const grab = hold(world.at(0).cache, 'casThenGet', /^i\//);
    const late = world.at(0).engine.lock(SPACE, 'a' as ItemId, { clientId: 'ann' }, { subject: 'anonymous' }, false);
    late.catch(() => undefined);
    await reached(world, grab);
    const look = hold(world.at(1).cache, 'get', / r\//);
    const left = world.at(1).engine.clients.leave(SPACE, 'ann' as ClientId, undefined, { subject: 'anonymous' });
    await reached(world, look);
    grab.open();
    await world.run(late);
    look.open();
    await world.run(left);
    assert.equal((await world.head('a'))?.lock, undefined);
  });

  it('[LK26] when the roster is lost, whoever is here by its row is granted a lock at once, and is in the list again', async () => {
    const people = await annAndBob();
    const { world } = people;
    await fenceOf(lock(world, 'a', 'ann'));
    await world.evict(/^r\//);
    await fenceOf(lock(world, 'b', 'ann', { on: 1 }));
    assert.deepEqual(Object.keys((await people.entry('ann'))?.held ?? {}).sort(), ['a', 'b']);
    assert.deepEqual(await people.here(1), ['ann']);
    await people.patch('bob', { cursor: 1 }, { on: 1 });
    assert.deepEqual(await people.here(1), ['ann', 'bob']);
  });

  it('[LK26] not whoever has left, or is somebody else', async () => {
    const people = await annAndBob();
    const { world } = people;
    await people.leave('ann');
    await world.evict(/^r\//);
    const notJoined = (error: ProblemError) => error.problem.code === 'notJoined';
    await assert.rejects(lock(world, 'a', 'ann'), notJoined);
    await assert.rejects(lock(world, 'a', 'carl'), notJoined);
    await assert.rejects(lock(world, 'a', 'bob', { subject: 'eve' }), notJoined);
    await assert.rejects(people.patch('ann', {}), notJoined);
    const here = await people.here();
    assert.ok(!here.includes('ann') && !here.includes('carl'), here.join());
  });

  it('[LK26] what it held before counts', async () => {
    const people = await annAndBob();
    const { world } = people;
    for (const item of ['a', 'b', 'c', 'd']) await fenceOf(lock(world, item, 'ann'));
    await world.evict(/^r\//);
    await assert.rejects(lock(world, 'e', 'ann'), (error: ProblemError) => error.problem.code === 'tooManyLocks');
  });
});
