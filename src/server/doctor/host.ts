import { access, constants, readFile, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';
import { codeOf, type Finding, fail, messageOf, ok, warn } from './findings.ts';

const NODE_NEEDED = 24;
/** Files and connections besides those of parked polls. */
const FILES_BESIDES = 1_000;
const LEAST_FILES = 1_024;
const LEAST_FREE_BYTES = 100 * 1024 * 1024;

export async function examineNode(): Promise<Finding[]> {
  const { node } = process.versions;
  const good = Number(node.split('.')[0]) >= NODE_NEEDED;
  return [good ? ok('node', node) : fail('node', node, `install Node ${NODE_NEEDED} or newer: https://nodejs.org`)];
}

/** Each parked poll is an open connection. */
export async function examineFiles(config: Config, limit = openFilesLimit()): Promise<Finding[]> {
  const wanted = config.limits.parked + FILES_BESIDES;
  if (limit === undefined || limit >= wanted)
    return [ok('open files', limit === undefined ? 'no limit' : `up to ${limit}`)];
  const detail = `up to ${limit}; ${config.limits.parked} parked polls need ${wanted}`;
  const fix = `ulimit -n ${wanted} before starting, or LimitNOFILE= of the service; or lower parked in LONGSHORE_LIMITS`;
  return [limit < LEAST_FILES ? fail('open files', detail, fix) : warn('open files', detail, fix)];
}

function openFilesLimit(): number | undefined {
  if (process.report === undefined) return undefined;
  // Its types do not know this yet; without it every address in the report is looked up.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const soft = report.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}

/** The folder of the embedded parts, where any of them is used. */
export async function examineFolder(config: Config): Promise<Finding[]> {
  const { dataDir, store, blobs, secrets } = config;
  if (secrets.length > 0 && store.backend !== 'sqlite' && blobs.backend !== 'folder')
    return [ok('data folder', 'not used')];
  const there = await firstExisting(dataDir);
  if (!(await stat(there)).isDirectory()) {
    return [fail('data folder', `${there} is no folder`, 'name another with LONGSHORE_DATA_DIR')];
  }
  try {
    await access(there, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const fix = `give this user the right to write there (chown, chmod u+rwx), or name another with LONGSHORE_DATA_DIR`;
    return [fail('data folder', `${there} cannot be written by this user`, fix)];
  }
  const { bavail, bsize } = await statfs(there);
  const free = bavail * bsize;
  const shown = `${Math.round(free / 1024 / 1024)} MiB free`;
  if (free < LEAST_FREE_BYTES)
    return [warn('data folder', `${dataDir}, ${shown}`, 'make room: a full disk refuses every update')];
  return [
    ok(
      'data folder',
      there === dataDir ? `${dataDir}, ${shown}` : `${dataDir} will be made by the first start, ${shown}`,
    ),
  ];
}

async function firstExisting(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found !== undefined || at === dirname(at)) return at;
  }
}

const KEY = /^[A-Za-z0-9_-]{43}$/;

/** What seals the markers. */
export async function examineSecret({ secrets, dataDir }: Config): Promise<Finding[]> {
  if (secrets.length > 0) return [ok('sealing key', `${secrets.length} from LONGSHORE_SECRET`)];
  const path = join(dataDir, 'secret');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [ok('sealing key', `${path} will be made by the first start`)];
    return [fail('sealing key', messageOf(error), `let this user read ${path}`)];
  }
  if (!KEY.test(text.trim())) {
    return [fail('sealing key', `${path} does not hold a key`, 'delete it; clients then begin again from a snapshot')];
  }
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) return [warn('sealing key', `${path} can be read by others`, `chmod 600 ${path}`)];
  return [ok('sealing key', path)];
}

/** Whether the address can be listened on, or who does. */
export async function examineAddress({ host, port }: Config): Promise<Finding[]> {
  const shown = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (port === 0) return [ok('address', 'any free port')];
  const code = await tryToListen(host, port);
  if (code === undefined) return [ok('address', `${shown} is free`)];
  if (code === 'EADDRINUSE') return [await whoListens(host, port, shown)];
  const fix =
    code === 'EACCES' ? 'choose a port above 1023 with PORT' : 'name an address of this machine with LONGSHORE_HOST';
  return [fail('address', `${shown} cannot be listened on (${code})`, fix)];
}

function tryToListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error) ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

const ANSWER_MS = 3_000;

async function whoListens(host: string, port: number, shown: string): Promise<Finding> {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host === '::' ? '::1' : host}]` : host;
  try {
    const response = await fetch(`http://${local}:${port}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const report = (await response.json()) as { readonly ready?: unknown; readonly dependencies?: object };
    if (typeof report.ready === 'boolean' && report.dependencies !== undefined) {
      if (report.ready) return ok('address', `a server is up at ${shown}, and ready`);
      return warn(
        'address',
        `the server at ${shown} is not ready: ${JSON.stringify(report.dependencies)}`,
        'see the other lines',
      );
    }
  } catch {
    // whatever it is, it is no server of ours
  }
  return fail('address', `something else listens at ${shown}`, 'stop it, or choose another port with PORT or --port');
}
