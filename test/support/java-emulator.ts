import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { freePort } from './memcached.ts';

export type JavaEmulator = {
  /** `host:port`. */
  readonly host: string;
  /** Stops the process where it stands: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Kills it, without warning; settles when it is gone. */
  stop(): Promise<void>;
  /** Starts it again, empty, on the same port. Only after `stop`. */
  startAgain(): Promise<void>;
};

export type Missing = { readonly missing: string };

export type EmulatorKind = {
  readonly name: string;
  /** What `gcloud components install` calls it. */
  readonly component: string;
  /** The environment variable that may name the jar. */
  readonly variable: string;
  /** Where the jar is below the SDK, and what its file is called. */
  readonly folder: string;
  readonly jar: RegExp;
  /** Of java, from the path of the jar on. */
  readonly args: (jar: string, port: number) => readonly string[];
};

const READY_MS = 30_000;
const POLL_MS = 25;

/**
 * Starts an emulator of the Google Cloud SDK from its jar, since the launcher of the SDK leaves the Java process behind when it is
 * killed. It keeps everything in memory.
 */
export async function startJavaEmulator(kind: EmulatorKind): Promise<JavaEmulator | Missing> {
  const jar = findJar(kind);
  if (jar === undefined) return { missing: `no ${kind.name} emulator (gcloud components install ${kind.component})` };
  const java = findOnPath('java');
  if (java === undefined) return { missing: `no java on the PATH, which the ${kind.name} emulator needs` };
  const port = await freePort();
  const launch = (): Promise<Launched> => launchJava(java, kind, jar, port);
  let running = await launch();
  return {
    host: `127.0.0.1:${port}`,
    pause: () => void running.child.kill('SIGSTOP'),
    resume: () => void running.child.kill('SIGCONT'),
    stop: () => running.stop(),
    startAgain: async () => {
      running = await launch();
    },
  };
}

type Launched = { readonly child: ChildProcess; readonly stop: () => Promise<void> };

async function launchJava(java: string, kind: EmulatorKind, jar: string, port: number): Promise<Launched> {
  const child = spawn(java, kind.args(jar, port), { stdio: ['ignore', 'pipe', 'pipe'] });
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
  if (await isReady(child, port)) return { child, stop };
  await stop();
  throw new Error(`the ${kind.name} emulator did not start:\n${output}`);
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

/** The environment names the jar, or with `CLOUDSDK_ROOT_DIR` the SDK; else it is the SDK that `gcloud` belongs to. */
function findJar({ variable, folder, jar }: EmulatorKind): string | undefined {
  const named = process.env[variable];
  if (named && existsSync(named)) return named;
  const { CLOUDSDK_ROOT_DIR: sdk } = process.env;
  const gcloud = findOnPath('gcloud');
  const roots = [...(sdk ? [sdk] : []), ...(gcloud === undefined ? [] : [dirname(dirname(realpathSync(gcloud)))])];
  for (const place of roots.map((root) => join(root, folder))) {
    const file = existsSync(place) ? readdirSync(place).find((name) => jar.test(name)) : undefined;
    if (file !== undefined) return join(place, file);
  }
  return undefined;
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
