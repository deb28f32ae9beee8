import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../../ports/failure.ts';
import type { Decision, IndexedKind, Store, StoreIndex, StoreKey, StoreKind, StoreRecord } from '../../ports/store.ts';
import { afterTurn } from './after-turn.ts';
import { checkChanges, checkKeys, sameKey } from './guards.ts';
import {
  openNodeSqlite,
  SQLITE_BUSY,
  SQLITE_FULL,
  SQLITE_LOCKED,
  SQLITE_NOTADB,
  SQLITE_READONLY,
  type SqliteDriver,
  sqliteCode,
} from './sqlite-driver.ts';
import { FROM_VERSION_1, SCHEMA, SCHEMA_VERSION, SqliteTable } from './sqlite-table.ts';

export type SqliteStoreOptions = {
  /** A file, made with its folder when absent, or `:memory:`. */
  readonly path: string;
  /** Keeps every other process out for as long as this one lives. Without it, writers wait for each other. */
  readonly exclusive?: boolean;
  /** How long they wait, during which the process stands still. */
  readonly busyMs?: number;
  /** `full` waits for the disk at every commit, so that a power cut loses nothing either. */
  readonly synchronous?: 'normal' | 'full';
  readonly open?: (path: string, busyMs: number) => SqliteDriver;
};

type Records = readonly (StoreRecord | undefined)[];

type Call = {
  readonly keys: readonly StoreKey[];
  /** Decides on the records and says how to settle the caller once that is committed. */
  readonly decide: (records: Records) => Decision<() => void>;
  readonly reject: (error: unknown) => void;
};

/** Of a new file. Each commit writes the pages it touched whole: small ones make small commits. */
const PAGE_BYTES = 1024;
/** Pages in the log before they are moved into the file, which costs a sync. A log far larger than this falls out of the processor's caches. */
const CHECKPOINT_PAGES = 16_384;

/** Bounds of one commit, hence of how long the process stands still for it. */
const MAX_BATCH_CALLS = 1000;
const MAX_BATCH_CHARS = 8_000_000;
const BUSY_MS = 5000;
/** SQLite refused the commit before it wrote anything final. */
const NOTHING_COMMITTED = [SQLITE_FULL, SQLITE_READONLY, SQLITE_BUSY, SQLITE_LOCKED];

/**
 * Store in one SQLite file.
 *
 * - The transactions of one turn of the event loop run one after the other inside one commit (group commit). Each has a
 *   savepoint where it needs one, so a failing one takes back its own changes only.
 * - A call settles after the commit. With `synchronous` normal, a commit is in the operating system's hands by then:
 *   killing the process loses nothing; a power cut or a crash of the system may lose the last commits (those since the
 *   last checkpoint, 16 MiB of log), always from the end, and never damages the file.
 * - When a write fails (disk full, file read-only) the whole commit is taken back and its calls fail with
 *   `storeUnavailable`; reads go on.
 */
class SqliteStore implements Store {
  readonly #driver: SqliteDriver;
  readonly #table: SqliteTable;
  #queue: Call[] = [];
  readonly #schedule = afterTurn(() => {
    if (this.#queue.length > 0) this.#flush();
    if (this.#queue.length > 0) this.#schedule();
  });
  #closed = false;

  constructor(driver: SqliteDriver, alone: boolean) {
    this.#driver = driver;
    this.#table = new SqliteTable(driver, alone);
  }

  async read(keys: readonly StoreKey[]): Promise<Records[number][]> {
    return this.#look(() => {
      checkKeys(keys);
      return keys.map((key) => this.#table.read(key));
    });
  }

  transact<T>(keys: readonly StoreKey[], decide: (records: Records) => Decision<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Failure('closed', 'the store is closed');
      checkKeys(keys);
      const settling = (records: Records): Decision<() => void> => {
        const { changes, result } = decide(records);
        return { changes, result: () => resolve(result) };
      };
      this.#queue.push({ keys, decide: settling, reject });
      this.#schedule();
    });
  }

  async list(space: string, kind: StoreKind, after: string, limit: number): Promise<string[]> {
    return this.#look(() => this.#table.list(space, kind, after, limit));
  }

  async spaces(after: string, limit: number): Promise<string[]> {
    return this.#look(() => this.#table.spaces(after, limit));
  }

  async query(
    index: StoreIndex,
    from: string,
    to: string,
    limit: number,
    kind: IndexedKind = 'item',
  ): Promise<StoreKey[]> {
    return this.#look(() => this.#table.query(index, from, to, limit, kind));
  }

  async ping(): Promise<void> {
    this.#look(() => this.#table.ping());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#queue.length > 0) this.#flush();
    this.#driver.close();
  }

  #look<T>(look: () => T): T {
    if (this.#closed) throw new Failure('closed', 'the store is closed');
    try {
      return look();
    } catch (error) {
      throw asFailure(error);
    }
  }

  /** Commits what stands at the head of the queue, as far as the bounds of a batch allow. */
  #flush(): void {
    const batch: Call[] = [];
    const settle: (() => void)[] = [];
    try {
      this.#table.begin();
      for (let chars = 0; batch.length < MAX_BATCH_CALLS && chars < MAX_BATCH_CHARS; ) {
        const call = this.#queue[batch.length];
        if (call === undefined) break;
        batch.push(call);
        chars += this.#run(call, settle);
      }
      this.#commit();
    } catch (error) {
      this.#table.forget();
      if (this.#driver.inTransaction) this.#driver.exec('ROLLBACK');
      // Where the transaction never began, the rest of the queue would meet the same.
      const failed = batch.length > 0 ? batch : this.#queue;
      const failure = asFailure(error);
      settle.length = 0;
      settle.push(...failed.map((call) => () => call.reject(failure)));
      if (batch.length === 0) batch.push(...this.#queue);
    }
    this.#queue = this.#queue.slice(batch.length);
    for (const one of settle) one();
  }

  /** Runs one call inside the open transaction; answers the characters it wrote. Throws when the transaction is lost. */
  #run(call: Call, settle: (() => void)[]): number {
    let saved = false;
    try {
      const records = call.keys.map((key) => this.#table.read(key));
      const { changes, result } = call.decide(records);
      checkChanges(call.keys, changes);
      if (changes.length > 1) {
        this.#driver.exec('SAVEPOINT one');
        saved = true;
      }
      let chars = 0;
      for (const change of changes) {
        this.#table.apply(change, records[call.keys.findIndex((key) => sameKey(key, change.key))]);
        if (change.record !== 'delete') chars += change.record.data.length;
      }
      if (saved) this.#driver.exec('RELEASE one');
      settle.push(result);
      return chars;
    } catch (error) {
      this.#table.forget();
      if (!this.#driver.inTransaction) throw error;
      if (saved) this.#driver.exec('ROLLBACK TO one; RELEASE one');
      const failure = asFailure(error);
      settle.push(() => call.reject(failure));
      return 0;
    }
  }

  #commit(): void {
    try {
      this.#table.commit();
    } catch (error) {
      throw asFailure(error, !NOTHING_COMMITTED.includes(sqliteCode(error) ?? -1));
    }
  }
}

/** What SQLite reports as a failure of the store; anything else (a throwing decision) as it is. */
function asFailure(error: unknown, unclear = false): unknown {
  if (sqliteCode(error) === undefined) return error;
  const message = error instanceof Error ? error.message : '';
  return new Failure('storeUnavailable', `SQLite: ${message}`, { cause: error, unclear });
}

/** Throws `storeUnavailable` naming the file when it is in use, damaged, read-only or of a newer schema. */
export function createSqliteStore(options: SqliteStoreOptions): Store {
  const { path, exclusive = true, busyMs = BUSY_MS, synchronous = 'normal', open = openNodeSqlite } = options;
  let driver: SqliteDriver | undefined;
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    driver = open(path, exclusive ? 0 : busyMs);
    // The lock is taken by the first statement that reads, and falls with the process. It also keeps the index of the
    // write-ahead log in this process, where it costs less than in shared memory.
    driver.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
    if (exclusive) driver.exec('PRAGMA locking_mode = EXCLUSIVE');
    driver.exec('PRAGMA journal_mode = WAL');
    driver.exec(`PRAGMA synchronous = ${synchronous}`);
    driver.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    driver.exec('PRAGMA cache_size = -65536'); // KiB
    prepareSchema(driver);
    return new SqliteStore(driver, exclusive);
  } catch (error) {
    driver?.close();
    throw new Failure('storeUnavailable', `${path} ${whyNot(error)}`, { cause: error });
  }
}

function prepareSchema(driver: SqliteDriver): void {
  driver.exec('BEGIN IMMEDIATE');
  const version = Number(driver.prepare('PRAGMA user_version').get()?.[0]);
  if (version > SCHEMA_VERSION) {
    throw new Failure('storeUnavailable', `has schema ${version}; this build knows up to ${SCHEMA_VERSION}`);
  }
  if (version === 0) driver.exec(SCHEMA);
  if (version === 1) driver.exec(FROM_VERSION_1);
  driver.exec('COMMIT');
}

function whyNot(error: unknown): string {
  const code = sqliteCode(error);
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED) return 'is in use by another process';
  if (code === SQLITE_NOTADB) return 'is not a database of this server';
  if (code === SQLITE_READONLY) return 'cannot be written';
  return error instanceof Failure
    ? error.message
    : `cannot be opened: ${error instanceof Error ? error.message : error}`;
}
