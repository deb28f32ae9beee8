import assert from 'node:assert/strict';
import { MAX_HEAD_BYTES, MAX_INLINE_BYTES, MAX_RECORD_BYTES } from '../../src/protocol/limits.ts';
import { Chain } from '../support/chain.ts';
import { EngineWorld, N } from '../support/engine-fixture.ts';

const KB = 1_024;

async function grow(world: EngineWorld, entries: number, bytes: number, on = 0): Promise<void> {
  for (let i = 0; i < entries; i++) await world.ok('j', { add: `${i}`.padEnd(bytes, '.') }, { kind: 'journal', on });
}

async function value(world: EngineWorld, on = 0): Promise<readonly string[]> {
  const [item] = (await world.snapshot(on)).items;
  return (item && 'value' in item ? item.value : []) as readonly string[];
}

describe('items with large values', () => {
  it('[KY20] a head stays below 128 KiB and every record below 900 KiB, however large the value', async () => {
    const world = new EngineWorld();
    let largest = 0;
    let head = 0;
    const { cache } = world.at(0);
    const { set, casThenGet } = cache;
    cache.set = (key, bytes, ttl) => {
      largest = Math.max(largest, bytes.length);
      return set(key, bytes, ttl);
    };
    cache.casThenGet = (key, bytes, token, then) => {
      head = Math.max(head, bytes.length);
      return casThenGet(key, bytes, token, then);
    };
    await grow(world, 200, 3 * KB);
    assert.ok(head > MAX_INLINE_BYTES && head <= MAX_HEAD_BYTES, `${head}`);
    assert.ok(largest > 500 * KB && largest <= MAX_RECORD_BYTES, `${largest}`);
    assert.equal((await value(world)).length, 200);
  });

  it('[KY21] a move of a large value writes its delta, not the value', async () => {
    const world = new EngineWorld();
    await grow(world, 100, 3 * KB);
    const { cache } = world.at(0);
    let bytes = 0;
    const { casThenGet } = cache;
    cache.casThenGet = (key, data, token, then) => {
      bytes += data.length;
      return casThenGet(key, data, token, then);
    };
    cache.calls.length = 0;
    for (let i = 0; i < 20; i++) await world.ok('j', { add: 'small' });
    assert.ok(bytes / 20 < 40 * KB, `${bytes / 20} bytes each`);
    assert.ok(cache.calls.filter(({ name }) => name === 'set').length <= 4);
  });

  it('[KY22] a reader that is up to date gets deltas, one that is far behind the value; both end equal', async () => {
    const world = new EngineWorld();
    await grow(world, 40, 2 * KB);
    const near = new Chain(world);
    await near.next();
    await world.ok('j', { add: 'a' });
    await world.ok('j', { add: 'b' });
    const response = await near.page();
    const [item] = response.items;
    assert.ok(item && 'deltas' in item && item.deltas.length === 2, JSON.stringify(response).slice(0, 300));
    const far = new Chain(world);
    await far.next();
    await grow(world, 300, 2 * KB);
    const late = await far.page();
    assert.ok(late.items[0] && 'value' in late.items[0]);
    await near.next();
    assert.deepEqual(near.values, far.values);
  });

  it('[KY22] deltas that have gone to segments are still given, across two folds', async () => {
    const world = new EngineWorld();
    await grow(world, 200, 2 * KB);
    const chain = new Chain(world);
    await chain.next();
    await grow(world, 40, 2 * KB);
    const [item] = (await chain.page()).items;
    assert.ok(item && 'deltas' in item, 'deltas are far smaller than the value');
    assert.equal(item.deltas.length, 40);
    assert.ok(((await world.head('j'))?.segs.length ?? 0) >= 2);
    assert.equal((chain.values.j as string[]).length, 240);
  });

  it('[KY23] records that no head names any more are deleted', async () => {
    const world = new EngineWorld();
    await grow(world, 300, 3 * KB);
    await world.settle();
    const head = await world.head('j');
    const named = new Set([head?.ref?.key, ...(head?.segs ?? []).map(({ key }) => key)]);
    const left = await world.evict(/^b\//);
    assert.equal(left, named.size);
  });

  it('[LD30] a lost body is made again from the row and the tail under the same version', async () => {
    const world = new EngineWorld({}, 2);
    await grow(world, 30, 2 * KB);
    await world.pass(N + 500); // stored
    await world.ok('j', { add: 'tail' });
    const before = await world.head('j');
    assert.ok(before?.ref);
    await world.evict(/^b\//);
    const chain = new Chain(world);
    await chain.next({}, 1);
    assert.equal((chain.values.j as string[]).length, 31);
    assert.equal((chain.values.j as string[])[30], 'tail');
    const after = await world.head('j');
    assert.deepEqual([after?.v, after?.L], [before.v, before.L]);
    await world.ok('j', { add: 'more' }, { on: 1 });
    assert.equal((await value(world, 1)).length, 32);
  });

  it('[LD31] a lost body that the store cannot make up for takes the item back, and says so', async () => {
    const world = new EngineWorld({}, 2);
    await world.ok('j', { add: 'stored' }, { kind: 'journal' });
    await grow(world, 30, 2 * KB);
    const before = await world.head('j');
    world.at(0).kill();
    await world.evict(/^b\//);
    const chain = new Chain(world);
    await chain.next({}, 1);
    assert.deepEqual(chain.values, { j: ['stored'] });
    assert.ok((chain.items.get('j')?.version ?? 0) > (before?.ceil ?? 0));
    assert.equal((await world.head('j'))?.back?.from, 1);
  });

  it('[LD32] a lost segment costs deltas, not content', async () => {
    const world = new EngineWorld();
    await grow(world, 100, 2 * KB);
    const chain = new Chain(world);
    await chain.next();
    await grow(world, 25, 2 * KB);
    const segment = (await world.head('j'))?.segs.at(-1)?.key ?? '';
    assert.equal(await world.evict(new RegExp(`^b/.*${segment}$`)), 1);
    await chain.next();
    assert.equal((chain.values.j as string[]).length, 125);
  });

  it('[KY24] two instances that write one large value by turns lose nothing', async () => {
    const world = new EngineWorld({}, 2);
    for (let i = 0; i < 80; i++) await world.ok('j', { add: `${i}`.padEnd(2 * KB) }, { kind: 'journal', on: i % 2 });
    assert.deepEqual(
      (await value(world)).map((text) => Number(text)),
      Array.from({ length: 80 }, (_, i) => i),
    );
    await world.pass(4 * N);
    const row = await world.row('j');
    assert.ok(Array.isArray(row?.body) && row.body.length === 80);
  });

  it('[KY25] a register of 256 KiB goes through snapshot, merge, close and reload', async () => {
    const world = new EngineWorld();
    const big = 'x'.repeat(255 * KB);
    await world.ok('a', { set: { big } });
    await world.ok('a', { merge: { n: 1 } });
    await world.pass(4 * N);
    await world.evict(/^[ib]\//);
    await world.ok('a', { merge: { n: 2 } });
    const [item] = (await world.snapshot()).items;
    assert.ok(item && 'value' in item);
    assert.deepEqual(item.value, { big, n: 2 });
  });

  it('[PU63] conflicts and resyncs of one request carry about 4 MiB of large values, then none', async () => {
    const world = new EngineWorld();
    const items = Array.from({ length: 40 }, (_, i) => `i${String(i).padStart(2, '0')}`);
    for (const item of items) await world.ok(item, { set: item.padEnd(255 * KB) });
    await world.ok('small', { set: 1 });
    const updates = [...items, 'small'].map((item) => ({ item, op: { set: 2 }, ifVersion: 9 }));
    for (const seq of [1, 2, 2]) {
      const response = await world.postAll({ clientId: 'c', seq, updates });
      const bytes = JSON.stringify(response).length;
      assert.ok(bytes > 3.5 * KB * KB && bytes < 4.5 * KB * KB, `${bytes} bytes`);
      const shows = response.results.map((result) => result.result === 'conflict' && 'value' in result);
      assert.deepEqual(shows, [...items.map((_, i) => i < 16), true]);
      assert.ok(response.results.every((result) => 'version' in result && result.version === 1));
    }
  });

  it('[KY26] the records of 256 writers with the longest ids fit a head beside value and tail', async () => {
    const world = new EngineWorld();
    await world.ok('a', { set: 'x'.repeat(MAX_INLINE_BYTES - 100) });
    for (let i = 0; i < 260; i++) {
      const clientId = `${i}`.padStart(128, 'c');
      const updates = [{ item: 'a', op: { merge: { n: i } } }];
      const { results } = await world.postAll({ clientId, seq: i + 1, updates }, { subject: 's'.repeat(128) });
      assert.equal(results[0]?.result, 'ok', `writer ${i}`);
    }
  });
});
