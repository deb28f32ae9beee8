import assert from 'node:assert/strict';
import { createMemcachedCache, type MemcachedCache } from '../../../src/backends/cache/memcached.ts';
import type { Cache } from '../../../src/ports/cache.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import { type CacheUnderTest, cacheContract, closedCacheContract } from '../../contracts/cache.ts';
import { FakeClock, realClock } from '../../support/clocks.ts';
import { countedCache } from '../../support/counted-cache.ts';
import {
  findMemcached,
  MEMCACHED_MISSING,
  type MemcachedOptions,
  type RunningMemcached,
  saslProblem,
  startMemcached,
} from '../../support/memcached.ts';
import { skipFor } from '../../support/need.ts';
import { RecordedLog } from '../../support/recorded-log.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

/** Far beyond what a slow machine takes: only tests that make something silent may run into a deadline. */
const PATIENT_MS = 5_000;

/**
 * memcached counts seconds by a clock of its own, each node by another, so here time really has to pass. On every node a
 * record set now dies after those set before.
 */
async function outliveOneSecond(cache: Cache): Promise<void> {
  const onEachNode = Array.from({ length: 30 }, (_, i) => `i/time${i}/probe`);
  for (const key of onEachNode) await cache.set(key, Buffer.from('1'), 1);
  while ((await cache.get(onEachNode)).some((entry) => entry !== undefined)) await realClock.sleep(20);
}

describe('memcached cache', () => {
  const servers: RunningMemcached[] = [];
  const caches: Cache[] = [];
  const log = new RecordedLog();

  before(function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
  });
  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  const connect = (ports: number[], more: { username?: string; password?: string } = {}): MemcachedCache => {
    const list = ports.map((port) => ({ host: '127.0.0.1', port }));
    const cache = createMemcachedCache({ servers: list, clock: realClock, log, deadlineMs: PATIENT_MS, ...more });
    caches.push(cache);
    return cache;
  };
  const start = async (options: MemcachedOptions = {}): Promise<RunningMemcached> => {
    const server = await startMemcached(options);
    servers.push(server);
    return server;
  };
  const openOver = async (nodes: number, wrap: (cache: Cache) => Cache): Promise<CacheUnderTest> => {
    const own = await Promise.all(Array.from({ length: nodes }, () => startMemcached()));
    const list = own.map(({ port }) => ({ host: '127.0.0.1', port }));
    const make = () => createMemcachedCache({ servers: list, clock: realClock, log, deadlineMs: PATIENT_MS });
    const [cache, other] = [make(), make()];
    return {
      cache: wrap(cache),
      other,
      outliveOneSecond: () => outliveOneSecond(cache),
      close: async () => {
        await Promise.all([cache.close(), other.close()]);
        await Promise.all(own.map((server) => server.stop()));
      },
    };
  };

  describe('contract, one node', () => {
    cacheContract(() => openOver(1, (cache) => cache));
    closedCacheContract(async () => connect([(await start()).port]));
  });

  describe('contract, three nodes and through a wrapper', () => {
    cacheContract(() => openOver(3, countedCache));
  });

  describe('full or otherwise limited memcached', () => {
    const fill = async (cache: MemcachedCache): Promise<number> => {
      const piece = Buffer.alloc(64 * 1024, 'f');
      for (let i = 0; ; i++) {
        try {
          await cache.add(`d/full/${i}`, piece);
        } catch (error) {
          assert(isFailure(error, 'cacheFull') && !error.unclear, String(error));
          return i;
        }
      }
    };

    it('[CA40] with -M a refused cas is cacheFull and keeps the old value', async () => {
      const cache = connect([(await start({ args: ['-M', '-m', '4'] })).port]);
      const token = await cache.add('i/full/small', Buffer.from('old'));
      assert(token !== undefined);
      await fill(cache);
      const large = Buffer.alloc(64 * 1024, 'n');
      const full = (error: unknown): boolean => isFailure(error, 'cacheFull') && !error.unclear;
      await assert.rejects(cache.cas('i/full/small', large, token), full);
      await assert.rejects(cache.casThenGet('i/full/small', large, token, ['i/full/small']), full);
      const [entry] = await cache.get(['i/full/small']);
      assert.equal(entry?.value.toString(), 'old');
      assert.equal((await cache.cas('i/full/small', Buffer.from('new'), token)).status, 'stored');
    });

    it('[CA40] with -M nothing is evicted, and a delete makes room', async () => {
      const cache = connect([(await start({ args: ['-M', '-m', '4'] })).port]);
      const kept = await fill(cache);
      assert(kept > 10, `${kept} pieces`);
      const keys = Array.from({ length: kept }, (_, i) => `d/full/${i}`);
      assert((await cache.get(keys)).every((entry) => entry !== undefined));
      await cache.delete('d/full/0');
      assert.notEqual(await cache.add('d/full/again', Buffer.alloc(64 * 1024)), undefined);
      const [report] = await cache.inspect();
      assert.deepEqual([report?.evictionsOn, report?.evictions], [false, 0]);
    });

    it('[CA41] a cas beyond the item limit of the server is tooLarge and keeps the old value', async () => {
      const cache = connect([(await start({ args: ['-I', '512k'] })).port]);
      const token = await cache.add('i/large/a', Buffer.from('old'));
      assert(token !== undefined);
      const refused = (error: unknown): boolean => isFailure(error, 'tooLarge') && !error.unclear;
      await assert.rejects(cache.cas('i/large/a', Buffer.alloc(600 * 1024), token), refused);
      assert.equal((await cache.get(['i/large/a']))[0]?.value.toString(), 'old');
    });

    it('[CA42] a memcached without cas (-C) is refused: its tokens would check nothing', async () => {
      const cache = connect([(await start({ args: ['-C'] })).port]);
      await cache.set('i/nocas/a', Buffer.from('1'));
      const refused = (error: unknown): boolean => isFailure(error, 'cacheUnavailable') && /-C/.test(error.message);
      await assert.rejects(cache.get(['i/nocas/a']), refused);
      await assert.rejects(cache.add('i/nocas/b', Buffer.from('1')), refused);
    });
  });

  it('[CA43] inspect tells version, evictions and whether they are on, memory and clock', async () => {
    const cache = connect([(await start({ args: ['-m', '2'] })).port]);
    const piece = Buffer.alloc(100 * 1024);
    for (let i = 0; i < 60; i++) await cache.set(`i/evict/${i}`, piece);
    const [report] = await cache.inspect();
    assert(report !== undefined);
    assert.equal(report.evictionsOn, true);
    assert(report.evictions > 0);
    assert.match(report.version, /^\d+\.\d+/);
    assert.equal(report.limitBytes, 2 * 1024 * 1024);
    assert(Math.abs(report.timeMs - Date.now()) < 60_000);
  });

  it('[CA43] inspect tells of each node, in the order of the list', async () => {
    const ports = [(await start({ args: ['-M', '-m', '8'] })).port, (await start({ args: ['-m', '16'] })).port];
    const reports = await connect(ports).inspect();
    assert.deepEqual(
      reports.map(({ node, evictionsOn, limitBytes }) => [node, evictionsOn, limitBytes / 1024 / 1024]),
      [
        [`127.0.0.1:${ports[0]}`, false, 8],
        [`127.0.0.1:${ports[1]}`, true, 16],
      ],
    );
  });

  it('[CA44] a value that is kept does not keep the large buffer it came in', async () => {
    const cache = connect([(await start()).port]);
    const keys = Array.from({ length: 100 }, (_, i) => `i/pinned/${i}`);
    for (const [i, key] of keys.entries()) await cache.set(key, Buffer.alloc(10 + 30 * i, i));
    for (const [i, entry] of (await cache.get(keys)).entries()) {
      const value = entry?.value ?? Buffer.alloc(0);
      assert(value.equals(Buffer.alloc(10 + 30 * i, i)));
      assert(value.buffer.byteLength <= 8192, `${value.buffer.byteLength} bytes kept for ${value.length}`);
    }
  });

  it('[CA49] a value that has not changed is the same object again; a changed one is not', async () => {
    const { port } = await start();
    const [one, other] = [connect([port]), connect([port])];
    const [small, large] = ['i/same/a', 'i/same/b'];
    await one.set(small, Buffer.from('old'));
    await one.set(large, Buffer.alloc(100_000));
    const first = await one.get([small, large]);
    const second = await one.get([small, large]);
    assert.equal(second[0], first[0]);
    assert.notEqual(second[1], first[1]);
    await other.set(small, Buffer.from('new'));
    assert.equal((await one.get([small, large]))[0]?.value.toString(), 'new');
    await other.delete(small);
    assert.deepEqual(await one.get([small]), [undefined]);
    await other.set(small, Buffer.from('old'));
    const [again] = await one.get([small]);
    assert.equal(again?.value.toString(), 'old');
    assert.notEqual(again, first[0]);
  });

  it('[CA71] counts its round trips', async () => {
    const cache = connect([(await start()).port]);
    const [a, b] = ['i/a/1', 'i/a/2'];
    const token = await cache.add(a, Buffer.from('1'));
    assert.equal(cache.trips, 1);
    await cache.get([a, b]);
    assert.equal(cache.trips, 2, 'two keys of one node are one trip');
    await cache.casThenGet(a, Buffer.from('2'), token ?? assert.fail(), [b]);
    assert.equal(cache.trips, 3);
  });

  it('[CA45] commands of one turn leave together', async () => {
    const { port } = await start();
    const proxy = await TcpProxy.start(port);
    const cache = connect([proxy.port]);
    await cache.ping();
    proxy.requests.length = 0;
    await Promise.all(Array.from({ length: 50 }, (_, i) => cache.set(`i/turn/${i}`, Buffer.from('v'))));
    assert.equal(proxy.requests.length, 1);
    await proxy.stop();
  });

  it('[CA17] asks for a second more than was asked of it: memcached may count the first one short', async () => {
    const proxy = await TcpProxy.start((await start()).port);
    const cache = connect([proxy.port]);
    await cache.ping();
    for (const [ttl, sent] of [
      [1, 2],
      [2.5, 4],
      [30 * 86_400 - 1, 30 * 86_400],
      [undefined, 0],
    ] as const) {
      proxy.requests.length = 0;
      await cache.set('i/time/a', Buffer.from('v'), ttl);
      const EXPIRES_AT = 28;
      assert.equal(proxy.requests[0]?.readUInt32BE(EXPIRES_AT), sent);
    }
    await proxy.stop();
  });

  describe('passwords', () => {
    const sasl = { username: 'anna', password: 'right' };
    before(function () {
      const problem = saslProblem();
      if (problem !== undefined) skipFor(this, problem);
    });

    it('[CA46] signs in with SASL PLAIN', async () => {
      const cache = connect([(await start({ sasl })).port], sasl);
      await cache.set('i/sasl/a', Buffer.from('in'));
      assert.equal((await cache.get(['i/sasl/a']))[0]?.value.toString(), 'in');
    });

    it('[CA46] a wrong password, or none, is cacheUnavailable', async () => {
      const { port } = await start({ sasl });
      const refused = (error: unknown): boolean => isFailure(error, 'cacheUnavailable') && !error.unclear;
      await assert.rejects(connect([port], { ...sasl, password: 'wrong' }).set('i/sasl/a', Buffer.from('x')), refused);
      await assert.rejects(connect([port]).set('i/sasl/a', Buffer.from('x')), refused);
    });
  });

  it('[CA47] name and password in the environment are not picked up', async () => {
    const names = ['MEMCACHIER_USERNAME', 'MEMCACHIER_PASSWORD', 'MEMCACHE_USERNAME', 'MEMCACHE_PASSWORD'];
    const before = names.map((name) => process.env[name]);
    const proxy = await TcpProxy.start((await start()).port);
    try {
      for (const name of names) process.env[name] = 'picked-up';
      await connect([proxy.port]).ping();
    } finally {
      for (const [i, name] of names.entries()) {
        if (before[i] === undefined) delete process.env[name];
        else process.env[name] = before[i];
      }
      await proxy.stop();
    }
    const sent = Buffer.concat(proxy.requests);
    assert(sent.length > 0);
    assert(!sent.includes('picked-up'));
    const SASL_LIST = 0x20;
    assert.notEqual(sent[1], SASL_LIST);
  });

  it('[CA48] the count of requests goes round before 2^31', async () => {
    const { port } = await start();
    const nearTheEnd = { clock: new FakeClock(), log, firstOpaque: 0x7fffffff - 20 };
    const cache = createMemcachedCache({ servers: [{ host: '127.0.0.1', port }], ...nearTheEnd });
    caches.push(cache);
    for (let i = 0; i < 50; i++) {
      await cache.set('i/count/a', Buffer.from(String(i)));
      assert.equal((await cache.get(['i/count/a', 'i/count/b']))[0]?.value.toString(), String(i));
    }
  });
});
