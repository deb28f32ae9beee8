import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Target } from '../load/job.ts';
import { sleep } from '../load/measure.ts';
import { freePort, printed, start, stop } from './processes.ts';

/** What is measured. `floor` and `floorMemjs` are the floors A and C. */
export type Subject = 'floor' | 'floorMemjs' | 'longshore' | 'embedded' | 'yjs';

export const SUBJECTS: { readonly [name in Subject]: string } = {
  floor: 'node:http (floor A)',
  floorMemjs: 'node:http + memjs (floor C)',
  longshore: 'Longshore, memcached',
  embedded: 'Longshore, embedded',
  yjs: 'y-websocket, in memory',
};

export type Running = { readonly target: Target; readonly stop: () => Promise<void> };

export type LongshoreOptions = {
  /** Port of memcached; embedded without. */
  readonly cachePort?: number;
  readonly store?: string;
  readonly bus?: string;
  /** `host:port` of emulators. */
  readonly pubsub?: string;
  readonly datastore?: string;
  readonly nodeFlags?: readonly string[];
  /** N, ms. */
  readonly persistMs?: number;
};

const BENCH = join(import.meta.dirname, '..');
const CLI = join(BENCH, '../src/cli/main.ts');
const NODE = process.execPath;

const MEMCACHED_ATTEMPTS = 3;
const LOOKS = 100;
const LOOK_MS = 50;

/** On a port that was free a moment ago: where somebody else was faster, on another one. */
export async function startMemcached(): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const user = process.getuid?.() === 0 ? ['-u', userInfo().username] : [];
  for (let attempt = 0; attempt < MEMCACHED_ATTEMPTS; attempt++) {
    const port = await freePort();
    const args = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-t', '1', '-m', '512', ...user];
    const child = start(0, 'memcached', args);
    child.once('error', () => undefined);
    for (let look = 0; look < LOOKS && child.exitCode === null; look++) {
      if (await accepts(port)) return { port, child };
      await sleep(LOOK_MS);
    }
    await stop(child);
  }
  throw new Error('memcached does not start; is it on the PATH?');
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const FOLDERS = new Set<string>();

/** For an end in the middle; otherwise a server's folder goes with it. */
export function removeFolders(): void {
  for (const folder of FOLDERS) rmSync(folder, { recursive: true, force: true });
  FOLDERS.clear();
}

/** The real server, as `longshore serve` starts it, with its data in a folder that goes with it. */
export async function startLongshore(options: LongshoreOptions): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-'));
  FOLDERS.add(folder);
  const { cachePort, store, bus, pubsub, datastore, persistMs, nodeFlags = [] } = options;
  const args = [...nodeFlags, CLI, 'serve', '--port', '0', '--data-dir', folder, '--log-level', 'error'];
  if (cachePort !== undefined) args.push('--cache', `memcached://127.0.0.1:${cachePort}`);
  if (store !== undefined) args.push('--store', store);
  if (bus !== undefined) args.push('--bus', bus);
  const child = start(0, NODE, args, {
    LONGSHORE_SECRET: 'only-for-this-benchmark-0123456789',
    // All load comes from one address.
    LONGSHORE_LIMITS: 'off',
    ...(pubsub === undefined ? {} : { PUBSUB_EMULATOR_HOST: pubsub }),
    ...(persistMs === undefined ? {} : { LONGSHORE_PERSIST_MS: String(persistMs) }),
    ...(datastore === undefined ? {} : { DATASTORE_EMULATOR_HOST: datastore, METADATA_SERVER_DETECTION: 'none' }),
  });
  const port = Number(await printed(child, /http:\/\/127\.0\.0\.1:(\d+)/, 'the server'));
  const end = async (): Promise<void> => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
    FOLDERS.delete(folder);
  };
  return { target: { protocol: 'longshore', port, pids: { server: pidOf(child) } }, stop: end };
}

async function startFloor(file: string, args: readonly string[] = []): Promise<Running> {
  const child = start(0, NODE, [join(BENCH, file), ...args]);
  const port = Number(await printed(child, /listening on (\d+)/, file));
  return { target: { protocol: 'floor', port, pids: { server: pidOf(child) } }, stop: () => stop(child) };
}

/** `nodeFlags`: of Longshore; the floors stay as they are. */
export async function startSubject(subject: Subject, nodeFlags: readonly string[]): Promise<Running> {
  if (subject === 'floor') return startFloor('floor-http.ts');
  if (subject === 'yjs') {
    const { target, stop: end } = await startFloor('floor-yjs.ts');
    return { target: { ...target, yjs: true }, stop: end };
  }
  if (subject === 'embedded') return startLongshore({ nodeFlags });
  const memcached = await startMemcached();
  const { port } = memcached;
  const running =
    subject === 'floorMemjs'
      ? await startFloor('floor-memjs.ts', [`127.0.0.1:${port}`])
      : await startLongshore({ cachePort: port, nodeFlags });
  const pids = { ...running.target.pids, memcached: pidOf(memcached.child) };
  const end = async (): Promise<void> => {
    await running.stop();
    await stop(memcached.child);
  };
  return { target: { ...running.target, pids }, stop: end };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('a process without an id');
  return child.pid;
}
