import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';

export type MemcachedOptions = {
  /** More of memcached's own options, such as `-M`. */
  readonly args?: readonly string[];
  readonly port?: number;
  /** Ask for this name and password; see `saslProblem`. */
  readonly sasl?: { readonly username: string; readonly password: string };
};

export type RunningMemcached = {
  readonly port: number;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Kills it, without warning; settles when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. Only after `kill`. */
  startAgain(): Promise<void>;
  stop(): Promise<void>;
};

/** The path of the binary, where there is one. */
export function findMemcached(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'memcached');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

export const MEMCACHED_MISSING = 'no memcached on the PATH (Debian and Ubuntu: apt-get install memcached)';

/**
 * Why a memcached with passwords cannot be started here; `undefined` when it can. The builds of Debian and Ubuntu ask
 * Cyrus SASL, which reads a Berkeley DB file; perl's DB_File writes it, so that `sasl2-bin` is not needed.
 */
export function saslProblem(): string | undefined {
  const help = spawnSync(findMemcached() ?? 'memcached', ['-h']).stdout?.toString() ?? '';
  if (!help.includes('--enable-sasl')) return 'this memcached was built without SASL';
  if (spawnSync('perl', ['-MDB_File', '-e', '1']).status !== 0) return 'no perl with DB_File to write a SASL database';
  return undefined;
}

/** Listens on 127.0.0.1 only. Settles when it accepts connections. */
export async function startMemcached(options: MemcachedOptions = {}): Promise<RunningMemcached> {
  const port = options.port ?? (await freePort());
  const sasl = options.sasl === undefined ? undefined : writeSaslFolder(options.sasl);
  const launch = () => launchMemcached(port, options.args ?? [], sasl);
  let child = await launch();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return {
    port,
    signal: (name) => void child.kill(name),
    kill,
    startAgain: async () => {
      child = await launch();
    },
    stop: async () => {
      await kill();
      if (sasl !== undefined) rmSync(sasl, { recursive: true });
    },
  };
}

async function launchMemcached(port: number, args: readonly string[], sasl: string | undefined): Promise<ChildProcess> {
  const path = findMemcached();
  if (path === undefined) throw new Error(MEMCACHED_MISSING);
  const all = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-t', '1', '-u', userInfo().username, ...args];
  if (sasl !== undefined) all.push('-S');
  const env = sasl === undefined ? process.env : { ...process.env, SASL_CONF_PATH: sasl };
  const child = spawn(path, all, { stdio: ['ignore', 'ignore', 'pipe'], env });
  let complaint = '';
  child.stderr?.on('data', (text) => {
    complaint += text;
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`memcached ended: ${complaint}`);
  }
  return child;
}

/** Cyrus appends the host name to a name without `@`: the short one or the one that the resolver knows. */
const WRITE_SASL = `
my ($file, $user, $password, $host) = @ARGV;
tie(my %all, 'DB_File', $file, O_RDWR|O_CREAT, 0600, $DB_HASH) or die $!;
$all{join("\\0", $user, $_, 'userPassword')} = $password for $host, (gethostbyname $host)[0] // $host;
untie %all;
`;

function writeSaslFolder(sasl: { readonly username: string; readonly password: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-sasl-'));
  const database = join(folder, 'sasldb2');
  const lines = ['mech_list: plain', 'pwcheck_method: auxprop', 'auxprop_plugin: sasldb', `sasldb_path: ${database}`];
  writeFileSync(join(folder, 'memcached.conf'), `${lines.join('\n')}\n`);
  const result = spawnSync('perl', ['-MDB_File', '-e', WRITE_SASL, database, sasl.username, sasl.password, hostname()]);
  if (result.status !== 0) throw new Error(`perl could not write the SASL database: ${result.stderr}`);
  return folder;
}

/** One attempt to connect; a refused one takes a moment, so calling it again and again does not spin. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => setTimeout(() => resolve(false), 5));
  });
}

/** Below the ports that systems give out by themselves, to whoever listens on 0 or connects: between here and the use of the port nobody is given it. */
const PORTS = { from: 20_000, count: 12_000 };
const given = new Set<number>();

/** A port that nobody listens on, another one each time. It is still free after what listened there was killed. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + randomInt(PORTS.count);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
