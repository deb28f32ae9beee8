/**
 * Runs mocha over the files that the parent names, in this one process, and sends the parent a summary over IPC. It then
 * ends by itself once nothing is left open; the parent waits a while for that, so a test that leaks a server fails the run.
 */
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import Mocha from 'mocha';
import { skipReason } from './need.ts';

export type RunRequest = { readonly files: readonly string[]; readonly grep?: string; readonly forbidOnly: boolean };

export type FileSummary = {
  passed: number;
  /** Titles of tests and of hooks. */
  readonly failed: string[];
  readonly skipped: { readonly title: string; readonly reason: string }[];
};

export type RunSummary = {
  /** False in the reports before the last test has ended. */
  readonly ended: boolean;
  /** What keeps the process alive a while after that. */
  readonly open?: readonly string[];
  /** By the paths that were given; '' for hooks of no file. */
  readonly files: Readonly<Record<string, FileSummary>>;
};

/** Real processes and emulators on a busy machine; a test that needs less sets less. */
const TEST_TIMEOUT_MS = 20_000;
const SAY_WHAT_IS_OPEN_AFTER_MS = 2_500;

const request: RunRequest = JSON.parse(process.argv[2] ?? '{}');
const hooksPath = join(import.meta.dirname, 'root-hooks.ts');
const hooks = existsSync(hooksPath) ? await import(hooksPath) : {};

const mocha = new Mocha({
  timeout: TEST_TIMEOUT_MS,
  forbidOnly: request.forbidOnly,
  ...(request.grep === undefined ? {} : { grep: request.grep }),
  ...(hooks.mochaHooks === undefined ? {} : { rootHooks: hooks.mochaHooks }),
});
for (const file of request.files) mocha.addFile(file);
await mocha.loadFilesAsync();

const files: Record<string, FileSummary> = {};
const runner = mocha.run((failures) => {
  process.exitCode = failures > 0 ? 1 : 0;
  report(true);
  setTimeout(() => report(true, process.getActiveResourcesInfo()), SAY_WHAT_IS_OPEN_AFTER_MS).unref();
});
runner.on('pass', (test) => fileOf(test).passed++);
runner.on('fail', (test) => fileOf(test).failed.push(test.fullTitle()));
runner.on('pending', (test) => {
  fileOf(test).skipped.push({ title: test.fullTitle(), reason: skipReason(test) ?? 'no reason given' });
});
runner.on('test end', () => report(false));

function fileOf({ file = '' }: { readonly file?: string | undefined }): FileSummary {
  const path = file === '' ? file : relative(process.cwd(), resolve(file));
  files[path] ??= { passed: 0, failed: [], skipped: [] };
  return files[path];
}

/** After each test too: should the process be killed half-way, the parent still knows what had run. */
function report(ended: boolean, open?: readonly string[]): void {
  process.send?.({ ended, files, ...(open && { open }) } satisfies RunSummary);
}
