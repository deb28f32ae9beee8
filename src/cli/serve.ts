import type { Command } from 'commander';
import type { Config } from '../server/config.ts';
import { UsageError } from './failures.ts';
import { addServerOptions } from './server-options.ts';

const HELP = `
From the environment only: LONGSHORE_SECRET, LONGSHORE_CACHE_USERNAME, LONGSHORE_CACHE_PASSWORD, LONGSHORE_LIMITS,
LONGSHORE_TRUST_PROXY, LONGSHORE_ISSUERS, LONGSHORE_API_KEYS, LONGSHORE_JWT_SECRET, LONGSHORE_INTERNAL_SECRET,
LONGSHORE_INTERNAL_AUDIENCE, LONGSHORE_INTERNAL_ACCOUNTS, LONGSHORE_ARCHIVE_MS, LONGSHORE_PICTURE_ALL_MS,
LONGSHORE_PICTURE_HOURLY_MS, LONGSHORE_STREAM_WAIT_MS, LONGSHORE_PAGES.

Examples:
  longshore serve
  longshore serve --port 0 --data-dir /tmp/board --json
  longshore serve --cache memcached://127.0.0.1:11211 --store datastore:my-project`;

export function serveCommand(command: Command): Command {
  return addServerOptions(command)
    .description('start a server; with nothing said, everything is embedded and kept in ./.longshore')
    .option('--json', 'once it is up, one JSON object instead of the lines for people')
    .addHelpText('after', HELP)
    .action(async ({ json, ...flags }: { json?: boolean } & { [flag: string]: string }) => {
      // The server's parts are many: only who serves waits for them.
      const { parseConfig } = await import('../server/config.ts');
      const { serve } = await import('../server/compose.ts');
      // On a terminal the block below is what matters; the log is for whoever asks for it.
      const outcome = parseConfig(process.env, { logLevel: process.env.LONGSHORE_LOG_LEVEL ?? 'warn', ...flags });
      if (!outcome.ok) throw new UsageError(`the settings cannot be used:\n  ${outcome.problems.join('\n  ')}`);
      for (const warning of outcome.warnings) console.error(`longshore: ${warning}`);
      const describe = json ? describeAsJson : describeServer;
      const code = await serve(outcome.config, (address) => console.log(describe(outcome.config, address)));
      process.exit(code);
    });
}

type Address = { readonly host: string; readonly port: number; readonly internalPort?: number };

/** As a client on this machine writes it. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** The same for programs: `serve --json`. */
function describeAsJson(config: Config, { host, port, internalPort }: Address): string {
  const { auth, blobs, dataDir } = config;
  const place = `http://${reachable(host)}`;
  return JSON.stringify({
    url: `${place}:${port}`,
    cache: cacheServers(config) || 'memory',
    store: describeStore(config),
    blobs: `${blobs.backend} ${'path' in blobs ? blobs.path : blobs.bucket}`,
    dataDir,
    auth: auth.modes,
    ...(internalPort === undefined ? {} : { internalUrl: `${place}:${internalPort}` }),
  });
}

function cacheServers({ cache }: Config): string {
  return cache.backend === 'memcached' ? cache.servers.map((one) => `${one.host}:${one.port}`).join(', ') : '';
}

/** What `serve` prints once it is up. */
export function describeServer(config: Config, { host, port, internalPort }: Address): string {
  const shown = reachable(host);
  const url = `http://${shown}:${port}`;
  const { auth, cache, blobs } = config;
  const header = auth.modes.length === 0 ? '' : " -H 'Authorization: Bearer TOKEN'";
  const servers = cacheServers(config);
  const updates = `${url}/v1/spaces/demo/updates`;
  return [
    `Longshore is up at ${url}${shown === host ? '' : ` (and every other address of this machine)`}`,
    `  cache   ${cache.backend === 'memory' ? 'in this process; every update is stored before its answer' : servers}`,
    `  store   ${describeStore(config)}`,
    `  blobs   ${blobs.backend} ${'path' in blobs ? blobs.path : blobs.bucket}`,
    `  data    ${config.dataDir}`,
    `  auth    ${auth.modes.length === 0 ? 'none: whoever reaches this address may do everything' : auth.modes.join(', ')}`,
    ...(config.site === undefined ? [] : [`  site    ${config.site}, at ${url}/site/`]),
    ...(internalPort === undefined ? [] : [`  ops     http://${shown}:${internalPort}/metrics`]),
    '',
    'Post an update, read what is there, wait for the next change:',
    `  curl ${updates}${header} -H 'Content-Type: application/json' -d '{"updates":[{"item":"hello","op":{"set":{"x":1}}}]}'`,
    `  curl ${updates}${header}`,
    `  curl '${updates}?marker=now'${header}`,
  ].join('\n');
}

function describeStore({ store, projectId, datastoreEmulator }: Config): string {
  if (store.backend === 'sqlite') return `sqlite ${store.path}`;
  if (store.backend === 'memory') return 'memory';
  const project = store.projectId ?? projectId ?? "the credentials' project";
  const database = store.databaseId === undefined ? '' : `/${store.databaseId}`;
  const namespace = store.namespace === undefined ? '' : `, namespace ${store.namespace}`;
  const emulator = datastoreEmulator === undefined ? '' : ` (emulator at ${datastoreEmulator})`;
  return `datastore ${project}${database}${namespace}${emulator}`;
}
