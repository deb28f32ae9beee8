import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** As much of SQLite as the store needs; another binding would have to offer these. */
export interface SqliteDriver {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  /** False again after SQLite has rolled back by itself, as it may when the disk is full. */
  readonly inTransaction: boolean;
  close(): void;
}

export interface SqliteStatement {
  get(...values: SqliteValue[]): SqliteRow | undefined;
  all(...values: SqliteValue[]): SqliteRow[];
  run(...values: SqliteValue[]): void;
}

export type SqliteValue = string | number | null;
/** Columns in the order of the statement. */
export type SqliteRow = readonly unknown[];

/** Primary result codes, https://sqlite.org/rescode.html */
export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_READONLY = 8;
export const SQLITE_FULL = 13;
export const SQLITE_NOTADB = 26;

/** The primary result code of an error that SQLite reported; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** `busyMs`: how long a lock of another process is waited for, during which this process stands still. */
export function openNodeSqlite(path: string, busyMs: number): SqliteDriver {
  const database = new DatabaseSync(path, { timeout: busyMs });
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => prepare(database, sql),
    get inTransaction() {
      return database.isTransaction;
    },
    close: () => database.close(),
  };
}

function prepare(database: DatabaseSync, sql: string): SqliteStatement {
  const statement = database.prepare(sql);
  // Arrays of columns are read twice as fast as objects.
  statement.setReturnArrays(true);
  return {
    get: (...values: SQLInputValue[]) => statement.get(...values) as unknown as SqliteRow | undefined,
    all: (...values: SQLInputValue[]) => statement.all(...values) as unknown as SqliteRow[],
    run: (...values: SQLInputValue[]) => {
      statement.run(...values);
    },
  };
}
