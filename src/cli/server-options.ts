import { type Command, Option } from 'commander';

/** The flags that override settings: those of `serve`, which other commands that look at a server take too. */
export function addServerOptions(command: Command): Command {
  return command
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
    .option('--site <folder>', 'pages of your own, served at /site/ (LONGSHORE_SITE)')
    .option('--auth <modes>', 'none, or a comma list of jwt and key (LONGSHORE_AUTH)')
    .addOption(
      new Option('--allow-anonymous', 'let everybody in who reaches the address (LONGSHORE_ALLOW_ANONYMOUS)').preset(
        '1',
      ),
    )
    .option('--internal-port <port>', 'where alone /metrics and /internal/* answer (LONGSHORE_INTERNAL_PORT)')
    .option('--log-level <level>', 'debug, info, warn, error or silent (LONGSHORE_LOG_LEVEL)');
}
