import assert from 'node:assert/strict';
import { createMemcachedCache } from '../../../src/backends/cache/memcached.ts';
import { createMemoryCache } from '../../../src/backends/cache/memory.ts';
import { createCachedCounts } from '../../../src/backends/counts/cached-counts.ts';
import type { Cache } from '../../../src/ports/cache.ts';
import { FakeClock, realClock } from '../../support/clocks.ts';
import { findMemcached, MEMCACHED_MISSING, type RunningMemcached, startMemcached } from '../../support/memcached.ts';
import { skipFor } from '../../support/need.ts';
import { ProbedCache } from '../../support/probed-backends.ts';
import { RecordedLog } from '../../support/recorded-log.ts';

const WINDOW = 10_000;

function world() {
  const clock = new FakeClock();
  const keys = new Set<string>();
  const inner = createMemoryCache({ clock });
  const cache = new ProbedCache(inner, keys);
  const instance = () => createCachedCounts({ cache: new ProbedCache(inner, keys), clock, windowMs: WINDOW });
  return { clock, cache, keys, counts: createCachedCounts({ cache, clock, windowMs: WINDOW }), instance };
}

describe('counts in the cache', () => {
  it('[LI30] what instances add to a key is one sum, and other keys have theirs', async () => {
    const { counts, instance } = world();
    const other = instance();
    assert.equal((await counts.add('post/s/ann', 5)).points, 5);
    assert.equal((await other.add('post/s/ann', 7)).points, 12);
    assert.equal((await counts.add('post/s/bob', 1)).points, 1);
    const sums = await Promise.all(Array.from({ length: 20 }, () => instance().add('poll/s/ann', 3)));
    assert.equal(Math.max(...sums.map(({ points }) => points)), 60);
  });

  it('[LI30] a window ends for all at the same time, and a new one begins at 0', async () => {
    const { counts, instance, clock } = world();
    const first = await counts.add('k', 5);
    assert.ok(first.leftMs > 0 && first.leftMs <= WINDOW);
    clock.advance(first.leftMs - 1);
    assert.deepEqual(await instance().add('k', 1), { points: 6, leftMs: 1 });
    clock.advance(1);
    assert.deepEqual(await counts.add('k', 2), { points: 2, leftMs: WINDOW });
  });

  it('[LI31] a settlement is an append and a get; names of callers are not in the keys, and the records end by themselves', async () => {
    const { counts, cache, keys, clock } = world();
    await counts.add('post/s/ann', 1);
    cache.calls.length = 0;
    await counts.add('post/s/ann', 1);
    assert.deepEqual(
      cache.calls.map(({ name }) => name),
      ['append', 'get'],
    );
    const [key = ''] = [...keys];
    assert.match(key, /^n\/[A-Za-z0-9_-]{43}\/\d+$/);
    clock.advance(2 * WINDOW + 1_000);
    assert.deepEqual(await cache.get([key]), [undefined]);
  });

  it('[LI32] rejects while the cache does not answer', async () => {
    const { counts, cache } = world();
    cache.down = true;
    await assert.rejects(counts.add('k', 1), { code: 'cacheUnavailable' });
  });
});

describe('counts in memcached', () => {
  let server: RunningMemcached;
  const caches: Cache[] = [];

  before(async function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    server = await startMemcached();
  });
  after(async () => {
    for (const cache of caches) await cache.close();
    await server?.stop();
  });

  it('[LI30] instances with connections of their own add to one sum', async () => {
    // Far from the end of a window, however long this takes.
    const clock = new FakeClock();
    const instances = Array.from({ length: 4 }, () => {
      const servers = [{ host: '127.0.0.1', port: server.port }];
      const cache = createMemcachedCache({ servers, clock: realClock, log: new RecordedLog(), deadlineMs: 5_000 });
      caches.push(cache);
      return createCachedCounts({ cache, clock, windowMs: WINDOW });
    });
    const sums = await Promise.all(
      Array.from(
        { length: 40 },
        (_, i) => instances[i % 4]?.add('post/s/ann', 25) ?? Promise.reject(new Error('none')),
      ),
    );
    assert.equal(Math.max(...sums.map(({ points }) => points)), 1_000);
    assert.equal((await instances[0]?.add('post/s/bob', 1))?.points, 1);
  });
});
