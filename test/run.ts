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
 * All of them run in two lanes, each a process in which one test comes after another: in one those that start processes of their own and mostly wait
 * for these, in the other all the rest. More lanes would share two cores with the servers and emulators that the tests start, and tests of deadlines would
 * then fail by chance. What the first lane prints comes first.
 *
 * Where one or two files with real processes, browsers or clocks failed, these are run once more, alone: a machine that stood still for some seconds fails tests
 * that it passes a moment later. What then passes is named; it counts as passed, and as something to look into.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { runChecks } from './support/checks.ts';
import { listFiles, ROOT } from './support/files.ts';
import type { FileSummary, RunRequest, RunSummary } from './support/mocha-child.ts';
import { type Outcome, runMocha } from './support/run-mocha.ts';
import { chooseAgain } from './support/second-run.ts';

const COVERAGE = join(ROOT, 'coverage');

/** What starts servers, browsers and commands. */
const WAITING = /\/(system|pages|cli|server)\//;

type Wanted = Omit<RunRequest, 'files'>;
type Files = RunSummary['files'];

const inCi = Boolean(process.env.CI);

function chooseFiles(asked: readonly string[]): string[] {
  if (asked.length === 0) return listFiles('test', '.test.ts');
  return asked.flatMap((place) => {
    const path = relative(ROOT, join(process.cwd(), place));
    return statSync(place).isDirectory() ? listFiles(path, '.test.ts') : [path];
  });
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

async function runLanes(files: readonly string[], wanted: Wanted, coverage: string | undefined): Promise<Outcome[]> {
  const lanes = [files.filter((file) => !WAITING.test(file)), files.filter((file) => WAITING.test(file))];
  const running: Promise<Outcome>[] = [];
  for (const lane of lanes) {
    if (lane.length > 0) running.push(runMocha({ files: lane, ...wanted }, coverage, running.at(-1)));
  }
  return Promise.all(running);
}

/** What counts of those that were run again is their second run. */
async function runAgain(first: Files, wanted: Wanted, coverage: string | undefined): Promise<Outcome | undefined> {
  const again = chooseAgain(first);
  if (again.length === 0) return undefined;
  console.log(`\nonce more, by themselves: ${again.join(', ')}`);
  const second = await runMocha({ files: again, ...wanted }, coverage);
  for (const file of again) {
    if (second.summary.files[file]?.failed.length !== 0) continue;
    for (const title of first[file]?.failed ?? []) console.log(`passed on the second run: ${file}: ${title}`);
  }
  return second;
}

function judge(checksOk: boolean, files: Files, exits: readonly (string | undefined)[]): string[] {
  const complaints: string[] = [];
  const { passed, failed, skipped } = sumOf(files);
  if (!checksOk) complaints.push('the type-check or the lint failed (see above)');
  complaints.push(...exits.filter((exit) => exit !== undefined));
  if (failed > 0) complaints.push(`${failed} failed`);
  if (passed + failed === 0) complaints.push('no test ran');
  if (inCi && skipped > 0) complaints.push('tests were skipped, which CI does not allow');
  return complaints;
}

function sumOf(files: Files): { readonly passed: number; readonly failed: number; readonly skipped: number } {
  const all = Object.values(files);
  const count = (of: (one: FileSummary) => number) => all.reduce((sum, one) => sum + of(one), 0);
  return {
    passed: count((one) => one.passed),
    failed: count((one) => one.failed.length),
    skipped: count((one) => one.skipped.length),
  };
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
  const wanted = { forbidOnly: inCi, ...(values.grep !== undefined && { grep: values.grep }) };
  const coverage = values.coverage ? join(COVERAGE, 'tmp') : undefined;
  const outcomes = await runLanes(files, wanted, coverage);
  const first: Files = Object.assign({}, ...outcomes.map(({ summary }) => summary.files));
  const second = await runAgain(first, wanted, coverage);
  if (second) outcomes.push(second);
  if (values.coverage) await reportCoverage();

  const results: Files = { ...first, ...second?.summary.files };
  for (const { title, reason } of Object.values(results).flatMap(({ skipped }) => skipped))
    console.log(`skipped: ${title} (${reason})`);
  const exits = outcomes.map(({ exit }) => exit);
  const complaints = judge(checksOk, results, exits);
  for (const complaint of complaints) console.log(`FAILED: ${complaint}`);
  const { passed, failed, skipped } = sumOf(results);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = complaints.length > 0 ? 1 : 0;
}

await main();
