import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './files.ts';
import { Folder, plainEnvironment, ServerProcess } from './server-process.ts';

/** The published tests of the Durable Streams protocol; the six of its reserved subscriptions are not among them. */
export const CONFORMANCE_TESTS = 332;
/** Short, so that tests of the end of a wait are. */
const WAIT_MS = 500;
/** The suite asks what this origin may send. */
const ORIGIN = 'https://example.com';

export type Conformance = {
  readonly passed: number;
  /** Neither passed nor failed, by their titles. */
  readonly skipped: readonly string[];
  readonly failed: readonly { readonly title: string; readonly message: string }[];
};

/** A server as the suite wants it. */
export const CONFORMANCE_SETTINGS = {
  LONGSHORE_STREAM_WAIT_MS: String(WAIT_MS),
  LONGSHORE_ALLOWED_ORIGINS: ORIGIN,
  LONGSHORE_LIMITS: 'off',
};

export function startForConformance(folder: Folder): Promise<ServerProcess> {
  return ServerProcess.start(['--data-dir', folder.path], CONFORMANCE_SETTINGS);
}

type Found = { readonly title: string; readonly status: string; readonly message: string };
type Report = {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
};

/** Runs the suite in a process of its own. `only`: titles that match. */
export async function runConformance(url: string, only?: string): Promise<Conformance> {
  const folder = new Folder();
  try {
    const file = join(folder.path, 'report.json');
    const root = join(ROOT, 'test/conformance');
    const args = ['run', '--root', root, '--testTimeout=30000', '--reporter=json', `--outputFile=${file}`];
    const child = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...args, ...(only === undefined ? [] : ['-t', only])],
      { cwd: ROOT, env: plainEnvironment({ STREAMS_URL: url, STREAMS_WAIT_MS: String(WAIT_MS) }), stdio: 'pipe' },
    );
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    return summaryOf(foundIn(readReport(file, said)));
  } finally {
    folder.remove();
  }
}

function readReport(file: string, said: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`the suite wrote no report:\n${said}`, { cause });
  }
}

function foundIn({ testResults }: Report): Found[] {
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  return all.map(({ fullName, status, failureMessages = [] }) => ({
    title: fullName.trim(),
    status,
    message: failureMessages[0]?.split('\n')[0] ?? '',
  }));
}

function summaryOf(found: readonly Found[]): Conformance {
  const failed = found.filter(({ status }) => status === 'failed');
  const skipped = found.filter(({ status }) => status !== 'passed' && status !== 'failed');
  return {
    passed: found.length - failed.length - skipped.length,
    skipped: skipped.map(({ title }) => title),
    failed: failed.map(({ title, message }) => ({ title, message })),
  };
}

/** For people: each failure, then the counts. */
export function describeConformance(where: string, { passed, failed, skipped }: Conformance): string {
  const lines = failed.map(({ title, message }) => `  ${title}\n    ${message}`);
  const rest = `${failed.length} failed, ${skipped.length} skipped`;
  lines.push(...skipped.map((title) => `  skipped: ${title}`));
  return [...lines, `${where}: ${passed} of ${CONFORMANCE_TESTS} passed, ${rest}`].join('\n');
}
