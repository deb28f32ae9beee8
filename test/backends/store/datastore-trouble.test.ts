import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import { createDatastoreStore } from '../../../src/backends/store/datastore.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { Store } from '../../../src/ports/store.ts';
import { MAX_ROW_BYTES } from '../../../src/protocol/limits.ts';
import { RunningTime, realClock } from '../../support/clocks.ts';
import { type DatastoreEmulator, startDatastoreEmulator } from '../../support/datastore-emulator.ts';
import { skipFor } from '../../support/need.ts';
import { RecordedLog } from '../../support/recorded-log.ts';
import { eventually } from '../../system/calls.ts';
import { itemKey, newProject, openDatastore, put, realRandom, record } from './fixtures.ts';

/** All of these use real time: what is tested is that a deadline holds against a service that does not answer. */
const TIMEOUT_MS = 700;
/** What the guard behind the deadline, and a busy machine, may add. */
const PLAY_MS = 800;

const notYet = (error: unknown): undefined => void assert(isFailure(error, 'storeUnavailable'), String(error));

async function timed<T>(call: Promise<T>): Promise<{ outcome: PromiseSettledResult<T>; ms: number }> {
  const time = new RunningTime();
  const [outcome] = await Promise.allSettled([call]);
  time.stop();
  return { outcome, ms: time.ms };
}

/** Every operation fails as unavailable, in time. */
async function assertUnavailable(store: Store, unclear: boolean): Promise<void> {
  const key = itemKey('s', 'a');
  const calls = [
    store.read([key]),
    put(store, key, record('B')),
    store.list('s', 'item', '', 9),
    store.spaces('', 9),
    store.query('due', '0', '9', 9),
    store.ping(),
  ];
  for (const { outcome, ms } of await Promise.all(calls.map((call) => timed<unknown>(call)))) {
    assert(outcome.status === 'rejected' && isFailure(outcome.reason, 'storeUnavailable'), JSON.stringify(outcome));
    assert.equal(outcome.reason.unclear, unclear);
    assert(ms < TIMEOUT_MS + PLAY_MS, `${ms} ms`);
  }
}

describe('Datastore store in trouble', function () {
  this.timeout(40_000);
  let emulator: DatastoreEmulator;
  let store: Store;
  /** Of the same records, with a deadline that a busy machine keeps. */
  let patient: Store;

  before(async function () {
    const started = await startDatastoreEmulator();
    if ('missing' in started) skipFor(this, started.missing);
    emulator = started;
    const projectId = newProject();
    store = openDatastore(emulator.host, { projectId, timeoutMs: TIMEOUT_MS });
    patient = openDatastore(emulator.host, { projectId });
    // The first requests to a Java process that has just started can take longer than the deadline of these tests.
    await put(patient, itemKey('s', 'warm'), record(''));
    await eventually('it is connected', () => store.ping().then(() => true, notYet));
  });
  after(async () => {
    await store?.close();
    await patient?.close();
    await emulator?.stop();
  });

  it('[ST38] commits the largest records that fit together, and splits the others', async () => {
    const keys = Array.from({ length: 4 }, (_, at) => itemKey('s', `i${at}`));
    await Promise.all(
      keys.map((key) => put(patient, key, record('x'.repeat(MAX_ROW_BYTES), { due: 'd'.repeat(1500) }))),
    );
    assert.equal((await patient.query('due', 'd', 'e', 9)).length, 4);
  });

  it('[ST39] fails in time while the service stands still, and works again when it goes on', async () => {
    await put(patient, itemKey('s', 'a'), record('A', { due: '1' }));
    emulator.pause();
    try {
      await assertUnavailable(store, false);
    } finally {
      emulator.resume();
    }
    const found = await eventually('it reads again', () => store.read([itemKey('s', 'a')]).catch(notYet));
    assert.deepEqual(found, [record('A', { due: '1' })]);
    await eventually('it writes again', () => put(store, itemKey('s', 'a'), record('B')).then(() => true, notYet));
  });

  it('[ST39] closes in time while the service stands still, after what was begun has failed', async () => {
    const closing = openDatastore(emulator.host, { timeoutMs: TIMEOUT_MS });
    await eventually('it is connected', () => closing.ping().then(() => true, notYet));
    emulator.pause();
    try {
      const begun = put(closing, itemKey('s', 'a'), record('B'));
      const { ms } = await timed(Promise.all([closing.close(), assert.rejects(begun)]));
      assert(ms < TIMEOUT_MS + PLAY_MS, `${ms} ms`);
    } finally {
      emulator.resume();
    }
  });

  it('[ST39] fails as unavailable, never as absent, once the service is gone', async () => {
    await put(patient, itemKey('s', 'a'), record('A'));
    await emulator.stop();
    await assertUnavailable(store, false);
  });
});

describe('Datastore store against what is no Datastore', () => {
  let server: Http2Server;
  let store: Store;

  before(async () => {
    server = createServer();
    server.on('stream', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert(address !== null && typeof address === 'object');
    store = openDatastore(`127.0.0.1:${address.port}`, { timeoutMs: TIMEOUT_MS });
  });
  after(async () => {
    await store.close();
    server.close();
  });

  it('[ST39] fails in time when it is connected and never answered', () => assertUnavailable(store, false));
});

describe('Datastore store without credentials', () => {
  it('[ST39] fails as unavailable and leaves the process alone', async () => {
    const saved = process.env.GOOGLE_APPLICATION_CREDENTIALS;
    process.env.GOOGLE_APPLICATION_CREDENTIALS = '/nowhere/credentials.json';
    const store = createDatastoreStore({
      projectId: 'none',
      clock: realClock,
      random: realRandom,
      log: new RecordedLog(),
      timeoutMs: TIMEOUT_MS,
    });
    try {
      await assertUnavailable(store, false);
    } finally {
      if (saved === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
      else process.env.GOOGLE_APPLICATION_CREDENTIALS = saved;
      await store.close();
    }
  });
});
