import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { ROOT } from './files.ts';

export const CLI = join(ROOT, 'src/cli/main.ts');

/** The test's own environment without what would configure a server. */
export function plainEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const names = /^(LONGSHORE_|PORT$|GAE_|K_SERVICE$|GOOGLE_|DATASTORE_|STORAGE_|PUBSUB_|NODE_V8_COVERAGE$)/;
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.test(name))), ...more };
}

export type Ended = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
};

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { env: plainEnvironment(env) });
  const [out, err, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, signal, out, err };
}

/** What the process prints there until it matches, all of it; fails with that where the stream ends before. */
export async function printed(stream: Readable | null, pattern: RegExp): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      if (pattern.test(said)) resolve(said);
    });
    stream?.once('close', () => reject(new Error(`${pattern} was not printed, but:\n${said}`)));
  });
}

/** A server in a process of its own. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it printed until it was up. */
  readonly greeting: string;

  constructor(child: ChildProcess, url: string, greeting: string) {
    this.child = child;
    this.url = url;
    this.greeting = greeting;
  }

  static async start(args: readonly string[], env: Record<string, string> = {}): Promise<ServerProcess> {
    const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', ...args], {
      env: plainEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const complaints = text(child.stderr);
    const up = /up at (http:\S+)[\s\S]*marker=now.*\n/;
    const greeting = await printed(child.stdout, up).catch(async (error) => {
      throw new Error(`the server did not start:\n${await complaints}`, { cause: error });
    });
    return new ServerProcess(child, up.exec(greeting)?.[1] ?? '', greeting);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    const [code, killedBy] = await ended;
    return code ?? killedBy;
  }
}

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'longshore-'));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
