import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createMemcachedCache, type MemcachedCache } from '../../../src/backends/cache/memcached.ts';
import { PROBE_BACKOFF_MS } from '../../../src/backends/cache/memcached-node.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import { FakeClock, RunningTime, realClock, settle } from '../../support/clocks.ts';
import {
  findMemcached,
  freePort,
  MEMCACHED_MISSING,
  type RunningMemcached,
  startMemcached,
} from '../../support/memcached.ts';
import { skipFor } from '../../support/need.ts';
import { RecordedLog } from '../../support/recorded-log.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const DEADLINE_MS = 400;
/** Where time is real: a machine that stalls for a second is not silent for so long. */
const PATIENT_MS = 2_000;
const STABLE_MS = 250;
const KEY = 'i/wire/a';
const VALUE = Buffer.from('value');

const unavailable = (error: unknown): boolean => isFailure(error, 'cacheUnavailable');
const unclear = (error: unknown): boolean => isFailure(error, 'cacheUnavailable') && error.unclear;
const nothingSent = (error: unknown): boolean => isFailure(error, 'cacheUnavailable') && !error.unclear;

/*
 * The cache speaks to a real memcached through a proxy. The time of the cache stands still unless a test moves it, so that
 * only what a test makes silent can run into a deadline.
 */
describe('memcached cache, connection', () => {
  let memcached: RunningMemcached;
  let proxy: TcpProxy;
  let clock: FakeClock;
  let log: RecordedLog;
  let cache: MemcachedCache;
  const others: MemcachedCache[] = [];

  before(async function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    memcached = await startMemcached();
  });
  after(() => memcached?.stop());
  beforeEach(async () => {
    proxy = await TcpProxy.start(memcached.port);
    clock = new FakeClock();
    log = new RecordedLog();
    cache = connect(proxy.port);
    await direct().delete(KEY);
  });
  afterEach(async () => {
    proxy.setMode({ kind: 'pass' });
    for (const one of others.splice(0)) await one.close();
    await proxy.stop();
  });

  function connect(port: number, time: Clock = clock, deadlineMs = DEADLINE_MS): MemcachedCache {
    const servers = [{ host: '127.0.0.1', port }];
    const made = createMemcachedCache({ servers, clock: time, log, deadlineMs });
    others.push(made);
    return made;
  }
  /** Past the proxy, to see what is really there. */
  const direct = (): MemcachedCache => connect(memcached.port);
  const text = async (by: MemcachedCache): Promise<string | undefined> => (await by.get([KEY]))[0]?.value.toString();
  /** Waits until `count` requests have reached the proxy. */
  async function requests(count: number): Promise<void> {
    while (proxy.requests.length < count) await settle(); // the test's own time limit ends it
  }
  function passDeadline(): void {
    clock.advance(DEADLINE_MS);
    clock.advance(1);
  }
  /** Lets the next probe through, which has to succeed. */
  async function recover(): Promise<void> {
    const back = log.next('memcached answers again');
    clock.advance(PROBE_BACKOFF_MS.at(-1) ?? 0);
    await back;
  }

  describe('cut off', () => {
    it('[CA50] a connection that is closed with requests in flight fails them at once', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'hold' });
      proxy.requests.length = 0;
      const read = cache.get([KEY]);
      const write = cache.append(KEY, VALUE);
      const failed = Promise.all([assert.rejects(read, nothingSent), assert.rejects(write, unclear)]);
      await requests(1);
      proxy.closeAll();
      await failed;
      proxy.setMode({ kind: 'pass' });
      await recover();
      assert.equal(await text(cache), 'valuevalue');
    });

    it('[CA50] a cas that was answered is unclear where the read behind it was not', async () => {
      await cache.set(KEY, VALUE);
      const [entry] = await cache.get([KEY]);
      assert.ok(entry);
      proxy.setMode({ kind: 'cutAfter', bytes: 24 }); // the whole answer of the cas, nothing of the next
      await assert.rejects(cache.casThenGet(KEY, Buffer.from('new'), entry.token, ['f/wire/']), unclear);
      proxy.setMode({ kind: 'pass' });
      await recover();
      assert.equal(await text(cache), 'new');
    });

    it('[CA50] so does one that is reset', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'hold' });
      proxy.requests.length = 0;
      const failed = assert.rejects(cache.get([KEY]), unavailable);
      await requests(1);
      proxy.resetAll();
      await failed;
    });

    for (const kind of ['cutAfter', 'resetAfter'] as const) {
      for (const bytes of [1, 23, 24, 30, 5000]) {
        it(`[CA51] half an answer, then ${kind} (${bytes} bytes), does not spoil the answers after it`, async () => {
          const large = Buffer.alloc(50_000, 'L');
          await cache.set('i/wire/large', large);
          proxy.setMode({ kind, bytes });
          await assert.rejects(cache.get(['i/wire/large', KEY]), unavailable);
          proxy.setMode({ kind: 'pass' });
          await recover();
          await cache.set(KEY, VALUE);
          for (let i = 0; i < 10; i++) {
            const [got, small] = await cache.get(['i/wire/large', KEY]);
            assert(got?.value.equals(large));
            assert.equal(small?.value.toString(), 'value');
          }
        });
      }
    }

    it('[CA52] a healthy connection cut between two requests is made anew, unnoticed', async () => {
      await cache.set(KEY, VALUE);
      for (let cut = 0; cut < 3; cut++) {
        clock.advance(STABLE_MS);
        const noticed = log.next('memcached connection lost, connecting again');
        if (cut % 2) proxy.resetAll();
        else proxy.closeAll();
        await noticed;
        assert.equal(await text(cache), 'value');
      }
      assert.equal(log.count('memcached does not answer'), 0);
      assert.equal(proxy.accepted, 4);
    });

    it('[CA53] a node that hangs up again and again is tried with growing waits, not in a circle', async () => {
      await cache.ping();
      for (let life = 0; life < 6; life++) {
        const lost = log.next('memcached does not answer');
        proxy.closeAll();
        await lost;
        assert.equal(proxy.accepted, life + 1);
        await assert.rejects(cache.ping(), nothingSent);
        clock.advance((PROBE_BACKOFF_MS[Math.min(life, 4)] ?? 0) - 1);
        await settle();
        assert.equal(proxy.accepted, life + 1, 'too early');
        await recover();
      }
    });
  });

  describe('silent', () => {
    it('[CA54] every operation settles at the deadline; what may have been done is unclear', async () => {
      const token = await cache.add(KEY, VALUE);
      assert(token !== undefined);
      proxy.requests.length = 0;
      proxy.setMode({ kind: 'swallow' });
      const failed = Promise.all([
        assert.rejects(cache.get([KEY]), nothingSent),
        assert.rejects(cache.ping(), nothingSent),
        assert.rejects(cache.add('i/wire/b', VALUE), unclear),
        assert.rejects(cache.cas(KEY, VALUE, token), unclear),
        assert.rejects(cache.casThenGet(KEY, VALUE, token, [KEY]), unclear),
        assert.rejects(cache.append(KEY, VALUE), unclear),
        assert.rejects(cache.delete('i/wire/c'), unclear),
        assert.rejects(cache.set('i/wire/d', VALUE), unclear),
      ]);
      await requests(1);
      passDeadline();
      await failed;
    });

    it('[CA55] nothing is sent twice: what was done before the silence was done once', async () => {
      await cache.set(KEY, Buffer.from('a'));
      proxy.requests.length = 0;
      proxy.setMode({ kind: 'swallow' });
      const failed = Promise.all([
        assert.rejects(cache.append(KEY, Buffer.from('b')), unclear),
        assert.rejects(cache.add('i/wire/once', VALUE), unclear),
      ]);
      await requests(1);
      await settle();
      passDeadline();
      await failed;
      proxy.setMode({ kind: 'pass' });
      await recover();
      assert.equal(await text(cache), 'ab');
      assert.equal(Buffer.concat(proxy.requests).toString('latin1').split('i/wire/once').length - 1, 1);
      await direct().delete('i/wire/once');
    });

    it('[CA56] answers that come after the deadline do not reach the next connection', async () => {
      await cache.set(KEY, Buffer.from('old'));
      proxy.setMode({ kind: 'hold' });
      proxy.requests.length = 0;
      const failed = assert.rejects(cache.get([KEY]), unavailable);
      await requests(1);
      passDeadline();
      await failed;
      proxy.setMode({ kind: 'pass' });
      await recover();
      const changed = cache.set(KEY, Buffer.from('new'));
      proxy.release();
      await changed;
      for (let i = 0; i < 5; i++) assert.equal(await text(cache), 'new');
    });

    it('[CA57] one deadline fails all in flight, and each of them settles', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'swallow' });
      proxy.requests.length = 0;
      const reads = Array.from({ length: 50 }, () => cache.get([KEY]));
      const settled = Promise.allSettled(reads);
      await requests(1);
      passDeadline();
      assert((await settled).every((one) => one.status === 'rejected' && unavailable(one.reason)));
    });

    it('[CA58] steady traffic does not put the deadline off', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'swallow' });
      const failures: number[] = [];
      const reads: Promise<void>[] = [];
      const start = clock.monotonic();
      for (let ms = 0; ms <= DEADLINE_MS + 100; ms += 50) {
        reads.push(
          cache.get([KEY]).then(
            () => assert.fail(),
            () => void failures.push(clock.monotonic() - start),
          ),
        );
        await settle();
        clock.advance(50);
        await settle();
      }
      await Promise.all(reads);
      assert.equal(failures.length, 11);
      assert(
        failures.every((ms) => ms <= DEADLINE_MS + 150),
        String(failures),
      );
    });

    it('[CA59] while a node is silent requests fail at once with nothing sent, and it comes back by itself', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'halfOpen' });
      proxy.requests.length = 0;
      const failed = assert.rejects(cache.get([KEY]), unavailable);
      await requests(1);
      passDeadline();
      await failed;
      for (let probe = 0; probe < 4; probe++) {
        await assert.rejects(cache.append(KEY, VALUE), nothingSent);
        clock.advance(PROBE_BACKOFF_MS[probe] ?? 0);
        await requests(2 + probe);
        await assert.rejects(cache.append(KEY, VALUE), nothingSent);
        passDeadline();
      }
      assert.equal(log.count('memcached does not answer'), 1);
      proxy.setMode({ kind: 'pass' });
      await recover();
      assert.equal(await text(cache), 'value');
    });

    it('[CA60] an answer that lies in the socket when this process wakes up is not too late', async () => {
      await cache.set(KEY, VALUE);
      proxy.setMode({ kind: 'hold' });
      proxy.requests.length = 0;
      const read = text(cache);
      await requests(1);
      await settle();
      clock.advance(DEADLINE_MS);
      proxy.setMode({ kind: 'pass' });
      proxy.release();
      assert.equal(await read, 'value');
    });

    it('[CA72] where the machine stood still, memcached gets the time again, and no more', async () => {
      await cache.set(KEY, VALUE);
      const ask = async () => {
        proxy.setMode({ kind: 'hold' });
        proxy.requests.length = 0;
        const read = text(cache);
        await requests(1);
        await settle();
        return { read };
      };
      const first = await ask();
      clock.holdUp(DEADLINE_MS + 200);
      clock.advance(199);
      proxy.setMode({ kind: 'pass' });
      proxy.release();
      assert.equal(await first.read, 'value');
      const second = assert.rejects((await ask()).read, unavailable);
      clock.holdUp(10 * DEADLINE_MS);
      clock.advance(DEADLINE_MS);
      await second;
    });
  });

  describe('memcached itself', () => {
    it('[CA61] stopped and continued under traffic: every request settles in time, nothing hangs', async () => {
      const own = await startMemcached();
      const real = connect(own.port, realClock, PATIENT_MS);
      await real.set(KEY, VALUE);
      const time = new RunningTime();
      let longest = 0;
      let errors = 0;
      let stop = false;
      const reader = async (): Promise<void> => {
        while (!stop) {
          const start = time.ms;
          await real.get([KEY]).catch((error) => {
            assert(unavailable(error));
            errors += 1;
          });
          longest = Math.max(longest, time.ms - start);
          await realClock.sleep(5);
        }
      };
      const readers = Array.from({ length: 20 }, reader);
      own.signal('SIGSTOP');
      await log.next('memcached does not answer');
      own.signal('SIGCONT');
      await log.next('memcached answers again');
      stop = true;
      await Promise.all(readers);
      time.stop();
      assert.equal(await text(real), 'value');
      assert(errors > 0);
      assert(longest < PATIENT_MS + 600, `${longest} ms`);
      await real.close();
      await own.stop();
    }).timeout(30_000);

    it('[CA62] killed and started again: requests fail meanwhile, then find it empty', async () => {
      const own = await startMemcached();
      const killed = connect(own.port);
      await killed.set(KEY, VALUE);
      const down = log.next('memcached does not answer');
      await own.kill();
      await down;
      await assert.rejects(killed.get([KEY]), nothingSent);
      await assert.rejects(killed.set(KEY, VALUE), nothingSent);
      await own.startAgain();
      await recover();
      assert.equal(await text(killed), undefined);
      await own.stop();
    });

    it('[CA63] a token from before a restart is refused, even where memcached counts to it again', async () => {
      const own = await startMemcached();
      const writer = connect(own.port);
      const stale = await writer.add(KEY, Buffer.from('first life'));
      assert(stale !== undefined);
      const down = log.next('memcached does not answer');
      await own.kill();
      await down;
      await own.startAgain();
      await recover();
      const fresh = await writer.add(KEY, Buffer.from('second life'));
      assert(fresh !== undefined);
      const numbers = (token: unknown) => ({ ...(token as object), generation: undefined });
      assert.deepEqual(numbers(fresh), numbers(stale), 'memcached gave the same number again, so this test tests');
      assert.deepEqual(await writer.cas(KEY, VALUE, stale), { status: 'conflict' });
      assert.equal(await writer.delete(KEY, stale), false);
      const both = await writer.casThenGet(KEY, VALUE, stale, [KEY]);
      assert.equal(both.cas.status, 'conflict');
      assert.equal(both.read[0]?.value.toString(), 'second life');
      await own.stop();
    });

    it('[CA63] so is a token of another connection to the same memcached', async () => {
      const token = await cache.add(KEY, VALUE);
      assert(token !== undefined);
      assert.deepEqual(await direct().cas(KEY, VALUE, token), { status: 'conflict' });
    });

    it('[CA64] nobody listens: fails at once, nothing sent, and ping says so', async () => {
      const nowhere = connect(await freePort());
      await assert.rejects(nowhere.set(KEY, VALUE), nothingSent);
      await assert.rejects(nowhere.ping(), nothingSent);
      await assert.rejects(nowhere.inspect(), nothingSent);
    });

    it('[CA65] of several nodes the others go on, and no key moves to another node', async () => {
      const [one, two] = [await startMemcached(), await startMemcached()];
      const servers = [one, two].map(({ port }) => ({ host: '127.0.0.1', port }));
      const both = createMemcachedCache({ servers, clock, log, deadlineMs: DEADLINE_MS });
      others.push(both);
      const keys = Array.from({ length: 20 }, (_, i) => `i/place${i}/a`);
      for (const key of keys) await both.set(key, VALUE);
      const onOne = await connect(one.port).get(keys);
      const down = log.next('memcached does not answer');
      await two.kill();
      await down;
      await assert.rejects(both.ping(), unavailable);
      await assert.rejects(both.get(keys), unavailable);
      for (const [i, key] of keys.entries()) {
        if (onOne[i] !== undefined) await both.set(key, VALUE);
        else await assert.rejects(both.set(key, VALUE), nothingSent);
      }
      const after = await connect(one.port).get(keys);
      assert.deepEqual(after.map(Boolean), onOne.map(Boolean));
      assert(onOne.some(Boolean) && !onOne.every(Boolean));
      await Promise.all([one.stop(), two.stop()]);
    });

    it('[CA66] nothing is printed on the console when things fail', async () => {
      const printed: unknown[] = [];
      const names = ['log', 'warn', 'error', 'info'] as const;
      const before = names.map((name) => console[name]);
      for (const name of names) console[name] = (...args: unknown[]) => void printed.push(args);
      try {
        await assert.rejects(connect(await freePort()).set(KEY, VALUE), unavailable);
        await cache.ping();
        const lost = log.next('memcached does not answer');
        proxy.resetAll();
        await lost;
      } finally {
        for (const [i, name] of names.entries()) console[name] = before[i] ?? console[name];
      }
      assert.deepEqual(printed, []);
    });
  });

  describe('something else than memcached', () => {
    /** Answers each chunk with `answer`. */
    async function withServer(answer: (sent: Buffer) => Buffer, run: (port: number) => Promise<void>): Promise<void> {
      const sockets: Socket[] = [];
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {});
        socket.on('data', (bytes) => void socket.write(answer(bytes)));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert(address !== null && typeof address === 'object');
      try {
        await run(address.port);
      } finally {
        for (const socket of sockets) socket.destroy();
        server.close();
        await once(server, 'close');
      }
    }
    const header = (magic: number, opcode: number, status: number, body: number, opaque: number): Buffer => {
      const bytes = Buffer.alloc(24);
      bytes.set([magic, opcode], 0);
      bytes.writeUInt16BE(status, 6);
      bytes.writeUInt32BE(body, 8);
      bytes.writeUInt32BE(opaque, 12);
      return bytes;
    };
    const NOOP = 0x0a;
    const proof = header(0x81, NOOP, 0, 0, 0);
    const isProof = (sent: Buffer): boolean => sent[1] === NOOP && sent.readUInt32BE(12) === 0;

    const answers: Record<string, (sent: Buffer) => Buffer> = {
      'text to the first request': () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'an error to the first request': () => header(0x81, NOOP, 0x81, 0, 0),
      'text later': (sent) => (isProof(sent) ? proof : Buffer.from('ERROR\r\n'.repeat(10))),
      'an answer to a request of somebody else': (sent) => (isProof(sent) ? proof : header(0x81, 1, 0, 0, 999)),
      'an endless answer': (sent) => (isProof(sent) ? proof : header(0x81, 1, 0, 0xffffffff, 1)),
      'two answers to one request': (sent) =>
        isProof(sent) ? proof : Buffer.concat([header(0x81, 1, 0, 0, 2), header(0x81, 1, 0, 0, 2)]),
    };
    for (const [what, answer] of Object.entries(answers)) {
      it(`[CA67] ${what}: fails, and does not hang`, () =>
        withServer(answer, async (port) => {
          const lost = log.next('memcached does not answer');
          await Promise.all([assert.rejects(connect(port).set(KEY, VALUE), unavailable), lost]);
        }));
    }
  });

  describe('closing', () => {
    it('[CA68] lets what is in flight finish', async () => {
      proxy.setMode({ kind: 'delay', ms: 20 });
      await cache.ping();
      const inFlight = Array.from({ length: 10 }, (_, i) => cache.add(`i/closing/${i}`, VALUE, 60));
      const closed = cache.close();
      const tokens = await Promise.all(inFlight);
      assert(tokens.every((token) => token !== undefined));
      await closed;
      while (proxy.open > 0) await settle();
    });

    it('[CA68] ends at the deadline where nothing answers, and leaves no timer behind', async () => {
      await cache.ping();
      proxy.setMode({ kind: 'swallow' });
      const closed = cache.close();
      await requests(2);
      passDeadline();
      await closed;
      const nowhere = connect(await freePort());
      await assert.rejects(nowhere.ping(), unavailable);
      await nowhere.close();
      for (const one of others.splice(0)) await one.close();
      assert.equal(clock.waiting, 0);
    });
  });
});
