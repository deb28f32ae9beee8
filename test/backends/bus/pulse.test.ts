import assert from 'node:assert/strict';
import { createPulseBus } from '../../../src/backends/bus/pulse.ts';
import { createMemcachedCache } from '../../../src/backends/cache/memcached.ts';
import { createMemoryCache, type MemoryCache } from '../../../src/backends/cache/memory.ts';
import { pulseKey } from '../../../src/model/keys.ts';
import type { Bus } from '../../../src/ports/bus.ts';
import type { Cache, CacheKey } from '../../../src/ports/cache.ts';
import { Failure } from '../../../src/ports/failure.ts';
import type { Random } from '../../../src/ports/random.ts';
import { busContract } from '../../contracts/bus.ts';
import { FakeClock, realClock, settle } from '../../support/clocks.ts';
import { findMemcached, MEMCACHED_MISSING, startMemcached } from '../../support/memcached.ts';
import { skipFor } from '../../support/need.ts';
import { RecordedLog } from '../../support/recorded-log.ts';

const POLL_MS = 100;
const MERGE_MS = 50;

let ids = 0;
const random: Random = { fraction: () => 0.5, id: () => `instance-${++ids}` };

/** Keeps what is asked of a cache, and fails it on demand. */
class WatchedCache implements Pick<Cache, 'get' | 'set'> {
  readonly inner: MemoryCache;
  failing = false;
  readonly gets: (readonly CacheKey[])[] = [];
  readonly sets: { readonly key: CacheKey; readonly at: number; readonly ttl: number | undefined }[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.inner = createMemoryCache({ clock });
  }

  async get(keys: readonly CacheKey[]) {
    this.gets.push(keys);
    if (this.failing) throw new Failure('cacheUnavailable', 'away');
    return this.inner.get(keys);
  }

  async set(key: CacheKey, value: Buffer, ttl?: number): Promise<void> {
    this.sets.push({ key, at: this.#clock.monotonic(), ttl });
    if (this.failing) throw new Failure('cacheUnavailable', 'away', { unclear: true });
    return this.inner.set(key, value, ttl);
  }
}

describe('pulse bus', () => {
  describe('contract, memory cache', () => {
    busContract(async () => {
      const clock = new FakeClock();
      const cache = createMemoryCache({ clock });
      const make = (): Bus => createPulseBus({ cache, clock, random, log: new RecordedLog() });
      const [one, two] = [make(), make()];
      const arrive = async (): Promise<void> => {
        for (let step = 0; step < 5; step++) {
          await settle();
          clock.advance(POLL_MS);
        }
        await settle();
      };
      const close = async (): Promise<void> => void (await Promise.all([one.close(), two.close()]));
      return { one, two, arrive, close };
    });
  });

  describe('contract, memcached', () => {
    before(function () {
      if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    });
    busContract(async () => {
      const server = await startMemcached();
      const servers = [{ host: '127.0.0.1', port: server.port }];
      const clock = new FakeClock();
      const log = new RecordedLog();
      const make = () => createMemcachedCache({ servers, clock: realClock, log, deadlineMs: 5_000 });
      const caches = [make(), make()] as const;
      const [one, two] = [
        createPulseBus({ cache: caches[0], clock, random, log }),
        createPulseBus({ cache: caches[1], clock, random, log }),
      ];
      const arrive = async (): Promise<void> => {
        for (let step = 0; step < 3; step++) {
          // What was sent before a ping is answered before it.
          await Promise.all(caches.map((cache) => cache.ping()));
          await settle();
          clock.advance(POLL_MS);
        }
        await Promise.all(caches.map((cache) => cache.ping()));
        await settle();
      };
      const close = async (): Promise<void> => {
        await Promise.all([one.close(), two.close()]);
        await Promise.all(caches.map((cache) => cache.close()));
        await server.stop();
      };
      return { one, two, arrive, close };
    });
  });

  describe('on the clock', () => {
    let clock: FakeClock;
    let cache: WatchedCache;
    let log: RecordedLog;
    const made: Bus[] = [];

    beforeEach(() => {
      clock = new FakeClock();
      cache = new WatchedCache(clock);
      log = new RecordedLog();
    });
    afterEach(async () => {
      for (const bus of made.splice(0)) await bus.close();
    });

    function make(): Bus {
      const bus = createPulseBus({ cache: cache as unknown as Cache, clock, random, log });
      made.push(bus);
      return bus;
    }
    async function pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= 10) {
        await settle();
        clock.advance(Math.min(10, left));
      }
      await settle();
    }
    function counted(bus: Bus, space = 'board'): { wakes: number; end: () => void } {
      const watcher = { wakes: 0, end: () => {} };
      watcher.end = bus.watch(space, () => {
        watcher.wakes += 1;
      });
      return watcher;
    }

    it('[BU10] hints of one space are written at most every 50 ms, the first at once, the last not lost', async () => {
      const bus = make();
      for (let ms = 0; ms < 200; ms += 10) {
        bus.publish('board');
        if (ms === 0) bus.publish('other');
        await pass(10);
      }
      await pass(200);
      const times = (space: string) => cache.sets.filter(({ key }) => key === pulseKey(space)).map(({ at }) => at);
      assert.deepEqual(times('board'), [0, 50, 100, 150, 200]);
      assert.deepEqual(times('other'), [0]);
      assert.equal(clock.waiting, 0, 'no timer stays for a space that is still');
    });

    it('[BU10] a pulse is one key of the space, with a time to live', async () => {
      make().publish('board');
      await settle();
      const [set] = cache.sets;
      assert.equal(set?.key, pulseKey('board'));
      assert(set.ttl !== undefined && set.ttl >= 600);
    });

    it('[BU11] all watched spaces are looked at together every 100 ms, 100 keys per call', async () => {
      const bus = make();
      const watchers = Array.from({ length: 250 }, (_, i) => counted(bus, `space-${i}`));
      await pass(POLL_MS);
      assert.deepEqual(
        cache.gets.map((keys) => keys.length),
        [100, 100, 50],
      );
      await pass(POLL_MS);
      assert.equal(cache.gets.length, 6);
      for (const { end } of watchers.slice(1)) end();
      await pass(POLL_MS);
      assert.deepEqual(cache.gets.at(-1), [pulseKey('space-0')]);
    });

    it('[BU11] nothing is looked at while nothing is watched', async () => {
      const bus = make();
      await pass(1000);
      const watcher = counted(bus);
      await pass(POLL_MS);
      watcher.end();
      await pass(POLL_MS);
      const looks = cache.gets.length;
      await pass(1000);
      assert.equal(cache.gets.length, looks);
      assert.equal(clock.waiting, 0);
    });

    it('[BU12] a watch of a space begins with one wake; a second one on the same space goes on from there', async () => {
      const bus = make();
      const first = counted(bus);
      await pass(POLL_MS);
      assert.equal(first.wakes, 1);
      const second = counted(bus);
      await pass(3 * POLL_MS);
      assert.deepEqual([first.wakes, second.wakes], [1, 0]);
    });

    it('[BU12] so does a watch after a time in which nobody watched', async () => {
      const bus = make();
      const before = counted(bus);
      await pass(POLL_MS);
      before.end();
      await pass(10 * POLL_MS);
      const after = counted(bus);
      await pass(2 * POLL_MS);
      assert.equal(after.wakes, 1);
    });

    it('[BU13] a pulse that vanished, or that nobody here can read, wakes once', async () => {
      const bus = make();
      make().publish('board');
      await settle();
      const watcher = counted(bus);
      await pass(POLL_MS);
      watcher.wakes = 0;
      await cache.inner.delete(pulseKey('board'));
      await pass(3 * POLL_MS);
      assert.equal(watcher.wakes, 1);
      for (const garbage of ['', 'missing', 'unknown', '\xff\x00']) {
        await cache.inner.set(pulseKey('board'), Buffer.from(garbage, 'latin1'));
        watcher.wakes = 0;
        await pass(3 * POLL_MS);
        assert.equal(watcher.wakes, 1, JSON.stringify(garbage));
      }
    });

    it('[BU14] own hints do not wake, however many', async () => {
      const bus = make();
      const watcher = counted(bus);
      await pass(POLL_MS);
      watcher.wakes = 0;
      for (let i = 0; i < 50; i++) {
        bus.publish('board');
        await pass(10);
      }
      assert.equal(watcher.wakes, 0);
    });

    it('[BU14] a hint that an own one overwrites still wakes', async () => {
      const [mine, theirs] = [make(), make()];
      const watcher = counted(mine);
      await pass(POLL_MS);
      watcher.wakes = 0;
      theirs.publish('board');
      await settle();
      mine.publish('board');
      await pass(2 * POLL_MS);
      assert.equal(watcher.wakes, 1);
    });

    it('[BU15] a failing cache disturbs nobody, and its return wakes every watcher once', async () => {
      const bus = make();
      const watchers = [counted(bus, 'a'), counted(bus, 'b')];
      await pass(POLL_MS);
      for (const watcher of watchers) watcher.wakes = 0;
      cache.failing = true;
      bus.publish('a');
      await pass(5 * POLL_MS);
      assert.deepEqual(
        watchers.map(({ wakes }) => wakes),
        [0, 0],
      );
      cache.failing = false;
      await pass(3 * POLL_MS);
      assert.deepEqual(
        watchers.map(({ wakes }) => wakes),
        [1, 1],
      );
      const levels = log.lines.map(({ level }) => level);
      assert.deepEqual(levels, ['warn', 'info'], 'said once, not at every look');
    });

    it('[BU16] close writes the hints that wait, and leaves no timer', async () => {
      const bus = make();
      counted(bus);
      bus.publish('board');
      bus.publish('board');
      await settle();
      assert.equal(cache.sets.length, 1);
      await bus.close();
      assert.equal(cache.sets.length, 2);
      assert.equal(clock.waiting, 0);
    });

    it('[BU17] a look that takes long is not overtaken by the next', async () => {
      const bus = make();
      counted(bus);
      let answer: (() => void) | undefined;
      const inner = cache.inner;
      cache.get = (keys) => {
        cache.gets.push(keys);
        return new Promise((resolve) => {
          answer = () => resolve(inner.get(keys));
        });
      };
      await pass(2 * POLL_MS);
      counted(bus, 'joins meanwhile');
      await pass(3 * POLL_MS);
      assert.equal(cache.gets.length, 1);
      answer?.();
      await pass(POLL_MS);
      assert.equal(cache.gets.length, 2);
      answer?.();
    });
  });

  it('[BU10] the bounds are 50 and 100 ms unless told otherwise', async () => {
    const clock = new FakeClock();
    const cache = new WatchedCache(clock);
    const options = { cache: cache as unknown as Cache, clock, random, log: new RecordedLog() };
    const bus = createPulseBus({ ...options, pollMs: 30, mergeMs: 10 });
    bus.watch('board', () => {});
    bus.publish('board');
    bus.publish('board');
    await settle();
    clock.advance(10);
    await settle();
    assert.equal(cache.sets.length, 2);
    const before = cache.gets.length;
    clock.advance(20);
    await settle();
    assert.equal(cache.gets.length, before + 1);
    await bus.close();
    assert(MERGE_MS < POLL_MS);
  });
});
