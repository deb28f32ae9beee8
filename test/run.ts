/**
 * `npm test`: type-check and lint, then every `test/**\/*.test.ts` under mocha; the last line is `N passed, N failed, N skipped`,
 * which counts tests alone. The exit code is not 0 when a check or a test failed, when no test ran, or, with CI set,
 * when one was skipped.
 *
 *   npm test -- test/core                 the tests of a folder or a file
 *   npm test -- --grep "\[CA3\]"          the tests whose title matches
 *   npm test -- --coverage                line coverage in coverage/
 *   npm test -- --tests-only              without type-check and lint
 *
 * The tests run one after another in one process. mocha's workers would share two cores with the servers and emulators
 * that the tests start, and tests of deadlines would then fail by chance.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { runChecks } from './support/checks.ts';
import { listFiles, ROOT } from './support/files.ts';
import type { RunRequest, RunSummary } from './support/mocha-child.ts';

/** How long the test process may take to end after its last test. */
const EXIT_GRACE_MS = 5_000;
const COVERAGE = join(ROOT, 'coverage');

type Outcome = { readonly summary: RunSummary; readonly exit: string | undefined };

const inCi = Boolean(process.env.CI);

function chooseFiles(asked: readonly string[]): string[] {
  if (asked.length === 0) return listFiles('test', '.test.ts');
  return asked.flatMap((place) => {
    const path = relative(ROOT, join(process.cwd(), place));
    return statSync(place).isDirectory() ? listFiles(path, '.test.ts') : [path];
  });
}

function runMocha(request: RunRequest, coverage: boolean): Promise<Outcome> {
  return new Promise((resolve) => {
    let summary: RunSummary = { ended: false, passed: 0, failed: 0, skipped: [] };
    let late: NodeJS.Timeout | undefined;
    const child = spawn(process.execPath, [join(ROOT, 'test/support/mocha-child.ts'), JSON.stringify(request)], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: coverage ? { ...process.env, NODE_V8_COVERAGE: join(COVERAGE, 'tmp') } : process.env,
    });
    child.on('message', (message) => {
      summary = message as RunSummary;
      if (summary.ended) late = setTimeout(() => child.kill('SIGKILL'), EXIT_GRACE_MS);
    });
    child.on('close', (code, signal) => {
      clearTimeout(late);
      resolve({ summary, exit: describeExit(summary, code, signal) });
    });
  });
}

/** What is wrong with the way the test process ended, if anything is. */
function describeExit(summary: RunSummary, code: number | null, signal: string | null): string | undefined {
  if (!summary.ended) return `the test process ended early (${signal ?? `exit code ${code}`})`;
  if (signal !== null)
    return `the test process did not end by itself within ${EXIT_GRACE_MS / 1000} s after its last test`;
  if (code !== 0 && summary.failed === 0) return `the test process ended with exit code ${code}`;
  return undefined;
}

function reportCoverage(): Promise<void> {
  const args = ['report', '--temp-directory', join(COVERAGE, 'tmp'), '--reports-dir', COVERAGE];
  args.push('--include', 'src/**/*.ts', '--all', '--reporter', 'text', '--reporter', 'html');
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/c8/bin/c8.js'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve) => child.on('close', () => resolve()));
}

function judge(checksOk: boolean, { summary, exit }: Outcome): string[] {
  const complaints: string[] = [];
  if (!checksOk) complaints.push('the type-check or the lint failed (see above)');
  if (exit !== undefined) complaints.push(exit);
  if (summary.failed > 0) complaints.push(`${summary.failed} failed`);
  if (summary.passed + summary.failed === 0) complaints.push('no test ran');
  if (inCi && summary.skipped.length > 0) complaints.push('tests were skipped, which CI does not allow');
  return complaints;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      grep: { type: 'string', short: 'g' },
      coverage: { type: 'boolean', default: false },
      'tests-only': { type: 'boolean', default: false },
    },
  });
  const checksOk = values['tests-only'] || (await runChecks(['types', 'pages', 'lint']));
  if (values.coverage) {
    rmSync(COVERAGE, { recursive: true, force: true });
    mkdirSync(COVERAGE);
  }
  const files = chooseFiles(positionals);
  const grep = values.grep === undefined ? {} : { grep: values.grep };
  const outcome = await runMocha({ files, forbidOnly: inCi, ...grep }, values.coverage);
  if (values.coverage) await reportCoverage();

  for (const { title, reason } of outcome.summary.skipped) console.log(`skipped: ${title} (${reason})`);
  const complaints = judge(checksOk, outcome);
  for (const complaint of complaints) console.log(`FAILED: ${complaint}`);
  const { passed, failed, skipped } = outcome.summary;
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  process.exitCode = complaints.length > 0 ? 1 : 0;
}

await main();
