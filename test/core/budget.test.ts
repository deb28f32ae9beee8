import assert from 'node:assert/strict';
import { EngineWorld, N } from '../support/engine-fixture.ts';

describe('what updates cost', () => {
  it('[DU1] 1,000 moves of one item at 20/s cost at most 13 store writes, release included', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 999; i++) {
      await world.ok('a', { set: { x: i, y: i } });
      await world.pass(50);
    }
    await world.ok('a', { set: 'end' }, { release: true });
    await world.pass(4 * N);
    assert.ok(world.storeWrites <= 13, `${world.storeWrites} store writes`);
    assert.ok(world.storeWrites >= 10, `${world.storeWrites} store writes`);
    const row = await world.row('a');
    assert.deepEqual([row?.body, row?.open], ['end', false]);
  });

  it('[DU1] the same with a reader that keeps polling', async () => {
    const world = new EngineWorld({}, 2);
    let marker = (await world.snapshot(1)).marker;
    for (let i = 0; i < 999; i++) {
      await world.ok('a', { set: i });
      await world.pass(50);
      if (i % 4 === 0) ({ marker } = await world.poll({ marker }, 1));
    }
    await world.ok('a', { set: 'end' }, { release: true });
    await world.pass(4 * N);
    assert.ok(world.storeWrites <= 13, `${world.storeWrites} store writes`);
  });

  it('[PU20] a warm move is one round trip where the head is held, at most two where it is not', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    const [first, second] = [world.at(0).cache, world.at(1).cache];
    first.calls.length = 0;
    await world.ok('a', { set: 2 });
    assert.deepEqual(
      first.calls.map(({ name }) => name),
      ['casThenGet'],
    );
    await world.ok('a', { set: 3 }, { on: 1 });
    assert.deepEqual(
      second.calls.map(({ name }) => name),
      ['get', 'casThenGet'],
    );
  });

  it('[PU20] over 200 moves with readers, fewer than 1.2 round trips each on average', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    let { marker } = await world.snapshot(1);
    const { cache } = world.at(0);
    let trips = 0;
    for (let i = 0; i < 200; i++) {
      cache.calls.length = 0;
      await world.ok('a', { set: i });
      trips += cache.calls.length;
      await world.pass(50);
      ({ marker } = await world.poll({ marker }, 1));
    }
    assert.ok(trips < 240, `${trips} round trips`);
  });

  it('[CV1] moves need no index entry of their own: one append per coverage period, none while nobody reads', async () => {
    const world = new EngineWorld();
    for (let i = 0; i < 100; i++) {
      await world.ok('a', { set: i });
      await world.pass(100);
    }
    assert.equal(world.at(0).counts.get('index_appends'), 1);
    const read = new EngineWorld();
    let { marker } = await read.snapshot();
    for (let i = 0; i < 100; i++) {
      await read.ok('a', { set: i });
      await read.pass(100);
      ({ marker } = await read.poll({ marker }));
    }
    const appends = read.at(0).counts.get('index_appends') ?? 0;
    assert.ok(appends >= 2 && appends <= 6, `${appends} appends in 10 s`);
  });

  it('[DU2] the first update of an item is in the store before its answer, in two writes', async () => {
    const world = new EngineWorld();
    const { store, cache } = world.at(0);
    const steps: string[] = [];
    cache.before = ({ name, keys }) => void (name === 'casThenGet' && keys[0]?.startsWith('i/') && steps.push('cas'));
    store.before = () => void steps.push('store');
    const result = await world.ok('a', { set: 7 });
    assert.deepEqual(steps.slice(0, 3), ['store', 'cas', 'store']);
    const [reservation, content] = store.writes;
    assert.equal(reservation?.length, 2, 'the row, and the record of the new space');
    assert.equal(content?.length, 1);
    assert.equal(result.durableVersion, result.version);
    const row = await world.row('a');
    assert.deepEqual([row?.v, row?.body, row?.open], [1, 7, true]);
  });

  it('[DU2] version n + 1 is never stored before it is in the cache', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 'old' }, { release: true });
    const { store, cache } = world.at(0);
    let reserved: unknown;
    cache.before = async ({ name }) => {
      if (name === 'casThenGet' && reserved === undefined) reserved = await world.row('a');
    };
    await world.ok('a', { set: 'new' });
    const row = reserved as { v: number; body: unknown; open: boolean; ceil: number };
    assert.deepEqual([row.v, row.body, row.open], [1, 'old', true]);
    assert.ok(row.ceil > 2);
    assert.equal(store.writes.length, 4, 'reservation and content, twice');
  });

  it('[DU3] a release, a delete and durable: true are in the store before the answer', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    const move = await world.ok('a', { set: 1 });
    assert.equal(move.durableVersion, 1);
    assert.equal((await world.row('a'))?.body, 0);
    const durable = await world.ok('a', { set: 2 }, { durable: true });
    assert.equal(durable.durableVersion, durable.version);
    assert.deepEqual([(await world.row('a'))?.body, (await world.row('a'))?.open], [2, true]);
    const release = await world.ok('a', { set: 3 }, { release: true });
    assert.equal(release.durableVersion, release.version);
    assert.deepEqual([(await world.row('a'))?.body, (await world.row('a'))?.open], [3, false]);
    const gone = await world.ok('a', { delete: true });
    assert.equal(gone.durableVersion, gone.version);
    assert.deepEqual([(await world.row('a'))?.dead, (await world.row('a'))?.open], [true, false]);
  });

  it('[DU4] between, an item that moves is stored at least every N', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: -1 });
    for (let i = 0; i < 400; i++) {
      await world.ok('a', { set: i });
      await world.pass(50);
      const stored = (await world.row('a'))?.body as number;
      assert.ok(i - stored <= (N + 500) / 50, `at move ${i} the store holds ${stored}`);
    }
  });

  it('[DU5] an item that is moved no more is stored after N and closed after 2 N; the next update is a first one again', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    await world.pass(N + 500);
    assert.deepEqual([(await world.row('a'))?.body, (await world.row('a'))?.open], [1, true]);
    await world.pass(N + 500);
    assert.deepEqual([(await world.row('a'))?.body, (await world.row('a'))?.open], [1, false]);
    assert.equal((await world.head('a'))?.open, false);
    const writes = world.storeWrites;
    const next = await world.ok('a', { set: 2 });
    assert.equal(world.storeWrites - writes, 2);
    assert.equal(next.durableVersion, next.version);
  });

  it('[DU5] closing does not make a version, and is no news to readers', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 });
    const { marker } = await world.snapshot();
    await world.pass(3 * N);
    const response = await world.poll({ marker });
    assert.deepEqual(response.items, []);
    assert.equal((await world.head('a'))?.v, 1);
  });

  it('[DU5] an item that others still move is not closed by the server that opened it', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: -1 });
    for (let i = 0; i < 600; i++) {
      await world.ok('a', { set: i }, { on: 1 });
      await world.pass(50);
      assert.equal((await world.head('a'))?.open, true, `at move ${i}`);
    }
    assert.ok(world.storeWrites <= 10, `${world.storeWrites} store writes in 30 s`);
  });

  it('[DU6] one store write per item at a time, and of the newest value only', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 1 });
    const { store } = world.at(0);
    let running = 0;
    let most = 0;
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    store.before = async () => {
      most = Math.max(most, ++running);
      await gate;
      running--;
    };
    for (let i = 2; i < 2 + 4 * (N / 50); i++) {
      await world.ok('a', { set: i });
      await world.pass(50);
    }
    assert.equal(running, 1);
    store.before = undefined;
    open();
    const writes = store.writes.length;
    await world.pass(1_000);
    assert.equal(most, 1);
    assert.ok(store.writes.length - writes <= 2, 'one stale write ends, then one with the newest');
    assert.equal((await world.row('a'))?.body, 1 + 4 * (N / 50));
  });
});
