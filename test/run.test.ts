import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { chooseAgain } from './support/second-run.ts';
import { Folder } from './support/server-process.ts';

const SAMPLES = 'test/support/samples';

type Ended = { readonly code: number | null; readonly output: string; readonly last: string | undefined };

async function runTests(args: readonly string[], ci = '', checks = ['--tests-only'], folder = ''): Promise<Ended> {
  const env = { ...process.env, CI: ci, LONGSHORE_TEST_FOLDER: folder };
  const child = spawn(process.execPath, ['test/run.ts', ...checks, ...args], { env });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close'), text(child.stderr)]);
  return { code, output, last: output.trimEnd().split('\n').at(-1) };
}

describe('npm test', function () {
  // A run that is left hanging is given up only after a while, and each run is a process of its own.
  this.timeout(60_000);

  it('exits with 0 when all passed, and counts in its last line', async () => {
    const { code, last, output } = await runTests([`${SAMPLES}/passes.ts`], '1');
    assert.equal(last, '1 passed, 0 failed, 0 skipped');
    assert.equal(code, 0, output);
  });

  it('checks types and lint first, and exits with 1 where they fail', async () => {
    const { code, output } = await runTests([`${SAMPLES}/passes.ts`], '', []);
    const checks = ['types', 'pages', 'lint'].map((name) => new RegExp(`^(ok|FAILED) +${name}`, 'm').exec(output)?.[1]);
    assert(!checks.includes(undefined), output);
    assert.equal(code, checks.includes('FAILED') ? 1 : 0);
  });

  it('exits with 1 on a failed test', async () => {
    const { code, last } = await runTests([`${SAMPLES}/fails.ts`]);
    assert.deepEqual([code, last], [1, '1 passed, 1 failed, 0 skipped']);
  });

  it('counts both lanes, and prints what the second one says after the first', async () => {
    const { code, last, output } = await runTests([`${SAMPLES}/system/fails.ts`, `${SAMPLES}/passes.ts`]);
    assert.deepEqual([code, last], [1, '1 passed, 1 failed, 0 skipped']);
    assert.match(output, /1 passing.*a lane of its own.*1 failing/s);
  });

  it('runs a file that failed once more, alone, and names what passes then', async () => {
    const folder = new Folder();
    try {
      const { code, last, output } = await runTests([`${SAMPLES}/fails-once.ts`], '1', undefined, folder.path);
      assert.deepEqual([code, last], [0, '3 passed, 0 failed, 0 skipped']);
      assert.match(output, /the first time.*once more, by themselves: .*fails-once\.ts\n.*3 passing/s);
      assert.match(output, /passed on the second run: .*fails-once\.ts: a suite .*"after each" hook/);
    } finally {
      folder.remove();
    }
  });

  it('runs nothing once more that is sure to fail again, nor more than two files', () => {
    const failed = (...files: readonly string[]) =>
      chooseAgain(Object.fromEntries(files.map((file) => [file, { passed: 1, failed: ['a test'], skipped: [] }])));
    const [board, outages, doctor] = [
      'test/pages/board.test.ts',
      'test/system/outages.test.ts',
      'test/cli/doctor.test.ts',
    ];
    assert.deepEqual(failed(board, outages), [board, outages]);
    assert.deepEqual(failed(board, outages, doctor), []);
    assert.deepEqual(failed(board, 'test/core/sets.test.ts'), []);
    assert.deepEqual(failed('test/simulation/pictures.test.ts'), []);
    assert.deepEqual(failed(''), []);
    assert.deepEqual(chooseAgain({ [board]: { passed: 1, failed: [], skipped: [] } }), []);
  });

  it('exits with 1 when no test ran', async () => {
    const { code, last } = await runTests([`${SAMPLES}/passes.ts`, '--grep', 'nothing like it']);
    assert.deepEqual([code, last], [1, '0 passed, 0 failed, 0 skipped']);
  });

  it('names a skipped test and its reason', async () => {
    const { code, last, output } = await runTests([`${SAMPLES}/skips.ts`]);
    assert.match(output, /skipped: a suite needs a lighthouse \(no lighthouse here\)/);
    assert.deepEqual([code, last], [0, '1 passed, 0 failed, 1 skipped']);
  });

  it('fails in CI what it would skip elsewhere', async () => {
    const { code, last, output } = await runTests([`${SAMPLES}/skips.ts`], '1');
    assert.match(output, /missing in CI: no lighthouse here/);
    assert.deepEqual([code, last], [1, '1 passed, 1 failed, 0 skipped']);
  });

  it('exits with 1 when a test ends the process, and counts what had run', async () => {
    const { code, last, output } = await runTests([`${SAMPLES}/dies.ts`]);
    assert.match(output, /ended early/);
    assert.deepEqual([code, last], [1, '1 passed, 0 failed, 0 skipped']);
  });

  it('exits with 1 when a test leaves something open, not when node itself does not end', async () => {
    const [left, still] = await Promise.all(
      ['hangs', 'stands-still'].map((name) => runTests([`${SAMPLES}/${name}.ts`])),
    );
    assert.match(left?.output ?? '', /did not end by itself .*: .*TCPSERVERWRAP/i);
    assert.deepEqual([left?.code, left?.last], [1, '1 passed, 0 failed, 0 skipped']);
    assert.match(still?.output ?? '', /had nothing open, did not end all the same/);
    assert.deepEqual([still?.code, still?.last], [0, '1 passed, 0 failed, 0 skipped']);
  });
});
