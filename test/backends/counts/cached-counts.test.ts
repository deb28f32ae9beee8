import assert from 'node:assert/strict';
import { createMemoryCache } from '../../../src/backends/cache/memory.ts';
import { createCachedCounts } from '../../../src/backends/counts/cached-counts.ts';
import { FakeClock } from '../../support/clocks.ts';
import { ProbedCache } from '../../support/probed-backends.ts';

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
