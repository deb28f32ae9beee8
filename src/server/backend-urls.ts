import { isAbsolute, join, resolve } from 'node:path';

/** What each kind of backend is to be made from. */
export type CacheChoice =
  | { readonly backend: 'memory' }
  | {
      readonly backend: 'memcached';
      readonly servers: readonly { readonly host: string; readonly port: number }[];
      readonly username?: string;
      readonly password?: string;
    };
export type StoreChoice =
  | { readonly backend: 'memory' }
  | { readonly backend: 'sqlite'; readonly path: string }
  | {
      readonly backend: 'datastore';
      readonly projectId?: string;
      readonly databaseId?: string;
      readonly namespace?: string;
    };
export type BlobsChoice =
  | { readonly backend: 'folder'; readonly path: string }
  | { readonly backend: 'gcs'; readonly bucket: string; readonly prefix: string };
export type BusChoice =
  | { readonly backend: 'memory' }
  | { readonly backend: 'pulse' }
  | { readonly backend: 'pubsub'; readonly projectId?: string; readonly topic: string };

/** A setting that cannot be used; the message says what is allowed and never repeats a password. */
export class SettingError extends Error {}

const DEFAULT_MEMCACHED_PORT = 11211;

export function parseCacheUrl(text: string): CacheChoice {
  const [scheme, rest] = split(text);
  if (scheme === 'memory' && rest === '') return { backend: 'memory' };
  if (scheme === 'memcached') return parseMemcached(rest);
  throw new SettingError('must be memory: or memcached://HOST:PORT,HOST:PORT');
}

/** `//[user:password@]host[:port],…`; user and password are percent-encoded. */
function parseMemcached(rest: string): CacheChoice {
  if (!rest.startsWith('//')) throw new SettingError('must be of the form memcached://HOST:PORT,HOST:PORT');
  const text = rest.slice(2).replace(/\/$/, '');
  const at = text.lastIndexOf('@');
  const servers = text
    .slice(at + 1)
    .split(',')
    .map(parseServer);
  const names = new Set(servers.map(({ host, port }) => `${host}:${port}`));
  if (names.size < servers.length) throw new SettingError('names a server twice');
  if (at < 0) return { backend: 'memcached', servers };
  const match = /^([^:]+):(.+)$/.exec(text.slice(0, at));
  if (match === null) throw new SettingError('needs USER:PASSWORD before the @, or neither');
  return { backend: 'memcached', servers, username: decode(match[1] ?? ''), password: decode(match[2] ?? '') };
}

const SERVER = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;

function parseServer(text: string): { readonly host: string; readonly port: number } {
  const match = SERVER.exec(text);
  const port = Number(match?.[2] ?? DEFAULT_MEMCACHED_PORT);
  if (match === null || port < 1 || port > 65_535) throw new SettingError('has a server that is not HOST or HOST:PORT');
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, '').toLowerCase(), port };
}

export function parseStoreUrl(text: string): StoreChoice {
  const [scheme, rest] = split(text);
  if (scheme === 'memory' && rest === '') return { backend: 'memory' };
  if (scheme === 'sqlite') return { backend: 'sqlite', path: parsePath(rest) };
  if (scheme === 'datastore') return parseDatastore(rest);
  throw new SettingError('must be memory:, sqlite:PATH or datastore:[PROJECT][/DATABASE][?namespace=NAME]');
}

const DATASTORE = /^([a-z0-9.:-]*)(?:\/([a-z0-9()-]+))?(?:\?namespace=([A-Za-z0-9._-]{1,100}))?$/;

function parseDatastore(rest: string): StoreChoice {
  const match = DATASTORE.exec(rest);
  if (match === null) throw new SettingError('must be of the form datastore:[PROJECT][/DATABASE][?namespace=NAME]');
  const [, projectId, databaseId, namespace] = match;
  return {
    backend: 'datastore',
    ...(projectId ? { projectId } : {}),
    ...(databaseId ? { databaseId } : {}),
    ...(namespace ? { namespace } : {}),
  };
}

export function parseBlobsUrl(text: string): BlobsChoice {
  const [scheme, rest] = split(text);
  if (scheme === 'folder') return { backend: 'folder', path: parsePath(rest) };
  const match = scheme === 'gs' ? /^\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/(.*))?$/.exec(rest) : null;
  if (match === null) throw new SettingError('must be folder:PATH or gs://BUCKET[/PREFIX]');
  const prefix = (match[2] ?? '').replace(/\/+$/, '');
  if (!/^(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:\/(?!$)|$))*$/.test(prefix)) {
    throw new SettingError('has a prefix with other characters than A-Z a-z 0-9 . _ ~ - and single /');
  }
  return { backend: 'gcs', bucket: match[1] ?? '', prefix };
}

export function parseBusUrl(text: string): BusChoice {
  const [scheme, rest] = split(text);
  if (scheme === 'memory' && rest === '') return { backend: 'memory' };
  if (scheme === 'pulse' && rest === '') return { backend: 'pulse' };
  if (scheme === 'pubsub') return parsePubsub(rest);
  throw new SettingError('must be memory:, pulse: or pubsub:[PROJECT/]TOPIC');
}

/** Names as Pub/Sub takes them. */
const PUBSUB = /^(?:([a-z][a-z0-9.:-]*)\/)?((?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254})$/;

function parsePubsub(rest: string): BusChoice {
  const match = PUBSUB.exec(rest);
  if (match === null) {
    throw new SettingError(
      'must be of the form pubsub:[PROJECT/]TOPIC; a topic has 3 to 255 of A-Z a-z 0-9 . _ ~ + % -',
    );
  }
  const [, projectId, topic = ''] = match;
  return { backend: 'pubsub', ...(projectId ? { projectId } : {}), topic };
}

function split(text: string): readonly [scheme: string, rest: string] {
  const end = text.indexOf(':');
  return end < 0 ? ['', text] : [text.slice(0, end), text.slice(end + 1)];
}

function parsePath(rest: string): string {
  if (rest === '') throw new SettingError('needs a path after the colon');
  return isAbsolute(rest) ? rest : resolve(rest);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SettingError('has a user or password that is not percent-encoded');
  }
}

/** Where things lie in the data folder when nothing else is said. */
export function embeddedStore(dataDir: string): StoreChoice {
  return { backend: 'sqlite', path: join(dataDir, 'store.sqlite') };
}
export function embeddedBlobs(dataDir: string): BlobsChoice {
  return { backend: 'folder', path: join(dataDir, 'blobs') };
}
