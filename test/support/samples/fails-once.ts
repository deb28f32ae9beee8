import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mark = join(process.env.LONGSHORE_TEST_FOLDER ?? '', 'failed');

it('passes', () => {});
describe('a suite', () => {
  afterEach(() => {
    if (existsSync(mark)) return;
    writeFileSync(mark, '');
    throw new Error('the first time');
  });

  it('passes in its hook', () => {});
  it('comes after it', () => {});
});
