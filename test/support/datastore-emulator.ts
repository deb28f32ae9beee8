import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { freePort } from './memcached.ts';

export type DatastoreEmulator = {
  /** `host:port`. Data sets are apart by project id: give each test file its own. */
  readonly host: string;
  /** Stops the process where it stands: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Kills it, without warning; settles when it is gone. */
  stop(): Promise<void>;
};

export type Missing = { readonly missing: string };

const JAR = join('platform', 'cloud-datastore-emulator', 'CloudDatastore.jar');
const READY_MS = 30_000;
const POLL_MS = 25;

/**
 * Starts the emulator from its jar, since the launcher of the SDK leaves the Java process behind when it is killed. It
 * keeps everything in memory and reads its own writes, as the service does.
 */
export async function startDatastoreEmulator(): Promise<DatastoreEmulator | Missing> {
  const jar = findJar();
  if (jar === undefined)
    return { missing: 'no Datastore emulator (gcloud components install cloud-datastore-emulator)' };
  const java = findOnPath('java');
  if (java === undefined) return { missing: 'no java on the PATH, which the Datastore emulator needs' };
  const port = await freePort();
  const main = 'com.google.cloud.datastore.emulator.CloudDatastore';
  const args = ['-Xmx512m', '-cp', jar, main, 'start', '--host=127.0.0.1', `--port=${port}`, '--testing'];
  const child = spawn(java, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output = `${output}${text}`.slice(-4000);
    });
  }
  const killNow = (): boolean => child.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killNow);
    if (hasEnded(child)) return;
    const gone = once(child, 'exit');
    killNow();
    await gone;
  };
  if (!(await isReady(child, port))) {
    await stop();
    throw new Error(`the Datastore emulator did not start:\n${output}`);
  }
  return {
    host: `127.0.0.1:${port}`,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop,
  };
}

let shared: Promise<DatastoreEmulator | Missing> | undefined;

/** The one emulator of this run, started when first asked for. Root hooks stop it. */
export function sharedDatastoreEmulator(): Promise<DatastoreEmulator | Missing> {
  shared ??= startDatastoreEmulator();
  return shared;
}

export async function stopDatastoreEmulator(): Promise<void> {
  const emulator = await shared?.catch(() => undefined);
  shared = undefined;
  if (emulator !== undefined && 'stop' in emulator) await emulator.stop();
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function isReady(child: ChildProcess, port: number): Promise<boolean> {
  const end = performance.now() + READY_MS;
  while (!hasEnded(child) && performance.now() < end) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      if (response.status === 200) return true;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return false;
}

/** `DATASTORE_EMULATOR_JAR` names the jar, `CLOUDSDK_ROOT_DIR` the SDK; else it is the SDK that `gcloud` belongs to. */
function findJar(): string | undefined {
  const { DATASTORE_EMULATOR_JAR: jar, CLOUDSDK_ROOT_DIR: sdk } = process.env;
  const gcloud = findOnPath('gcloud');
  const places = [
    ...(jar ? [jar] : []),
    ...(sdk ? [join(sdk, JAR)] : []),
    ...(gcloud === undefined ? [] : [join(dirname(dirname(realpathSync(gcloud))), JAR)]),
  ];
  return places.find((place) => existsSync(place));
}

function findOnPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}
