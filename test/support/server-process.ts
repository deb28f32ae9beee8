import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from './files.ts';

const CLI = join(ROOT, 'src/cli/main.ts');

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
    child.stderr?.resume();
    let printed = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const found = /up at (http:\S+)[\s\S]*marker=now/.exec(printed)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
    return new ServerProcess(child, url, printed);
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
