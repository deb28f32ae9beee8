import assert from 'node:assert/strict';
import { createMemoryCache, type MemoryCache } from '../../../src/backends/cache/memory.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import { cacheContract, closedCacheContract } from '../../contracts/cache.ts';
import { FakeClock } from '../../support/clocks.ts';
import { countedCache } from '../../support/counted-cache.ts';

const value = (bytes: number): Buffer => Buffer.alloc(bytes, 'v');

describe('memory cache', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = new FakeClock();
  });

  describe('contract', () => {
    cacheContract(async () => {
      const clock = new FakeClock();
      const cache = createMemoryCache({ clock });
      return { cache, other: cache, outliveOneSecond: async () => clock.advance(1000), close: () => cache.close() };
    });
    closedCacheContract(async () => createMemoryCache({ clock }));
  });

  describe('contract, bounded and through a wrapper', () => {
    cacheContract(async () => {
      const clock = new FakeClock();
      const inner = createMemoryCache({ clock, maxBytes: 20_000_000, evictable: () => true });
      const cache = countedCache(inner);
      return { cache, other: inner, outliveOneSecond: async () => clock.advance(1000), close: () => cache.close() };
    });
  });

  it('[CA17] a record lives exactly as long as it was given', async () => {
    const cache = createMemoryCache({ clock });
    await cache.set('i/s/a', value(1), 2.5);
    clock.advance(2499);
    assert.notEqual((await cache.get(['i/s/a']))[0], undefined);
    clock.advance(1);
    assert.deepEqual(await cache.get(['i/s/a']), [undefined]);
    assert.equal(cache.size, 0);
  });

  it('[CA30] buffers are not copied, neither in nor out', async () => {
    const cache = createMemoryCache({ clock });
    const mine = value(100);
    await cache.set('i/s/a', mine);
    assert.equal((await cache.get(['i/s/a']))[0]?.value, mine);
  });

  it('[CA30] appending neither writes into what was handed in nor copies the record each time', async () => {
    const cache = createMemoryCache({ clock });
    const backing = Buffer.from('abcdef');
    await cache.set('i/s/a', backing.subarray(0, 3));
    const rooms = new Set<ArrayBufferLike>();
    for (let i = 0; i < 1000; i++) {
      await cache.append('i/s/a', Buffer.from('0123456789'));
      const [entry] = await cache.get(['i/s/a']);
      if (entry !== undefined) rooms.add(entry.value.buffer);
    }
    assert.equal(backing.toString(), 'abcdef');
    assert(rooms.size <= 12, `${rooms.size} copies`);
  });

  it('[CA31] records whose time is over do not pile up unread', async () => {
    const cache = createMemoryCache({ clock });
    for (let i = 0; i < 10_000; i++) {
      await cache.set(`s/s/${i}`, value(10), 1);
      clock.advance(10);
    }
    assert(cache.size <= 300, `${cache.size} records for 100 living ones`);
  });

  it('[CA34] clear is a restart: nothing is left, and tokens from before are refused', async () => {
    const cache = createMemoryCache({ clock });
    const token = await cache.add('i/s/a', value(1));
    assert(token !== undefined);
    cache.clear();
    assert.deepEqual([cache.size, cache.bytes], [0, 0]);
    assert.deepEqual(await cache.cas('i/s/a', value(2), token), { status: 'missing' });
    await cache.add('i/s/a', value(1));
    assert.deepEqual(await cache.cas('i/s/a', value(2), token), { status: 'conflict' });
    assert.equal(await cache.delete('i/s/a', token), false);
  });

  describe('with a bound', () => {
    let cache: MemoryCache;
    /** Room for ten records of 1000 bytes; only `i/` may go. */
    beforeEach(() => {
      cache = createMemoryCache({ clock, maxBytes: 12_500, evictable: (key) => key.startsWith('i/') });
    });
    const held = async (keys: string[]): Promise<string[]> => {
      const entries = await cache.get(keys);
      return keys.filter((_, i) => entries[i] !== undefined);
    };
    const full = (error: unknown): boolean => isFailure(error, 'cacheFull') && !error.unclear;

    it('[CA32] makes room by dropping what may go, least recently used first', async () => {
      for (let i = 0; i < 10; i++) await cache.set(`i/s/${i}`, value(1000));
      await cache.get(['i/s/0']);
      for (let i = 10; i < 13; i++) await cache.add(`i/s/${i}`, value(1000));
      const left = await held(Array.from({ length: 13 }, (_, i) => `i/s/${i}`));
      assert.deepEqual(
        left,
        ['0', '4', '5', '6', '7', '8', '9', '10', '11', '12'].map((n) => `i/s/${n}`),
      );
      assert(cache.bytes <= 12_500);
    });

    it('[CA32] never drops another kind of record', async () => {
      for (let i = 0; i < 5; i++) await cache.set(`d/s/${i}`, value(1000));
      for (let i = 0; i < 50; i++) await cache.set(`i/s/${i}`, value(1000));
      assert.equal((await held(Array.from({ length: 5 }, (_, i) => `d/s/${i}`))).length, 5);
    });

    it('[CA33] refuses with cacheFull where nothing may go, and changes nothing', async () => {
      for (let i = 0; i < 10; i++) await cache.set(`d/s/${i}`, value(1000));
      const [entry] = await cache.get(['d/s/0']);
      assert(entry !== undefined);
      const before = cache.bytes;
      await assert.rejects(cache.add('i/s/new', value(1000)), full);
      await assert.rejects(cache.set('d/s/0', value(3000)), full);
      await assert.rejects(cache.cas('d/s/0', value(3000), entry.token), full);
      await assert.rejects(cache.append('d/s/0', value(3000)), full);
      assert.equal(cache.bytes, before);
      assert.equal((await cache.get(['d/s/0']))[0]?.value.length, 1000);
      assert.equal((await cache.cas('d/s/0', value(500), entry.token)).status, 'stored');
    });

    it('[CA33] takes writes again once something was deleted, or its time is over', async () => {
      for (let i = 0; i < 10; i++) await cache.set(`d/s/${i}`, value(1000), i < 5 ? 10 : undefined);
      await assert.rejects(cache.set('d/s/new', value(1000)), full);
      await cache.delete('d/s/9');
      await cache.set('d/s/new', value(1000));
      await assert.rejects(cache.set('d/s/other', value(1000)), full);
      clock.advance(10_000);
      await cache.set('d/s/other', value(1000));
      assert.equal((await held(['d/s/new', 'd/s/other'])).length, 2);
    });

    it('[CA33] finds the one record whose time is over among many whose is not, before it refuses', async () => {
      for (let i = 0; i < 39; i++) await cache.set(`d/s/${i}`, value(100), 60);
      await cache.set('d/s/short', value(100), 1);
      await assert.rejects(cache.set('d/s/new', value(100)), full);
      clock.advance(1000);
      await cache.set('d/s/new', value(100));
      assert.deepEqual(await held(['d/s/short', 'd/s/new']), ['d/s/new']);
    });

    it('[CA32] a record that grows may push out others, not itself', async () => {
      for (let i = 0; i < 10; i++) await cache.set(`i/s/${i}`, value(1000));
      const [entry] = await cache.get(['i/s/0']);
      assert(entry !== undefined);
      assert.equal((await cache.cas('i/s/0', value(5000), entry.token)).status, 'stored');
      assert.deepEqual((await cache.get(['i/s/0']))[0]?.value.length, 5000);
      await assert.rejects(cache.set('i/s/0', value(20_000)), full);
      assert.deepEqual((await cache.get(['i/s/0']))[0]?.value.length, 5000);
    });
  });
});
