import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../support/files.ts';

const READY_MS = 30_000;
const KEPT_LINES = 3_000;

export type LogEntry = { readonly severity: string; readonly message: string; readonly [field: string]: unknown };
export type Env = { readonly [name: string]: string };
export type Exit = { readonly code: number | null; readonly signal: string | null };

/** Variables of the host that a server may need; its settings are all spelled out by the tests. */
const HOST_NAMES = ['PATH', 'HOME', 'TMPDIR', 'LANG'];

/**
 * One server in a process of its own, as the command line starts it.
 *
 *   starting ── listens ──▶ up ── kill, terminate, or its own end ──▶ ended
 *
 * Its log is kept and can be awaited; the process ends with this one at the latest.
 */
export class ServerProcess {
  readonly name: string;
  readonly log: LogEntry[] = [];
  /** What it printed apart from the log. */
  output = '';
  url = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<Exit>;
  readonly #onLine = new Set<() => void>();
  #ended = false;

  private constructor(name: string, args: readonly string[], env: Env) {
    this.name = name;
    const host = Object.fromEntries(HOST_NAMES.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : [])));
    this.#child = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...host, LONGSHORE_LOG_LEVEL: 'info', ...env },
    });
    const killNow = (): boolean => this.#child.kill('SIGKILL');
    process.once('exit', killNow);
    // With the last of what it said, which may come after its end.
    this.#exit = once(this.#child, 'close').then(([code, signal]) => {
      process.removeListener('exit', killNow);
      this.#ended = true;
      this.#wake();
      return { code, signal };
    });
    this.#child.stdout?.on('data', (chunk) => this.#print(String(chunk)));
    readLines(this.#child, (line) => this.#take(line));
  }

  /** Settles when it listens. */
  static async start(name: string, args: readonly string[], env: Env = {}): Promise<ServerProcess> {
    const server = ServerProcess.launch(name, args, env);
    await server.listening();
    return server;
  }

  static launch(name: string, args: readonly string[], env: Env = {}): ServerProcess {
    return new ServerProcess(name, args, env);
  }

  /** Fails with what it said when it ends before. */
  listening(): Promise<void> {
    return this.#until(() => this.url !== '', 'it listens');
  }

  get ended(): boolean {
    return this.#ended;
  }

  exit(): Promise<Exit> {
    return this.#exit;
  }

  /** `kill -9`; settles when it is gone. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** SIGTERM; settles with how it ended and how long that took, ms. */
  async terminate(): Promise<Exit & { readonly ms: number }> {
    const began = performance.now();
    this.#child.kill('SIGTERM');
    const exit = await this.#exit;
    return { ...exit, ms: performance.now() - began };
  }

  /** Settles with the first line of the log with this message, old or new. */
  async logged(message: string): Promise<LogEntry> {
    const find = (): LogEntry | undefined => this.log.find((entry) => entry.message === message);
    await this.#until(() => find() !== undefined, `it logs "${message}"`);
    return find() as LogEntry;
  }

  troubles(): LogEntry[] {
    return this.log.filter(({ severity }) => severity === 'ERROR' || severity === 'WARNING');
  }

  #until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        settle();
        reject(new Error(`${this.name}: waited until ${what}, but ${why}\n${this.#said()}`));
      };
      const late = setTimeout(() => fail(`${READY_MS} ms have passed`), READY_MS);
      const look = (): void => {
        if (holds()) {
          settle();
          resolve();
        } else if (this.#ended) fail('it has ended');
      };
      const settle = (): void => {
        clearTimeout(late);
        this.#onLine.delete(look);
      };
      this.#onLine.add(look);
      look();
    });
  }

  #said(): string {
    const lines = this.log.slice(-20).map((entry) => JSON.stringify(entry));
    return [this.output, ...lines].join('\n');
  }

  #print(text: string): void {
    this.output += text;
    this.url ||= /Longshore is up at (\S+)\n/.exec(this.output)?.[1] ?? '';
    this.#wake();
  }

  #take(line: string): void {
    if (line.startsWith('{')) {
      this.log.push(JSON.parse(line));
      if (this.log.length > KEPT_LINES) this.log.shift();
    } else this.output += `${line}\n`;
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#onLine]) look();
  }
}

function readLines(child: ChildProcess, take: (line: string) => void): void {
  let rest = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') take(line);
  });
}
