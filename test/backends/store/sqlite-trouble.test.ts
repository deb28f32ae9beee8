import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createSqliteStore } from '../../../src/backends/store/sqlite.ts';
import { openNodeSqlite, type SqliteDriver } from '../../../src/backends/store/sqlite-driver.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { Store, StoreKey } from '../../../src/ports/store.ts';
import { itemKey, put, record } from './fixtures.ts';

const WRITER = join(import.meta.dirname, 'sqlite-writer.ts');
const A = itemKey('s', 'a');

describe('SQLite store in trouble', () => {
  let folder: string;
  let path: string;
  let driver: SqliteDriver | undefined;
  let commits: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-store-'));
    path = join(folder, 'store.db');
    commits = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A store whose SQLite the test can reach behind its back, and which counts commits. */
  const openSpied = (): Store =>
    createSqliteStore({
      path,
      open: (file, busyMs) => {
        const real = openNodeSqlite(file, busyMs);
        driver = real;
        return {
          exec: real.exec,
          get inTransaction() {
            return real.inTransaction;
          },
          prepare(sql) {
            const statement = real.prepare(sql);
            if (sql !== 'COMMIT') return statement;
            const run = (): void => {
              commits++;
              statement.run();
            };
            return { ...statement, run };
          },
          close: real.close,
        };
      },
    });
  const textsOf = async (store: Store, ...keys: StoreKey[]): Promise<(string | undefined)[]> =>
    (await store.read(keys)).map((one) => one?.data);

  it('[ST20] commits all calls of one turn at once, and settles them after that', async () => {
    const store = openSpied();
    const settled = Array.from({ length: 300 }, async (_, at) => {
      await put(store, itemKey('s', String(at)), record('x'));
      return commits;
    });
    assert.deepEqual(new Set(await Promise.all(settled)), new Set([1]));
    await store.close();
  });

  it('[ST20] bounds a commit by the number of its calls and by their size', async () => {
    const store = openSpied();
    await Promise.all(Array.from({ length: 2500 }, (_, at) => put(store, itemKey('s', String(at)), record(''))));
    assert.equal(commits, 3);
    const large = record('x'.repeat(900_000));
    await Promise.all(Array.from({ length: 20 }, (_, at) => put(store, itemKey('s', String(at)), large)));
    assert.equal(commits, 6);
    await store.close();
  });

  it('[ST21] loses nothing that has settled when the process is killed', async function () {
    this.timeout(30_000);
    const writer = startWriter(path);
    const settled: number[] = [];
    for await (const line of createInterface(writer.stdout)) {
      if (line === 'open') continue;
      settled.push(Number(line));
      if (settled.length === 3000) writer.child.kill('SIGKILL');
    }
    assert(settled.length >= 3000);
    const store = createSqliteStore({ path });
    const records = await store.read(settled.map((number) => itemKey('s', String(number))));
    assert.deepEqual(
      records.map((one) => one?.data.length),
      settled.map((number) => number % 3000),
    );
    assert.equal(
      (await store.query('due', '0', ':', 100_000)).length,
      (await store.list('s', 'item', '', 100_000)).length,
    );
    await store.close();
  });

  it('[ST22] refuses a file that another process has open, by name, until that process is gone', async () => {
    const writer = startWriter(path);
    await once(writer.stdout, 'data');
    const refused = (error: unknown): boolean =>
      isFailure(error, 'storeUnavailable') && error.message.includes(`${path} is in use by another process`);
    assert.throws(() => createSqliteStore({ path }), refused);
    assert.throws(() => createSqliteStore({ path, exclusive: false, busyMs: 50 }), refused);
    const gone = once(writer.child, 'exit');
    writer.child.kill('SIGKILL');
    await gone;
    await createSqliteStore({ path }).close();
  });

  it('[ST22] refuses a file that this process has open', async () => {
    const store = createSqliteStore({ path });
    assert.throws(() => createSqliteStore({ path }), /in use/);
    await put(store, A, record('A'));
    assert.deepEqual(await textsOf(store, A), ['A']);
    await store.close();
  });

  it('[ST23] fails writes while the disk is full, with nothing half done, and goes on reading', async () => {
    const store = openSpied();
    await put(store, A, record('A'));
    const pages = Number(driver?.prepare('PRAGMA page_count').get()?.[0]);
    driver?.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const keys = Array.from({ length: 5 }, (_, at) => itemKey('s', `large-${at}`));
    const both = [A, ...keys].map((key) => ({ key, record: record('x'.repeat(50_000)) }));
    const outcomes = await Promise.allSettled([
      store.transact([A, ...keys], () => ({ changes: both, result: undefined })),
      ...keys.map((key) => put(store, key, record('x'.repeat(50_000)))),
    ]);
    for (const one of outcomes) {
      assert(one.status === 'rejected' && isFailure(one.reason, 'storeUnavailable') && !one.reason.unclear);
    }
    assert.deepEqual(await textsOf(store, A, ...keys), ['A', ...keys.map(() => undefined)]);
    driver?.exec(`PRAGMA max_page_count = ${pages + 1000}`);
    await put(store, A, record('x'.repeat(50_000)));
    await store.close();
  });

  it('[ST23] fails writes while the file is read-only, and goes on reading', async () => {
    const store = openSpied();
    await put(store, A, record('A'));
    driver?.exec('PRAGMA query_only = 1');
    const b = itemKey('s', 'b');
    const outcomes = await Promise.allSettled([put(store, A, record('A2')), put(store, b, record('B'))]);
    for (const one of outcomes) assert(one.status === 'rejected' && isFailure(one.reason, 'storeUnavailable'));
    assert.deepEqual(await textsOf(store, A, b), ['A', undefined]);
    driver?.exec('PRAGMA query_only = 0');
    await put(store, A, record('A3'));
    assert.deepEqual(await textsOf(store, A), ['A3']);
    await store.close();
  });

  it('[ST24] refuses a file of a newer schema, and one that is no database', async () => {
    await createSqliteStore({ path }).close();
    const newer = openNodeSqlite(path, 0);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    assert.throws(
      () => createSqliteStore({ path }),
      (error) =>
        isFailure(error, 'storeUnavailable') && error.message === `${path} has schema 99; this build knows up to 2`,
    );
    writeFileSync(path, 'not a database, but long enough to be looked at as one'.repeat(40));
    assert.throws(() => createSqliteStore({ path }), /is not a database/);
  });

  it('[ST24] takes over a file of the schema before', async () => {
    const old = openNodeSqlite(path, 0);
    old.exec(`
      CREATE TABLE records (space TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
        open TEXT, due TEXT, cover TEXT, tomb TEXT, PRIMARY KEY (space, kind, id)) WITHOUT ROWID;
      CREATE INDEX records_open ON records (open) WHERE open IS NOT NULL;
      CREATE INDEX records_due ON records (due) WHERE due IS NOT NULL;
      CREATE INDEX records_cover ON records (cover) WHERE cover IS NOT NULL;
      CREATE INDEX records_tomb ON records (tomb) WHERE tomb IS NOT NULL;
      CREATE INDEX records_space ON records (space) WHERE kind = 'space';
      INSERT INTO records VALUES ('s', 'item', 'a', 'A', 's/a', NULL, NULL, NULL);
      PRAGMA user_version = 1;`);
    old.close();
    const store = createSqliteStore({ path });
    assert.deepEqual(await store.read([A]), [record('A', { open: 's/a' })]);
    assert.deepEqual(await store.query('open', 's/', 's0', 9), [A]);
    await put(store, A, record('A2'));
    await store.close();
    const again = createSqliteStore({ path });
    assert.deepEqual(await textsOf(again, A), ['A2']);
    await again.close();
  });

  it('[ST24] keeps everything over a restart', async () => {
    const first = createSqliteStore({ path });
    await put(first, A, record('A', { open: 's/a' }));
    await first.close();
    const second = createSqliteStore({ path });
    assert.deepEqual(await second.read([A]), [record('A', { open: 's/a' })]);
    assert.deepEqual(await second.query('open', 's/', 's0', 9), [A]);
    await second.close();
  });
});

function startWriter(path: string): { child: ChildProcess; stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  return { child, stdout: child.stdout };
}
