import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

export type Core = 0 | 1;

const STOP_MS = 4_000;
const STARTED: Set<ChildProcess> = new Set();
const HAS_TASKSET = process.platform === 'linux' && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

export function isPinned(): boolean {
  return HAS_TASKSET;
}

/** Starts a command on one core where the machine can pin. What it writes to stderr is shown. */
export function start(core: Core, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [file, all] = HAS_TASKSET ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
  const child = spawn(file, all, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  STARTED.add(child);
  child.once('exit', () => STARTED.delete(child));
  return child;
}

/** The first group of `pattern` in what the process prints; fails when it ends without. The rest is read and dropped. */
export async function printed(child: ChildProcess, pattern: RegExp, what: string): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error(`${what} has no output`);
  const lines = createInterface({ input: stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const found = pattern.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${what} ended (${signal ?? code})`)));
  });
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
}

export async function stopAll(): Promise<void> {
  await Promise.all([...STARTED].map(stop));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
