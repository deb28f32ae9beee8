import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createMemcachedCache } from '../../src/backends/cache/memcached.ts';
import { createDatastoreStore } from '../../src/backends/store/datastore.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { ownerRowKey } from '../../src/model/keys.ts';
import { encodeRecordText } from '../../src/model/record.ts';
import type { Store } from '../../src/ports/store.ts';
import { parseConfig } from '../../src/server/config.ts';
import { describeSkew } from '../../src/server/doctor/clocks.ts';
import type { Finding } from '../../src/server/doctor/findings.ts';
import { examineFiles } from '../../src/server/doctor/host.ts';
import { examineWrites } from '../../src/server/doctor/store.ts';
import { createHttpServer, listen } from '../../src/server/http-server.ts';
import { systemClock, systemRandom } from '../../src/server/system.ts';
import { sharedDatastoreEmulator } from '../support/datastore-emulator.ts';
import { findMemcached, MEMCACHED_MISSING, type RunningMemcached, startMemcached } from '../support/memcached.ts';
import { skipFor } from '../support/need.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { Folder, runCli, ServerProcess } from '../support/server-process.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const SECRET = 'for-the-doctor-0123456789';
/** Nobody listens on it. */
const NOBODY = '127.0.0.1:1';

type Report = { readonly code: number | null; readonly findings: readonly Finding[]; levels(check: string): string };

async function doctor(args: readonly string[], env: Record<string, string> = {}): Promise<Report> {
  const { code, out, err } = await runCli(['doctor', '--json', ...args], env);
  assert.equal(err, '');
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Finding[] };
  assert.equal(code, ok ? 0 : 1);
  assert.equal(ok, !findings.some(({ level }) => level === 'fail'));
  for (const { level, fix } of findings) assert.equal(fix === undefined, level === 'ok');
  return {
    code,
    findings,
    levels: (check) => findings.flatMap((one) => (one.check === check ? [one.level] : [])).join(),
  };
}

describe('longshore doctor, embedded', function () {
  this.timeout(120_000);
  let folder: Folder;

  beforeEach(() => {
    folder = new Folder();
  });
  afterEach(() => folder.remove());

  const embedded = (...more: string[]) => doctor(['--data-dir', join(folder.path, 'data'), '--port', '0', ...more]);

  it('[CI20] finds nothing wrong where nothing is, and makes nothing', async () => {
    const report = await embedded();
    assert.equal(report.code, 0);
    for (const check of [
      'node',
      'settings',
      'sign-in',
      'address',
      'data folder',
      'sealing key',
      'cache',
      'store',
      'blobs',
      'bus',
    ])
      assert.equal(report.levels(check), 'ok', check);
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it('[CI20] for people it says the same in lines, with what to fix', async () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const { code, out } = await runCli(['doctor', '--data-dir', join(file, 'data'), '--port', '0']);
    assert.equal(code, 1);
    assert.match(out, /^ok {4}node {10}\d+\.\d+/m);
    assert.match(out, /^fail {2}data folder .*\n {20}to fix: /m);
    assert.match(out, /\d of \d+ failed: a server would not serve/);
  });

  it('[CI23] each setting that cannot be used fails by itself, and no other check is made', async () => {
    const report = await embedded('--store', 'nosql:', '--persist-ms', 'soon');
    assert.equal(report.code, 1);
    assert.equal(report.levels('settings'), 'fail,fail');
    assert.match(report.findings.map(({ detail }) => detail).join('\n'), /--store must be[\s\S]*--persist-ms must be/);
    const strange = await doctor(['--data-dir', folder.path, '--port', '0'], { LONGSHORE_STOER: 'x' });
    assert.equal(strange.levels('settings'), 'warn');
  });

  it('[CI24] [CI27] beside a running server: its file is in use, its address is ok', async () => {
    const data = join(folder.path, 'data');
    const server = await ServerProcess.start(['--data-dir', data]);
    try {
      const report = await doctor(['--data-dir', data, '--port', new URL(server.url).port]);
      assert.deepEqual(
        [report.levels('store'), report.levels('address'), report.levels('blobs')],
        ['warn', 'ok', 'ok'],
      );
      assert.match(report.findings.find(({ check }) => check === 'address')?.detail ?? '', /a server is up/);
    } finally {
      await server.end();
    }
    const after = await embedded();
    assert.deepEqual([after.levels('store'), after.levels('indexes'), after.levels('owner')], ['ok', 'ok', 'ok']);
  });

  it('[CI27] something else at the address fails', async () => {
    const other = createHttpServer((_req, res) => res.end('hello'));
    const { port } = await listen(other, '127.0.0.1', 0);
    try {
      const report = await doctor(['--data-dir', folder.path, '--port', String(port)]);
      assert.equal(report.levels('address'), 'fail');
    } finally {
      other.close();
      other.closeAllConnections();
    }
  });

  it('[CI26] a key that others can read is a warning, a file without one fails', async () => {
    const data = join(folder.path, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'secret'), `${'k'.repeat(43)}\n`, { mode: 0o600 });
    assert.equal((await embedded()).levels('sealing key'), 'ok');
    chmodSync(join(data, 'secret'), 0o644);
    assert.equal((await embedded()).levels('sealing key'), 'warn');
    writeFileSync(join(data, 'secret'), 'no key');
    assert.equal((await embedded()).levels('sealing key'), 'fail');
  });

  it('[CI22] a store and blobs that cannot be used fail, by name', async () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, 'not a database, but long enough to be taken for a damaged one'.repeat(50));
    const report = await embedded('--store', `sqlite:${file}`, '--blobs', `folder:${file}`);
    assert.deepEqual([report.levels('store'), report.levels('blobs'), report.levels('cache')], ['fail', 'fail', 'ok']);
  });

  it('[CI31] a doctor that examines the same store meanwhile takes nothing away, and neither leaves anything', async () => {
    const outcome = parseConfig({});
    assert.ok(outcome.ok);
    const { config } = outcome;
    const store = createMemoryStore();
    const examined: Finding[] = [];
    const between: Pick<Store, 'transact' | 'read'> = {
      transact: (keys, decide) => store.transact(keys, decide),
      read: async (keys) => {
        examined.push(await examineWrites(store, config, { random: systemRandom }));
        return store.read(keys);
      },
    };
    examined.push(await examineWrites(between, config, { random: systemRandom }));
    assert.deepEqual(
      examined.map(({ level }) => level),
      ['ok', 'ok'],
    );
    assert.deepEqual(await store.list('#doctor', 'owner', '', 10), []);
  });

  it('[CI25] a clock 3 s apart is a warning, one 20 s apart fails', () => {
    const levels = [0, 1_500, -4_000, 4_000, 19_000, -21_000].map(
      (ms) => describeSkew('it', 100_000 + ms, 100_000, 100_000).level,
    );
    assert.deepEqual(levels, ['ok', 'ok', 'warn', 'warn', 'warn', 'fail']);
  });

  it('[CI25] the clock is held against the Date of the services', async () => {
    const service = createServer((_req, res) => {
      res.writeHead(404, { Date: new Date(Date.now() - 3_600_000).toUTCString(), 'Content-Type': 'application/json' });
      res.end('{"error":{"code":404,"message":"no such bucket"}}');
    });
    const { port } = await listen(service, '127.0.0.1', 0);
    try {
      const report = await doctor(['--data-dir', folder.path, '--port', '0', '--blobs', 'gs://bucket'], {
        STORAGE_EMULATOR_HOST: `http://127.0.0.1:${port}`,
      });
      assert.equal(report.levels('clock'), 'fail');
    } finally {
      service.close();
      service.closeAllConnections();
    }
  });

  it('[CI29] files are counted against the polls that may park', async () => {
    const outcome = parseConfig({ LONGSHORE_LIMITS: 'parked=5000' });
    assert.ok(outcome.ok);
    const levels = [];
    for (const limit of [6_000, 5_999, 1_023]) levels.push(...(await examineFiles(outcome.config, limit)));
    assert.deepEqual(
      levels.map(({ level }) => level),
      ['ok', 'warn', 'fail'],
    );
  });
});

describe('longshore doctor, memcached and Datastore', function () {
  this.timeout(90_000);
  let folder: Folder;
  let memcached: RunningMemcached;
  let emulator: { readonly host: string };
  const projectId = 'doctor-test';

  before(async function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    const found = await sharedDatastoreEmulator();
    if (!('host' in found)) skipFor(this, found.missing);
    emulator = found;
    folder = new Folder();
    memcached = await startMemcached({ args: ['-M'] });
  });
  after(async () => {
    await memcached?.stop();
    folder?.remove();
  });

  const services = (port = memcached.port, env: Record<string, string> = {}, ...more: string[]) =>
    doctor(
      [
        '--data-dir',
        folder.path,
        '--port',
        '0',
        '--cache',
        `memcached://127.0.0.1:${port}`,
        '--store',
        `datastore:${projectId}`,
        ...more,
      ],
      { LONGSHORE_SECRET: SECRET, DATASTORE_EMULATOR_HOST: emulator.host, ...env },
    );

  it('[CI21] reads, writes, asks, and hears its own hints; nothing is left behind', async () => {
    const report = await services();
    assert.equal(report.code, 0, JSON.stringify(report.findings));
    for (const check of ['cache', 'cache memory', 'store', 'indexes', 'owner', 'bus', 'sealing key'])
      assert.equal(report.levels(check), 'ok', check);
    assert.match(report.levels('clock'), /^ok/);
    const cache = createMemcachedCache({
      servers: [{ host: '127.0.0.1', port: memcached.port }],
      clock: systemClock,
      log: new RecordedLog(),
    });
    await cache.ping();
    await cache.close();
    const store = storeOf();
    assert.deepEqual(await store.list('#doctor', 'owner', '', 10), []);
    await store.close();
  });

  it('[CI22] what is not there fails by its name, and the others are looked at all the same; without Pub/Sub it is a warning', async () => {
    const [noCache, noStore, noBus] = await Promise.all([
      services(1),
      services(memcached.port, { DATASTORE_EMULATOR_HOST: NOBODY }),
      services(memcached.port, { PUBSUB_EMULATOR_HOST: NOBODY }, '--bus', 'pubsub:some-topic'),
    ]);
    assert.deepEqual([noCache.levels('cache'), noCache.levels('bus'), noCache.levels('store')], ['fail', 'warn', 'ok']);
    assert.match(noCache.findings.find(({ check }) => check === 'cache')?.fix ?? '', /memcached -l/);
    assert.deepEqual([noStore.levels('cache'), noStore.levels('store')], ['ok', 'fail']);
    assert.match(noStore.findings.find(({ check }) => check === 'store')?.fix ?? '', /emulator/);
    assert.deepEqual([noBus.code, noBus.levels('bus')], [0, 'warn']);
  });

  it('[CI30] a memcached that takes its time is told with it, not as one that is gone', async () => {
    const slow = await TcpProxy.start(memcached.port);
    slow.setMode({ kind: 'delay', ms: 600 });
    try {
      const { findings, levels } = await services(slow.port);
      const cache = findings.find(({ check }) => check === 'cache');
      assert.equal(levels('cache memory'), 'ok');
      assert.deepEqual([cache?.level, /, [1-9]\d{2,}\.\d ms$/.test(cache?.detail ?? '')], ['ok', true], cache?.detail);
    } finally {
      await slow.stop();
    }
  });

  it('[CI28] a memcached that may throw records away is a warning; so is one that has', async () => {
    const [loose, full] = [await startMemcached(), await startMemcached({ args: ['-m', '8'] })];
    try {
      await overfill(full.port);
      const reports = await Promise.all([services(loose.port), services(full.port)]);
      const [may, has] = reports.map(({ findings }) => findings.find(({ check }) => check === 'cache memory'));
      assert.deepEqual([may?.level, has?.level], ['warn', 'warn']);
      assert.match(may?.detail ?? '', /may throw away/);
      assert.match(has?.detail ?? '', /has thrown away \d+ records/);
    } finally {
      await Promise.all([loose.stop(), full.stop()]);
    }
  });

  it('[CI24] a store that another deployment owns fails', async () => {
    const store = storeOf();
    const record = { fingerprint: 'somebody-else', fence: 1, untilMs: Date.now() + 20_000 };
    const change = { key: ownerRowKey(), record: { data: encodeRecordText(record), indexes: {} } };
    try {
      await store.transact([ownerRowKey()], () => ({ changes: [change], result: undefined }));
      assert.equal((await services()).levels('owner'), 'fail');
    } finally {
      await store.transact([ownerRowKey()], () => ({ changes: [{ ...change, record: 'delete' }], result: undefined }));
      await store.close();
    }
  });

  function storeOf() {
    const parts = { clock: systemClock, random: systemRandom, log: new RecordedLog() };
    return createDatastoreStore({ projectId, emulatorHost: emulator.host, ...parts });
  }
});

/** More than 8 MiB of records. */
function overfill(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const value = 'x'.repeat(500_000);
    const count = 40;
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.split('\r\n').length <= count) return;
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    for (let i = 0; i < count; i++) socket.write(`set k${i} 0 0 ${value.length}\r\n${value}\r\n`);
  });
}
