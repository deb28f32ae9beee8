import { type Command, Option } from 'commander';
import type { Config } from '../server/config.ts';
import { UsageError } from './failures.ts';

export function serveCommand(command: Command): Command {
  return command
    .description('start a server; with nothing said, everything is embedded and kept in ./.longshore')
    .option('--host <host>', 'address to listen on (LONGSHORE_HOST)')
    .option('--port <port>', 'port to listen on, 0 for any free one (PORT)')
    .option('--cache <url>', 'memory: or memcached://HOST:PORT,… (LONGSHORE_CACHE)')
    .option('--store <url>', 'memory:, sqlite:PATH or datastore:[PROJECT][/DATABASE][?namespace=] (LONGSHORE_STORE)')
    .option('--blobs <url>', 'folder:PATH or gs://BUCKET[/PREFIX] (LONGSHORE_BLOBS)')
    .option('--bus <url>', 'memory:, pulse: or pubsub:[PROJECT/]TOPIC (LONGSHORE_BUS)')
    .option('--data-dir <path>', 'where embedded data lies (LONGSHORE_DATA_DIR)')
    .option('--persist-ms <ms>', 'the longest that a change goes unstored (LONGSHORE_PERSIST_MS)')
    .option('--index-shards <n>', 'shards of the recent index; equal on all instances (LONGSHORE_INDEX_SHARDS)')
    .option('--allowed-origins <list>', 'web origins that may call across origins (LONGSHORE_ALLOWED_ORIGINS)')
    .option('--auth <modes>', 'none, or a comma list of jwt and key (LONGSHORE_AUTH)')
    .addOption(
      new Option('--allow-anonymous', 'let everybody in who reaches the address (LONGSHORE_ALLOW_ANONYMOUS)').preset(
        '1',
      ),
    )
    .option('--internal-port <port>', 'where alone /metrics and /internal/* answer (LONGSHORE_INTERNAL_PORT)')
    .option('--log-level <level>', 'debug, info, warn, error or silent (LONGSHORE_LOG_LEVEL)')
    .addHelpText(
      'after',
      '\nFrom the environment only: LONGSHORE_SECRET, LONGSHORE_ISSUERS, LONGSHORE_JWT_SECRET, LONGSHORE_API_KEYS,\n' +
        'LONGSHORE_INTERNAL_SECRET, LONGSHORE_INTERNAL_AUDIENCE, LONGSHORE_INTERNAL_ACCOUNTS, LONGSHORE_CACHE_PASSWORD.',
    )
    .action(async (flags: { [flag: string]: string }) => {
      // The server's parts are many: only who serves waits for them.
      const { parseConfig } = await import('../server/config.ts');
      const { serve } = await import('../server/compose.ts');
      // On a terminal the block below is what matters; the log is for whoever asks for it.
      const outcome = parseConfig(process.env, { logLevel: process.env.LONGSHORE_LOG_LEVEL ?? 'warn', ...flags });
      if (!outcome.ok) throw new UsageError(`the settings cannot be used:\n  ${outcome.problems.join('\n  ')}`);
      for (const warning of outcome.warnings) console.error(`longshore: ${warning}`);
      const code = await serve(outcome.config, (address) => console.log(describeServer(outcome.config, address)));
      process.exit(code);
    });
}

type Address = { readonly host: string; readonly port: number; readonly internalPort?: number };

/** What `serve` prints once it is up. */
export function describeServer(config: Config, { host, port, internalPort }: Address): string {
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  const url = `http://${shown}:${port}`;
  const { auth, cache, blobs } = config;
  const header = auth.modes.length === 0 ? '' : " -H 'Authorization: Bearer TOKEN'";
  const servers = cache.backend === 'memcached' ? cache.servers.map((one) => `${one.host}:${one.port}`).join(', ') : '';
  const updates = `${url}/v1/spaces/demo/updates`;
  return [
    `Longshore is up at ${url}${shown === host ? '' : ` (and every other address of this machine)`}`,
    `  cache   ${cache.backend === 'memory' ? 'in this process; every update is stored before its answer' : servers}`,
    `  store   ${describeStore(config)}`,
    `  blobs   ${blobs.backend} ${'path' in blobs ? blobs.path : blobs.bucket}`,
    `  data    ${config.dataDir}`,
    `  auth    ${auth.modes.length === 0 ? 'none: whoever reaches this address may do everything' : auth.modes.join(', ')}`,
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
