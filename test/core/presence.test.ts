import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { EngineWorld } from '../support/engine-fixture.ts';
import { GRACE, LEASE, People } from '../support/people.ts';

const code = (wanted: string) => (error: unknown) => error instanceof ProblemError && error.problem.code === wanted;

describe('clients: joining and being seen', () => {
  it('[PR1] a join answers who the client is and the first page of a snapshot that it is in', async () => {
    const people = new People(2);
    await people.world.ok('a', { set: 1 });
    const ann = await people.join('ann', { name: 'Ann', data: { x: 1 } });
    assert.deepEqual([ann.clientId, ann.generation, ann.leaseMs, ann.upToDate], ['ann', 1, LEASE, true]);
    assert.deepEqual(ann.clients, [{ id: 'ann', name: 'Ann', data: { x: 1 }, state: 'joined' }]);
    assert.deepEqual(
      ann.items.map(({ id }) => id),
      ['a'],
    );
    const made = await people.join(undefined, { on: 1 });
    assert.match(made.clientId, /^[\w-]{16}$/);
    assert.deepEqual(made.clients?.map(({ id }) => id).sort(), ['ann', made.clientId].sort());
  });

  it('[PR2] a join, a change of data and a leave wake a parked poll on another instance', async () => {
    const people = new People(2);
    const { world } = people;
    let { marker } = await people.join('ann');
    const next = async () => {
      const parked = world.park({ marker, clientId: 'ann' }, 1);
      return async () => {
        await world.delivered(parked);
        marker = parked.response.marker;
        return parked.response.clients;
      };
    };
    let woken = await next();
    await people.join('bob', { name: 'Bob' });
    assert.deepEqual(await woken(), [{ id: 'bob', name: 'Bob', state: 'joined' }]);
    woken = await next();
    await people.patch('bob', { cursor: [1, 2] });
    assert.deepEqual(await woken(), [{ id: 'bob', name: 'Bob', data: { cursor: [1, 2] }, state: 'updated' }]);
    woken = await next();
    await people.leave('bob');
    assert.deepEqual(await woken(), [{ id: 'bob', state: 'left' }]);
  });

  it('[PR2] a snapshot has the whole roster, whatever the filter, and a poll without waiting has what is new', async () => {
    const people = new People(2);
    const { marker } = await people.join('ann');
    for (let i = 0; i < 20; i++) await people.join(`c${i}`, { on: i % 2 });
    assert.equal((await people.here(1)).length, 21);
    const filtered = await people.world.poll({ ids: ['nothing'] }, 1);
    assert.equal(filtered.clients?.length, 21);
    const told = await people.told(marker, 1);
    assert.deepEqual(told.clients.map(({ id }) => id).sort(), Array.from({ length: 20 }, (_, i) => `c${i}`).sort());
    assert.deepEqual((await people.told(told.marker)).clients, []);
  });

  it('[PR3] along a chain through different instances everything is told once', async () => {
    const people = new People(3);
    let { marker } = await people.join('ann');
    const seen: string[] = [];
    for (let i = 0; i < 12; i++) {
      await people.join(`c${i}`, { on: i % 3 });
      if (i % 2 === 0) await people.leave(`c${i}`, undefined, { on: (i + 1) % 3 });
      const told = await people.told(marker, (i + 2) % 3);
      marker = told.marker;
      for (const { id, state } of told.clients) seen.push(`${id} ${state}`);
    }
    assert.equal(new Set(seen).size, seen.length);
    const stayed = seen.filter((each) => each.endsWith('joined'));
    assert.deepEqual(stayed, ['c1 joined', 'c3 joined', 'c5 joined', 'c7 joined', 'c9 joined', 'c11 joined']);
    // Whoever came and went between two polls may be told to have left, or not at all.
    const left = seen.filter((each) => each.endsWith('left'));
    assert.ok(left.length > 0 && left.every((each) => Number(/\d+/.exec(each)?.[0]) % 2 === 0));
  });

  it('[PR4] marker=now is told of nobody who was here already, and of everybody who comes', async () => {
    const people = new People();
    await people.join('ann');
    const now = await people.world.poll({ marker: 'now' });
    assert.equal(now.clients, undefined);
    await people.join('bob');
    const { clients } = await people.told(now.marker);
    assert.deepEqual(clients, [{ id: 'bob', state: 'joined' }]);
  });

  it('[PR5] a look at a space where nobody ever joined reads one more key in the same call, and nothing else', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    await world.pass(500);
    const { cache, store } = world.at(0);
    cache.calls.length = 0;
    const reads = store.reads;
    await world.poll({ marker });
    const calls = cache.calls.map(({ name, keys }) => [name, ...keys].join(' '));
    const look = 'casThenGet f/board/ x/board/0 x/board/1 x/board/2 x/board/3 q/board/';
    assert.deepEqual(calls, [look, 'get i/board/a']);
    assert.equal(store.reads, reads);
    world.park({ marker });
    cache.calls.length = 0;
    await world.pass(20_000, 500);
    assert.ok(!cache.calls.some(({ keys }) => keys.some((key) => key.startsWith('r/'))));
  });

  it('[PR5] a look at a space with clients reads only the records that changed', async () => {
    const people = new People(2);
    const { world } = people;
    for (let i = 0; i < 30; i++) await people.join(`c${i}`);
    const { marker } = await world.snapshot(1);
    const { cache } = world.at(1);
    await people.patch('c1', 1);
    await world.pass(150);
    cache.calls.length = 0;
    await people.told(marker, 1);
    const read = cache.calls.flatMap(({ keys }) => keys.filter((key) => key.startsWith('r/')));
    assert.equal(read.length, 1);
  });

  it('[PR6] ids that are names of object members are clients like others', async () => {
    const people = new People();
    const ids = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    for (const id of ids) await people.join(id, { data: id });
    assert.deepEqual(await people.here(), [...ids].sort());
    const { marker } = await people.world.snapshot();
    await people.patch('__proto__', 'other');
    await people.leave('constructor');
    await people.world.pass(200);
    const { clients } = await people.told(marker);
    assert.deepEqual(clients.map(({ id, state }) => `${id} ${state}`).sort(), [
      '__proto__ updated',
      'constructor left',
    ]);
  });
});

describe('clients: generations and owners', () => {
  it('[PR10] leaving is idempotent; an older generation does nothing, through any instance', async () => {
    const people = new People(2);
    await people.leave('ann');
    const first = await people.join('ann');
    const second = await people.join('ann', { on: 1 });
    assert.deepEqual([first.generation, second.generation], [1, 2]);
    await people.leave('ann', 1);
    assert.deepEqual(await people.here(), ['ann']);
    await people.leave('ann', 2);
    await people.leave('ann', 2, { on: 1 });
    assert.deepEqual(await people.here(1), []);
    assert.equal((await people.join('ann')).generation, 3);
  });

  it('[PR11] the numbers of a generation begin far above those of the ones before, also when no time passes', async () => {
    const people = new People(2);
    const { world } = people;
    const first = await people.join('ann');
    await world.ok('a', { set: 1 }, { clientId: 'ann', seq: first.nextSeq + 500 });
    const second = await people.join('ann', { on: 1 });
    assert.ok(second.nextSeq > first.nextSeq + 500);
    const again = await world.ok('a', { set: 2 }, { clientId: 'ann', seq: second.nextSeq });
    assert.equal(again.version, 2);
    await people.leave('ann');
    assert.ok((await people.join('ann')).nextSeq > second.nextSeq);
  });

  it('[PR12] a client id belongs to the subject that joined with it, also after it left', async () => {
    const people = new People(2);
    await people.join('ann', { subject: 's1' });
    await assert.rejects(people.join('ann', { subject: 's2', on: 1 }), code('clientIdTaken'));
    await assert.rejects(people.leave('ann', undefined, { subject: 's2' }), code('forbidden'));
    await assert.rejects(people.patch('ann', 1, { subject: 's2', on: 1 }), code('notJoined'));
    assert.deepEqual(await people.here(), ['ann']);
    await people.leave('ann', undefined, { subject: 's1' });
    await assert.rejects(people.join('ann', { subject: 's2' }), code('clientIdTaken'));
  });

  it('[PR12] a poll under the id of somebody else keeps nobody here', async () => {
    const people = new People();
    await people.join('ann', { subject: 's1' });
    people.world.park({ marker: 'now', clientId: 'ann', wait: 50 }, 0, undefined, 's2');
    await people.world.pass(LEASE + GRACE + 12_000, 500);
    assert.deepEqual(await people.here(), []);
  });

  it('[PR13] a newer poll of a client ends its older one; others and those of another subject stay', async () => {
    const people = new People();
    const { world } = people;
    const { marker } = await people.join('ann');
    const older = world.park({ marker, clientId: 'ann' });
    const other = world.park({ marker, clientId: 'bob' });
    const stranger = world.park({ marker, clientId: 'ann' }, 0, undefined, 's2');
    const nameless = world.park({ marker });
    await world.settle();
    const newer = world.park({ marker, clientId: 'ann' });
    assert.equal(older.problem?.code, 'superseded');
    assert.equal(older.problem?.status, 409);
    await world.ok('a', { set: 1 });
    await world.settle();
    for (const parked of [other, stranger, nameless, newer]) assert.equal(parked.response.items.length, 1);
    assert.deepEqual([older.deliveries, newer.deliveries, world.at(0).engine.stats().parkedPolls], [1, 1, 0]);
  });
});

describe('clients: what they say of themselves', () => {
  it('[PR18] a change of data on its way does not outlive a new join', async () => {
    const people = new People();
    await people.join('ann', { data: 1 });
    await people.patch('ann', 2);
    await people.join('ann', { data: 3 });
    await people.world.pass(1_000);
    assert.equal((await people.entry('ann'))?.data, 3);
  });

  it('[PR14] the last change counts, and many of many clients are one write per record', async () => {
    const people = new People(2);
    const { world } = people;
    for (let i = 0; i < 40; i++) await people.join(`c${i}`);
    const { marker } = await world.snapshot(1);
    const writes = world.storeWrites;
    const { cache } = world.at(0);
    cache.calls.length = 0;
    for (let round = 0; round < 5; round++) for (let i = 0; i < 40; i++) await people.patch(`c${i}`, { round, i });
    await world.pass(150);
    assert.ok(cache.calls.filter(({ name, keys }) => name === 'cas' && keys[0]?.startsWith('r/')).length <= 8);
    const { clients } = await people.told(marker, 1);
    assert.deepEqual(
      clients.map(({ data }) => (data as { round: number }).round),
      clients.map(() => 4),
    );
    assert.equal(clients.length, 40);
    assert.equal(world.storeWrites, writes);
  });

  it('[PR14] more than ten in a second are refused; a client that has not joined, too', async () => {
    const people = new People();
    await people.join('ann');
    for (let i = 0; i < 10; i++) await people.patch('ann', i);
    await assert.rejects(people.patch('ann', 10), code('rateLimited'));
    await people.world.pass(1_000);
    await people.patch('ann', 11);
    await assert.rejects(people.patch('bob', 1), code('notJoined'));
  });

  it('[PR14] what the cache would not take is written when it is back, if that is soon', async () => {
    const people = new People();
    const { world } = people;
    const { marker } = await people.join('ann');
    await people.patch('ann', 'kept');
    world.at(0).cache.down = true;
    await world.pass(1_000);
    world.at(0).cache.down = false;
    await world.pass(500);
    assert.deepEqual((await people.told(marker)).clients, [{ id: 'ann', data: 'kept', state: 'updated' }]);
  });
});
