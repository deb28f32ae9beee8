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
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { runChecks } from './support/checks.ts';
import { listFiles, ROOT } from './support/files.ts';
import type { RunRequest, RunSummary } from './support/mocha-child.ts';

/** How long the test process may take to end after its last test: what is left open stays open for longer, and a slow machine needs some seconds to take everything down. */
const EXIT_GRACE_MS = 30_000;
const COVERAGE = join(ROOT, 'coverage');

/** What starts servers, browsers and commands. */
const WAITING = /\/(system|pages|cli|server)\//;

type Outcome = { readonly summary: RunSummary; readonly exit: string | undefined };

const inCi = Boolean(process.env.CI);

function chooseFiles(asked: readonly string[]): string[] {
  if (asked.length === 0) return listFiles('test', '.test.ts');
  return asked.flatMap((place) => {
    const path = relative(ROOT, join(process.cwd(), place));
    return statSync(place).isDirectory() ? listFiles(path, '.test.ts') : [path];
  });
}

/** `printed`: its output is held back until that settles. */
function runMocha(request: RunRequest, coverage: boolean, printed?: Promise<unknown>): Promise<Outcome> {
  return new Promise((resolve) => {
    const out = printed === undefined ? 'inherit' : 'pipe';
    let summary: RunSummary = { ended: false, passed: 0, failed: 0, skipped: [] };
    let late: NodeJS.Timeout | undefined;
    const child = spawn(process.execPath, [join(ROOT, 'test/support/mocha-child.ts'), JSON.stringify(request)], {
      cwd: ROOT,
      stdio: ['ignore', out, out, 'ipc'],
      env: coverage ? { ...process.env, NODE_V8_COVERAGE: join(COVERAGE, 'tmp') } : process.env,
    });
    for (const stream of [child.stdout, child.stderr]) if (stream) holdBack(stream, printed);
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

function holdBack(stream: Readable, until: Promise<unknown> | undefined): void {
  const held: unknown[] = [];
  let open = false;
  stream.on('data', (chunk: Buffer) => (open ? process.stdout.write(chunk) : held.push(chunk)));
  void until?.then(() => {
    open = true;
    for (const chunk of held) process.stdout.write(chunk as Buffer);
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

async function runLanes(
  files: readonly string[],
  grep: { readonly grep?: string },
  coverage: boolean,
): Promise<Outcome[]> {
  const lanes = [files.filter((file) => !WAITING.test(file)), files.filter((file) => WAITING.test(file))];
  const running: Promise<Outcome>[] = [];
  for (const lane of lanes) {
    if (lane.length > 0) running.push(runMocha({ files: lane, forbidOnly: inCi, ...grep }, coverage, running.at(-1)));
  }
  return Promise.all(running);
}

function sumOf(outcomes: readonly Outcome[]): RunSummary {
  const summaries = outcomes.map(({ summary }) => summary);
  const count = (of: (summary: RunSummary) => number) => summaries.reduce((sum, one) => sum + of(one), 0);
  return {
    ended: summaries.every(({ ended }) => ended),
    passed: count(({ passed }) => passed),
    failed: count(({ failed }) => failed),
    skipped: summaries.flatMap(({ skipped }) => skipped),
  };
}

function judge(checksOk: boolean, summary: RunSummary, exits: readonly (string | undefined)[]): string[] {
  const complaints: string[] = [];
  if (!checksOk) complaints.push('the type-check or the lint failed (see above)');
  complaints.push(...exits.filter((exit) => exit !== undefined));
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
  const outcomes = await runLanes(files, grep, values.coverage);
  if (values.coverage) await reportCoverage();

  const summary = sumOf(outcomes);
  const { passed, failed, skipped } = summary;
  for (const { title, reason } of skipped) console.log(`skipped: ${title} (${reason})`);
  const complaints = judge(
    checksOk,
    summary,
    outcomes.map(({ exit }) => exit),
  );
  for (const complaint of complaints) console.log(`FAILED: ${complaint}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  process.exitCode = complaints.length > 0 ? 1 : 0;
}

await main();
