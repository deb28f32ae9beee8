/**
 * Started by the tests of the SQLite store: opens the file, writes without end, and prints the number of each write after
 * it has settled. It ends by being killed.
 */
import { writeSync } from 'node:fs';
import { createSqliteStore } from '../../../src/backends/store/sqlite.ts';
import { itemKey, put, record } from './fixtures.ts';

const CALLS_PER_TURN = 20;

const store = createSqliteStore({ path: process.argv[2] ?? '' });
writeSync(1, 'open\n');
for (let turn = 0; ; turn++) {
  const numbers = Array.from({ length: CALLS_PER_TURN }, (_, at) => turn * CALLS_PER_TURN + at);
  await Promise.all(
    numbers.map(async (number) => {
      const text = String(number);
      await put(store, itemKey('s', text), record('x'.repeat(number % 3000), { due: text }));
      writeSync(1, `${text}\n`);
    }),
  );
}
