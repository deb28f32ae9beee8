import { LRUCache } from 'lru-cache';
import type { Change, IndexedKind, StoreIndex, StoreKey, StoreKind, StoreRecord } from '../../ports/store.ts';
import { keyText } from './guards.ts';
import type { SqliteDriver, SqliteRow, SqliteStatement } from './sqlite-driver.ts';

/** Raised with every change of the schema; a file of a higher one is not opened. */
export const SCHEMA_VERSION = 2;

/*
 * Text compares by bytes, as ids and index strings do everywhere. The indexes hold only the records that have the string. The table has row ids: a record of
 * a kilobyte then stays in one page, where a table without them would spill it into a second one.
 */
export const SCHEMA = `
  CREATE TABLE records (
    space TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    data TEXT NOT NULL,
    open TEXT, due TEXT, cover TEXT, tomb TEXT,
    PRIMARY KEY (space, kind, id)
  );
  CREATE INDEX records_open ON records (open) WHERE open IS NOT NULL;
  CREATE INDEX records_due ON records (due) WHERE due IS NOT NULL;
  CREATE INDEX records_cover ON records (cover) WHERE cover IS NOT NULL;
  CREATE INDEX records_tomb ON records (tomb) WHERE tomb IS NOT NULL;
  CREATE INDEX records_space ON records (space) WHERE kind = 'space';
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** From version 1, which had no row ids. */
export const FROM_VERSION_1 = `
  ALTER TABLE records RENAME TO records_1;
  DROP INDEX records_open; DROP INDEX records_due; DROP INDEX records_cover; DROP INDEX records_tomb; DROP INDEX records_space;
  ${SCHEMA}
  INSERT INTO records SELECT * FROM records_1;
  DROP TABLE records_1;
`;

const KEY = 'space = ? AND kind = ? AND id = ?';
const STATEMENTS = {
  read: `SELECT data, open, due, cover, tomb FROM records WHERE ${KEY}`,
  put: `INSERT INTO records (data, open, due, cover, tomb, space, kind, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET data = excluded.data, open = excluded.open, due = excluded.due, cover = excluded.cover,
    tomb = excluded.tomb`,
  replace: `UPDATE records SET data = ? WHERE ${KEY}`,
  delete: `DELETE FROM records WHERE ${KEY}`,
  list: 'SELECT id FROM records WHERE space = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?',
  spaces: "SELECT space FROM records WHERE kind = 'space' AND space > ? ORDER BY space LIMIT ?",
  ping: 'SELECT 1',
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
} as const;

const INDEXES = ['open', 'due', 'cover', 'tomb'] as const satisfies readonly StoreIndex[];

/** Of records that are kept in memory, about, with their keys. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const KEPT_OVERHEAD_BYTES = 500;

/**
 * The statements over the one table, each prepared once. Where nobody else can write the file, the records last read or written are kept: most transactions
 * then read nothing.
 */
export class SqliteTable {
  readonly #statements: { readonly [name in keyof typeof STATEMENTS]: SqliteStatement };
  readonly #queries: { readonly [index in StoreIndex]: SqliteStatement };

  readonly #kept: LRUCache<string, StoreRecord> | undefined;

  constructor(driver: SqliteDriver, alone: boolean) {
    this.#kept = alone ? new LRUCache({ maxSize: MAX_KEPT_BYTES, sizeCalculation: sizeOf }) : undefined;
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, driver.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared);
    const queries = INDEXES.map((index) => [index, driver.prepare(querySql(index))]);
    this.#queries = Object.fromEntries(queries);
  }

  begin(): void {
    this.#statements.begin.run();
  }

  commit(): void {
    this.#statements.commit.run();
  }

  read(key: StoreKey): StoreRecord | undefined {
    const kept = this.#kept?.get(keyText(key));
    if (kept !== undefined) return kept;
    const row = this.#statements.read.get(key.space, key.kind, key.id);
    if (row === undefined) return undefined;
    const record = toRecord(row);
    this.#kept?.set(keyText(key), record);
    return record;
  }

  /** Writes were taken back: what is kept may never have been. */
  forget(): void {
    this.#kept?.clear();
  }

  /** `before`: the record as it was read in the same transaction. Most writes leave the index strings as they are, and then cost a third. */
  apply({ key, record }: Change, before: StoreRecord | undefined): void {
    if (record === 'delete') {
      this.#kept?.delete(keyText(key));
      this.#statements.delete.run(key.space, key.kind, key.id);
      return;
    }
    this.#kept?.set(keyText(key), record);
    if (before && INDEXES.every((name) => before.indexes[name] === record.indexes[name])) {
      this.#statements.replace.run(record.data, key.space, key.kind, key.id);
      return;
    }
    const { open = null, due = null, cover = null, tomb = null } = record.indexes;
    this.#statements.put.run(record.data, open, due, cover, tomb, key.space, key.kind, key.id);
  }

  list(space: string, kind: StoreKind, after: string, limit: number): string[] {
    return this.#statements.list.all(space, kind, after, limit).map((row) => String(row[0]));
  }

  spaces(after: string, limit: number): string[] {
    return this.#statements.spaces.all(after, limit).map((row) => String(row[0]));
  }

  query(index: StoreIndex, from: string, to: string, limit: number, kind: IndexedKind): StoreKey[] {
    const rows = this.#queries[index].all(from, to, kind, limit);
    return rows.map(([space, kind, id]) => ({ space: String(space), kind: String(kind) as StoreKind, id: String(id) }));
  }

  ping(): void {
    this.#statements.ping.get();
  }
}

function querySql(index: StoreIndex): string {
  return `SELECT space, kind, id FROM records WHERE ${index} >= ? AND ${index} < ? AND kind = ? ORDER BY ${index} LIMIT ?`;
}

function sizeOf(record: StoreRecord, key: string): number {
  return 2 * (record.data.length + key.length) + KEPT_OVERHEAD_BYTES;
}

function toRecord(row: SqliteRow): StoreRecord {
  const indexes: { [name in StoreIndex]?: string } = {};
  for (const [at, name] of INDEXES.entries()) {
    const text = row[at + 1];
    if (typeof text === 'string') indexes[name] = text;
  }
  return { data: String(row[0]), indexes };
}
