import assert from 'node:assert/strict';
import type { ItemId } from '../../src/protocol/ids.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N, SPACE } from '../support/engine-fixture.ts';

async function contentOf(world: EngineWorld, id: string, on = 0): Promise<unknown> {
  const item = (await world.snapshot(on)).items.find((each) => each.id === id);
  return item && 'value' in item ? item.value : undefined;
}

describe('records that the cache lost', () => {
  it('[LD2] the head of a closed item comes back under the same version and is no news', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 1 }, { release: true });
    const chain = new Chain(world);
    await chain.next();
    await world.evict(/^i\//);
    await chain.next();
    assert.equal(await contentOf(world, 'a'), 1);
    const head = await world.head('a');
    assert.deepEqual([head?.v, head?.pv, head?.L], [1, 1, 0]);
    await chain.next();
    assert.equal(new Set(chain.delivered.get('a')).size, 1);
  });

  it('[LD3] the head of an open item whose writer lives comes back with its newest content, above every number given', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    const last = await world.ok('a', { set: 'newest' });
    const chain = new Chain(world);
    await chain.next();
    const ceil = (await world.head('a'))?.ceil ?? 0;
    await world.evict(/^i\/board\/a$/);
    await chain.next(); // through the instance that wrote
    const head = await world.head('a');
    assert.equal(head?.v, ceil + 1);
    assert.ok(ceil >= last.version);
    assert.deepEqual(chain.values, { a: 'newest' });
    await chain.next();
    assert.equal(chain.items.get('a')?.version, ceil + 1);
  });

  it('[LD4] loaded by an instance that knows nothing, it goes back to what was stored: announced as a value, above every number given', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 'stored' });
    await world.ok('a', { set: 'lost 1' });
    const lost = await world.ok('a', { set: 'lost 2' });
    const chain = new Chain(world);
    await chain.next({}, 1);
    world.at(0).kill();
    await world.evict(/^i\/board\/a$/);
    const response = await chain.page({}, 1);
    const [item] = response.items;
    assert.ok(item && 'value' in item);
    assert.equal(item.value, 'stored');
    assert.ok(item.version > lost.version);
    assert.deepEqual(item.rolledBack, { from: 1, to: item.version - 1 });
    assert.equal(chain.items.get('a')?.value, 'stored');
    const row = await world.row('a');
    assert.deepEqual([row?.open, row?.back?.from, row?.L], [false, 1, 1]);
    assert.ok(world.at(1).log.lines.some(({ level }) => level === 'warn'));
  });

  it('[LD4] a deposed writer goes on above it: its next update is applied to what stands now', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('j', { add: 'stored' }, { kind: 'journal' });
    await world.ok('j', { add: 'lost' });
    await world.evict(/^i\/board\/j$/);
    await world.ok('j', { add: 'by another' }, { on: 1 });
    await world.ok('j', { add: 'mine again' });
    const value = (await contentOf(world, 'j')) as string[];
    assert.deepEqual(value.slice(-2), ['by another', 'mine again']);
    await world.pass(4 * N);
    assert.deepEqual((await world.row('j'))?.body, value);
    assert.equal((await world.row('j'))?.open, false);
  });

  it('[LD5] one version never has two contents, whatever is evicted', async () => {
    const world = new EngineWorld({}, 3);
    const contents = new Map<number, unknown>();
    const see = (version: number, value: unknown) => {
      if (contents.has(version)) assert.deepEqual(value, contents.get(version), `version ${version}`);
      contents.set(version, value);
    };
    for (let i = 0; i < 150; i++) {
      const on = world.random.int(3);
      const result = await world.post('a', { set: i }, { on });
      if (result.result === 'ok') see(result.version, i);
      if (world.random.chance(0.2)) await world.evict(/^i\//);
      if (world.random.chance(0.1)) await world.evict(/^x\//);
      if (world.random.chance(0.05)) await world.evict(/^d\//);
      await world.pass(world.random.int(4) * 200);
      const [item] = (await world.snapshot(world.random.int(3))).items;
      if (item && 'value' in item) see(item.version, item.value);
    }
    assert.ok(contents.size > 100);
  });

  it('[LD6] many readers of a lost item load it once', async () => {
    const world = new EngineWorld({}, 3);
    await world.ok('a', { set: 1 }, { release: true });
    await world.evict(/^i\//);
    world.at(0).counts.clear();
    const reads = [0, 1, 2].flatMap((on) =>
      Array.from({ length: 20 }, () => world.at(on).engine.readItem(SPACE, 'a' as ItemId)),
    );
    const states = await world.run(Promise.all(reads));
    assert.ok(states.every((state) => state?.value === 1));
    const loads = world.instances.reduce((sum, { counts }) => sum + (counts.get('loads') ?? 0), 0);
    assert.equal(loads, 1);
  });

  it('[LD7] a loader that died leaves nothing behind for longer than 5 s', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 1 }, { release: true });
    await world.evict(/^i\//);
    const { store } = world.at(0);
    store.dead = true;
    void world.at(0).engine.readItem(SPACE, 'a' as ItemId);
    await world.settle();
    world.at(0).kill();
    const before = world.clock.monotonic();
    const read = () => world.run(world.at(1).engine.readItem(SPACE, 'a' as ItemId)).catch(() => undefined);
    let state = await read();
    while (!state && world.clock.monotonic() - before <= 5_500) state = await read(); // until then 503 with a hint
    assert.equal(state?.value, 1);
  });

  it('[LD8] a loader that slept past its lease does not roll the row back under a living head', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 'stored' }, { release: true });
    await world.evict(/^i\//);
    const sleeper = world.at(0);
    let wake: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const { store } = sleeper;
    const { read } = store;
    store.read = async (keys) => {
      await gate;
      return read.call(store, keys);
    };
    const slow = sleeper.engine.readItem(SPACE, 'a' as ItemId);
    await world.pass(6_000); // the placeholder is gone
    await world.ok('a', { set: 'opened' }, { on: 1 });
    await world.ok('a', { set: 'moved' }, { on: 1 });
    store.read = read;
    wake();
    const state = await world.run(slow);
    assert.equal(state?.value, 'moved');
    assert.equal((await world.row('a'))?.L, 0);
  });

  it('[LD9] index, ledger, floor and heads evicted at random: after quiet, every chain holds what the store holds', async () => {
    const world = new EngineWorld({}, 2);
    const chains = [new Chain(world), new Chain(world)];
    for (let i = 0; i < 200; i++) {
      const more = world.random.chance(0.2) ? { release: true } : {};
      await world.post(`a${world.random.int(5)}`, { set: i }, { on: world.random.int(2), ...more });
      if (world.random.chance(0.1)) await world.evict(world.random.pick([/^i\//, /^x\//, /^d\//, /^f\//, /^s\//]));
      await world.pass(world.random.int(3) * 300);
      await chains[i % 2]?.next({}, world.random.int(2)).catch(() => undefined);
    }
    await world.pass(6 * N);
    const fresh = new Chain(world);
    await fresh.next();
    for (const chain of chains) {
      await chain.next();
      assert.deepEqual(chain.values, fresh.values);
    }
    for (const [id, { value, version }] of fresh.items) {
      const row = await world.row(id);
      assert.deepEqual([row?.body, row?.v, row?.open], [value, version, false], id);
    }
  });
});

describe('the loss of the whole cache', () => {
  it('[LD20] while the writers live nothing is lost: they store what they hold before anybody loads', async () => {
    const world = new EngineWorld({}, 3);
    await world.ok('a', { set: 0 });
    await world.ok('a', { set: 'newest a' });
    await world.ok('b', { set: 0 }, { on: 1 });
    await world.ok('b', { set: 'newest b' }, { on: 1 });
    const chain = new Chain(world);
    await chain.next({}, 2);
    world.restartCache();
    const tooEarly = await world.pollProblem({ marker: chain.marker }, 2);
    assert.deepEqual([tooEarly?.status, tooEarly?.code], [503, 'recovering']);
    assert.ok((tooEarly?.retryAfterMs ?? 0) > 0 && (tooEarly?.retryAfterMs ?? 0) <= 2_000);
    await world.pass(2_000);
    await chain.next({}, 2);
    assert.deepEqual(chain.values, { a: 'newest a', b: 'newest b' });
    assert.equal(chain.resets, 1);
  });

  it('[LD21] updates of a lost open item are retry recovering for at most 2 s, then go on', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('a', { set: 0 });
    world.restartCache();
    const early = await world.post('a', { set: 1 }, { on: 1 });
    assert.equal(early.result === 'retry' && early.code, 'recovering');
    await world.pass(2_000);
    await world.ok('a', { set: 1 }, { on: 1 });
  });

  it('[LD22] spaces without open items, new spaces and closed items are not delayed by it', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('closed', { set: 0 }, { release: true });
    world.restartCache();
    await world.ok('closed', { set: 1 }, { on: 1 });
    const { results } = await world.postAll(
      { updates: [{ item: 'x', op: { set: 1 } }] },
      { space: 'brand-new', on: 1 },
    );
    assert.equal(results[0]?.result, 'ok');
    const open = new EngineWorld({}, 2);
    await open.ok('open', { set: 0 });
    await open.ok('closed', { set: 0 }, { release: true });
    open.restartCache();
    await open.ok('closed', { set: 1 }, { on: 1 });
    await open.ok('new', { set: 1 }, { on: 1 });
  });

  it('[LD22] nor is a closed item whose last writer still remembers its head', async () => {
    const world = new EngineWorld();
    await world.ok('closed', { set: 0 }, { release: true });
    world.restartCache();
    await world.ok('closed', { set: 1 });
    assert.equal(world.at(0).counts.get('rollbacks'), undefined);
  });

  it('[LD23] with all servers lost too, released and durable content is exact, an open item goes back by at most N', async () => {
    const world = new EngineWorld({}, 1);
    await world.ok('released', { set: 'r0' });
    await world.ok('released', { set: 'r1' }, { release: true });
    await world.ok('durable', { set: 'd0' });
    await world.ok('durable', { set: 'd1' }, { durable: true });
    for (let i = 0; i < 300; i++) {
      await world.ok('moving', { set: i });
      await world.pass(50);
    }
    world.at(0).kill();
    world.restartCache();
    world.start();
    world.park({ marker: 'now' }, 1);
    await world.pass(2_000);
    const chain = new Chain(world);
    await chain.next({}, 1);
    assert.equal(chain.values.released, 'r1');
    assert.equal(chain.values.durable, 'd1');
    assert.ok((chain.values.moving as number) >= 299 - (N + 500) / 50, `back at ${chain.values.moving}`);
  });
});
