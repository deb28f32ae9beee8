import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../src/ports/failure.ts';
import { Closers } from '../../src/server/closers.ts';
import { createLog } from '../../src/server/log.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { createReadiness, NotUsable } from '../../src/server/readiness.ts';
import { keepSecret } from '../../src/server/secret-file.ts';
import { systemClock, systemRandom } from '../../src/server/system.ts';
import { FakeClock, settle } from '../support/clocks.ts';

describe('the secret in the data folder', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-secret-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('[CF20] is made once, for its owner only, and then kept', async () => {
    const made = await keepSecret(join(folder, 'data'));
    assert.match(made, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(await keepSecret(join(folder, 'data')), made);
    assert.equal(statSync(join(folder, 'data/secret')).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(folder, 'data')), ['secret']);
  });

  it('[CF20] is one, however many start at once', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => keepSecret(folder)));
    assert.equal(new Set(made).size, 1);
    assert.equal(readFileSync(join(folder, 'secret'), 'utf8').trim(), made[0]);
  });

  it('[CF21] a file that holds no key is not overwritten', async () => {
    writeFileSync(join(folder, 'secret'), 'half');
    chmodSync(join(folder, 'secret'), 0o600);
    await assert.rejects(keepSecret(folder), /does not hold a key/);
    assert.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'half');
  });
});

describe('Closers', () => {
  it('[CF22] closes everything in reverse order, once, and joins what failed', async () => {
    const closed: string[] = [];
    const closers = new Closers();
    for (const name of ['store', 'cache', 'bus']) {
      closers.add(name, async () => {
        closed.push(name);
        if (name !== 'cache') throw new Error(`${name} is stuck`);
      });
    }
    await assert.rejects(closers.closeAll(), (error) => {
      assert.ok(error instanceof AggregateError);
      assert.deepEqual(
        error.errors.map(({ cause }) => cause.message),
        ['bus is stuck', 'store is stuck'],
      );
      return true;
    });
    assert.deepEqual(closed, ['bus', 'cache', 'store']);
    await assert.rejects(closers.closeAll(), AggregateError);
    assert.equal(closed.length, 3);
  });
});

describe('readiness', () => {
  it('[CF23] names each dependency with its state, and shows no message of a driver', async () => {
    const ready = createReadiness(
      {
        cache: async () => undefined,
        store: () => Promise.reject(new Failure('storeUnavailable', 'secret-host.internal')),
        blobs: () => Promise.reject(new Error('token abc')),
        owner: () => Promise.reject(new NotUsable('another deployment')),
      },
      new FakeClock(),
    );
    assert.deepEqual(await ready(), {
      ready: false,
      dependencies: {
        cache: { state: 'ok' },
        store: { state: 'failed', detail: 'storeUnavailable' },
        blobs: { state: 'failed', detail: 'failed' },
        owner: { state: 'failed', detail: 'another deployment' },
      },
    });
  });

  it('[CF23] does not wait for a dependency that does not answer, and asks at most once a second', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const ready = createReadiness({ cache: () => new Promise(() => void asked++) }, clock);
    const reports = [ready(), ready()];
    clock.advance(2_000);
    for (const report of await Promise.all(reports)) assert.equal(report.dependencies.cache?.state, 'failed');
    assert.equal(asked, 1);
    void ready();
    await settle();
    assert.equal(asked, 2);
    assert.equal(clock.waiting, 1);
  });
});

describe('the log', () => {
  it('[CF24] is JSON lines for Cloud Logging, without secrets', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line: string) => void lines.push(line) });
    log.debug({}, 'not shown');
    const cause = Object.assign(new Error('inner'), { request: { headers: { authorization: 'Bearer t0p' } } });
    log.warn({ marker: 'm4rker', inner: { token: 't0ken' }, error: new Error('outer', { cause }) }, 'trouble');
    assert.equal(lines.length, 1);
    const line = JSON.parse(String(lines[0]));
    assert.deepEqual([line.severity, line.message, line.error.cause.message], ['WARNING', 'trouble', 'inner']);
    assert.doesNotMatch(String(lines[0]), /m4rker|t0ken|t0p/);
  });
});

describe('metrics', () => {
  it('[CF25] are rendered for Prometheus under their own names', async () => {
    const { metrics, page } = createMetrics({ processMetrics: false });
    metrics.count('loads', 3);
    metrics.gauge('dirty_items', 7);
    metrics.observe('post_ms', 4);
    const { text, contentType } = await page();
    assert.match(contentType, /text\/plain/);
    for (const line of ['longshore_loads_total 3', 'longshore_dirty_items 7', 'longshore_post_ms_bucket{le="5"} 1']) {
      assert.ok(text.includes(`\n${line}\n`), line);
    }
  });

  it('[CA71] tell the round trips to the cache as they are when somebody asks, and nothing of them where there are none', async () => {
    let trips = 3;
    const { page } = createMetrics({ processMetrics: false, cacheTrips: () => trips });
    assert.match((await page()).text, /^longshore_cache_trips_total 3$/m);
    trips = 5;
    assert.match((await page()).text, /^longshore_cache_trips_total 5$/m);
    assert.doesNotMatch((await createMetrics({ processMetrics: false }).page()).text, /cache_trips/);
  });
});

describe('the real clock and random', () => {
  it('[CF26] hold the laws of their ports', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    // Timers count whole milliseconds, from the last whole one.
    assert.ok(systemClock.monotonic() - before > 4);
    const [earliest, now, latest] = [Date.now(), systemClock.now(), Date.now()];
    assert.ok(earliest <= now && now <= latest);
    let called = false;
    systemClock.after(0, () => {
      called = true;
    })();
    await systemClock.sleep(2);
    assert.equal(called, false);
    const ids = Array.from({ length: 100 }, () => systemRandom.id());
    assert.ok(ids.every((id) => /^[A-Za-z0-9_-]{16}$/.test(id)));
    assert.equal(new Set(ids).size, 100);
    assert.ok(Array.from({ length: 100 }, () => systemRandom.fraction()).every((one) => one >= 0 && one < 1));
  });
});
