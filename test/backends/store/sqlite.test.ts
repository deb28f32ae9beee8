import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteStore } from '../../../src/backends/store/sqlite.ts';
import { storeContract } from '../../contracts/store.ts';

describe('SQLite store in memory', () => {
  storeContract(async () => {
    const store = createSqliteStore({ path: ':memory:' });
    const openAnother = async () => createSqliteStore({ path: ':memory:' });
    return { store, other: store, openAnother, close: () => store.close() };
  });
});

describe('SQLite store in a file', () => {
  storeContract(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-store-'));
    let files = 0;
    const store = createSqliteStore({ path: join(folder, 'deeper', 'main.db') });
    const openAnother = async () => createSqliteStore({ path: join(folder, `${++files}.db`) });
    const close = async (): Promise<void> => {
      await store.close();
      rmSync(folder, { recursive: true });
    };
    return { store, other: store, openAnother, close };
  });
});

describe('SQLite store shared by two handles', () => {
  storeContract(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-store-'));
    const open = async () => createSqliteStore({ path: join(folder, 'shared.db'), exclusive: false });
    const [store, other] = [await open(), await open()];
    const close = async (): Promise<void> => {
      await Promise.all([store.close(), other.close()]);
      rmSync(folder, { recursive: true });
    };
    return { store, other, openAnother: open, close };
  });
});
