import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ROOT } from './files.ts';
import type { RunRequest, RunSummary } from './mocha-child.ts';

/** How long the test process may take to end after its last test: what is left open stays open for longer, and a slow machine needs some seconds to take everything down. */
const EXIT_GRACE_MS = 30_000;

/** `exit`: what is wrong with the way the process ended, if anything is. */
export type Outcome = { readonly summary: RunSummary; readonly exit: string | undefined };

/** Mocha in a process of its own. `printed`: its output is held back until that settles. `coverage`: the folder for what V8 counts. */
export function runMocha(request: RunRequest, coverage?: string, printed?: Promise<unknown>): Promise<Outcome> {
  return new Promise((resolve) => {
    const out = printed === undefined ? 'inherit' : 'pipe';
    let summary: RunSummary = { ended: false, files: {} };
    let late: NodeJS.Timeout | undefined;
    const child = spawn(process.execPath, [join(ROOT, 'test/support/mocha-child.ts'), JSON.stringify(request)], {
      cwd: ROOT,
      stdio: ['ignore', out, out, 'ipc'],
      env: coverage === undefined ? process.env : { ...process.env, NODE_V8_COVERAGE: coverage },
    });
    for (const stream of [child.stdout, child.stderr]) if (stream) holdBack(stream, printed);
    child.on('message', (message) => {
      summary = message as RunSummary;
      if (summary.ended) late ??= setTimeout(() => child.kill('SIGKILL'), EXIT_GRACE_MS);
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

function describeExit({ ended, open, files }: RunSummary, code: number | null, signal: string | null) {
  if (!ended) return `the test process ended early (${signal ?? `exit code ${code}`})`;
  if (signal !== null && open) {
    const grace = EXIT_GRACE_MS / 1000;
    return `the test process did not end by itself within ${grace} s after its last test: ${open.join(', ')}`;
  }
  if (signal !== null) {
    // Anything open would have let it tell so. Node may wait for a compiler thread of its own that waits for it: nodejs/node#54918.
    console.log('the test process had nothing open, did not end all the same, and was ended');
    return undefined;
  }
  const failed = Object.values(files).some((one) => one.failed.length > 0);
  if (code !== 0 && !failed) return `the test process ended with exit code ${code}`;
  return undefined;
}
