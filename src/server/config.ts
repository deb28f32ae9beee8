import { resolve } from 'node:path';
import { DEFAULT_ENGINE_CONFIG } from '../core/engine-types.ts';
import { DEFAULT_LIMITS, type LimitsConfig } from '../core/limits/limits-config.ts';
import { DEFAULT_STREAM_WAIT_MS } from '../protocol/limits.ts';
import { assembleAuth, checkAuth, describeAuth } from './assemble-auth.ts';
import type { AuthChoice } from './auth-settings.ts';
import {
  type BlobsChoice,
  type BusChoice,
  type CacheChoice,
  embeddedBlobs,
  embeddedStore,
  type StoreChoice,
} from './backend-urls.ts';
import { DAY_MS, type SettingName, type Settings, settings } from './settings.ts';

export type Config = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly cache: CacheChoice;
  readonly store: StoreChoice;
  readonly blobs: BlobsChoice;
  readonly bus: BusChoice;
  readonly dataDir: string;
  /** Sealing keys of markers, the first seals; empty: one is kept in the data folder. */
  readonly secrets: readonly string[];
  readonly persistMs: number;
  readonly pictureAllMs: number;
  readonly pictureHourlyMs: number;
  /** How long a long-poll of a stream waits. */
  readonly streamWaitMs: number;
  readonly indexShards: number;
  /** How long archived operations stay in the store before they go to the blobs; 0: for ever. */
  readonly archiveMs: number;
  readonly allowedOrigins: readonly string[];
  readonly auth: AuthChoice;
  readonly internalSecret?: string;
  /** Where the routes of operators answer, and nowhere else. 0: any free one. */
  readonly internalPort?: number;
  readonly limits: LimitsConfig;
  /** Proxies of ours, each of which adds a name to `X-Forwarded-For`. */
  readonly proxyHops: number;
  /** Whether the pages are served. */
  readonly pages: boolean;
  /** A folder of the operator's own pages. */
  readonly site?: string;
  readonly logLevel: string;
  readonly onAppEngine: boolean;
  readonly projectId?: string;
  readonly datastoreEmulator?: string;
  readonly storageEmulator?: string;
  readonly pubsubEmulator?: string;
};

type Values = { readonly [name: string]: string | undefined };
export type ConfigOutcome =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Read by other parts of the program than the server. */
const OTHER_NAMES = ['LONGSHORE_URL', 'LONGSHORE_TOKEN'];

/** The command line's flags, each with the variable that it overrides. Secrets have none: others could see them in the process list. */
export const FLAGS: { readonly [flag: string]: SettingName } = {
  host: 'LONGSHORE_HOST',
  port: 'PORT',
  cache: 'LONGSHORE_CACHE',
  store: 'LONGSHORE_STORE',
  blobs: 'LONGSHORE_BLOBS',
  bus: 'LONGSHORE_BUS',
  dataDir: 'LONGSHORE_DATA_DIR',
  persistMs: 'LONGSHORE_PERSIST_MS',
  indexShards: 'LONGSHORE_INDEX_SHARDS',
  allowedOrigins: 'LONGSHORE_ALLOWED_ORIGINS',
  site: 'LONGSHORE_SITE',
  auth: 'LONGSHORE_AUTH',
  allowAnonymous: 'LONGSHORE_ALLOW_ANONYMOUS',
  internalPort: 'LONGSHORE_INTERNAL_PORT',
  logLevel: 'LONGSHORE_LOG_LEVEL',
};

/** Environment and flags (which win) as one configuration, or everything that is wrong with them at once. */
export function parseConfig(env: Values, flags: Values = {}): ConfigOutcome {
  const given: { [name: string]: string } = {};
  const spelled: { [name: string]: string } = {};
  for (const name of Object.keys(settings.shape)) {
    const value = env[name];
    if (value !== undefined && value !== '') given[name] = value;
  }
  for (const [flag, name] of Object.entries(FLAGS)) {
    const value = flags[flag];
    if (value === undefined) continue;
    given[name] = value;
    spelled[name] = `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  }
  const parsed: Partial<Settings> = {};
  const problems: string[] = [];
  for (const [name, schema] of Object.entries(settings.shape)) {
    const result = schema.safeParse(given[name]);
    if (result.success) Object.assign(parsed, { [name]: result.data });
    else problems.push(...result.error.issues.map((issue) => `${spelled[name] ?? name} ${issue.message}`));
  }
  const config = assemble(parsed);
  problems.push(...crossCheck(config, given));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config, warnings: warningsOf(config, env) };
}

function assemble(given: Partial<Settings>): Config {
  const dataDir = given.LONGSHORE_DATA_DIR ?? resolve('.longshore');
  const cache = withCredentials(given.LONGSHORE_CACHE ?? { backend: 'memory' }, given);
  const onGoogle = given.GAE_ENV !== undefined || given.K_SERVICE !== undefined;
  return {
    host: given.LONGSHORE_HOST ?? (onGoogle ? '0.0.0.0' : '127.0.0.1'),
    port: given.PORT ?? 8080,
    cache,
    store: given.LONGSHORE_STORE ?? embeddedStore(dataDir),
    blobs: given.LONGSHORE_BLOBS ?? embeddedBlobs(dataDir),
    bus: given.LONGSHORE_BUS ?? { backend: cache.backend === 'memory' ? 'memory' : 'pulse' },
    dataDir,
    secrets: given.LONGSHORE_SECRET ?? [],
    persistMs: given.LONGSHORE_PERSIST_MS ?? 5_000,
    pictureAllMs: given.LONGSHORE_PICTURE_ALL_MS ?? DEFAULT_ENGINE_CONFIG.pictureAllMs,
    pictureHourlyMs: given.LONGSHORE_PICTURE_HOURLY_MS ?? DEFAULT_ENGINE_CONFIG.pictureHourlyMs,
    streamWaitMs: given.LONGSHORE_STREAM_WAIT_MS ?? DEFAULT_STREAM_WAIT_MS,
    indexShards: given.LONGSHORE_INDEX_SHARDS ?? 4,
    archiveMs: given.LONGSHORE_ARCHIVE_MS ?? 7 * DAY_MS,
    allowedOrigins: given.LONGSHORE_ALLOWED_ORIGINS ?? [],
    auth: assembleAuth(given),
    limits: given.LONGSHORE_LIMITS ?? DEFAULT_LIMITS,
    // The front end of Google is one.
    proxyHops: given.LONGSHORE_TRUST_PROXY ?? (onGoogle ? 1 : 0),
    pages: given.LONGSHORE_PAGES ?? true,
    ...(given.LONGSHORE_SITE ? { site: given.LONGSHORE_SITE } : {}),
    logLevel: given.LONGSHORE_LOG_LEVEL ?? 'info',
    onAppEngine: given.GAE_ENV !== undefined,
    ...(given.LONGSHORE_INTERNAL_SECRET ? { internalSecret: given.LONGSHORE_INTERNAL_SECRET } : {}),
    ...(given.LONGSHORE_INTERNAL_PORT === undefined ? {} : { internalPort: given.LONGSHORE_INTERNAL_PORT }),
    ...(given.GOOGLE_CLOUD_PROJECT ? { projectId: given.GOOGLE_CLOUD_PROJECT } : {}),
    ...(given.DATASTORE_EMULATOR_HOST ? { datastoreEmulator: given.DATASTORE_EMULATOR_HOST } : {}),
    ...(given.STORAGE_EMULATOR_HOST ? { storageEmulator: given.STORAGE_EMULATOR_HOST } : {}),
    ...(given.PUBSUB_EMULATOR_HOST ? { pubsubEmulator: given.PUBSUB_EMULATOR_HOST } : {}),
  };
}

function withCredentials(cache: CacheChoice, given: Partial<Settings>): CacheChoice {
  const { LONGSHORE_CACHE_USERNAME: username, LONGSHORE_CACHE_PASSWORD: password } = given;
  if (cache.backend === 'memory') return cache;
  return { ...cache, ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

/** What single settings cannot see. */
function crossCheck(config: Config, given: Values): string[] {
  const problems = checkAuth(config.auth, given, isLoopback(config.host));
  const { cache, bus } = config;
  const { LONGSHORE_SECRET: secret, LONGSHORE_CACHE_USERNAME: username, LONGSHORE_CACHE_PASSWORD: password } = given;
  if (cache.backend === 'memcached' && secret === undefined) {
    problems.push('LONGSHORE_SECRET must be set with memcached: all instances need the same key for their markers');
  }
  if (cache.backend === 'memcached' && (cache.username === undefined) !== (cache.password === undefined)) {
    problems.push('LONGSHORE_CACHE_USERNAME and LONGSHORE_CACHE_PASSWORD must be set together');
  }
  if (cache.backend === 'memory' && (username ?? password) !== undefined) {
    problems.push('LONGSHORE_CACHE_USERNAME and LONGSHORE_CACHE_PASSWORD have no use without memcached');
  }
  if (cache.backend === 'memory' && bus.backend === 'pulse') {
    problems.push('LONGSHORE_BUS can be pulse: only with memcached, where the pulse is kept');
  }
  if (cache.backend === 'memory' && bus.backend === 'pubsub') {
    problems.push('LONGSHORE_BUS can be pubsub: only with memcached, without which there is one instance');
  }
  if (config.internalPort !== undefined && config.internalPort !== 0 && config.internalPort === config.port) {
    problems.push('LONGSHORE_INTERNAL_PORT must be another port than PORT');
  }
  return problems;
}

function warningsOf(config: Config, env: Values): string[] {
  const warnings: string[] = [];
  const known = [...Object.keys(settings.shape), ...OTHER_NAMES];
  for (const name of Object.keys(env)) {
    if (name.startsWith('LONGSHORE_') && !known.includes(name))
      warnings.push(`${name} is not a setting of this version`);
  }
  if (!isLoopback(config.host) && config.auth.modes.length === 0)
    warnings.push('there is no sign-in: whoever reaches this address can read and change everything');
  return warnings;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** For people and logs: everything but secrets. */
export function describeConfig(config: Config): { readonly [name: string]: unknown } {
  const { secrets, internalSecret, cache, auth, ...open } = config;
  const { password, ...safeCache } = { password: undefined, ...cache };
  return {
    ...open,
    auth: describeAuth(auth),
    cache: password === undefined ? safeCache : { ...safeCache, password: '[set]' },
    secrets: secrets.length === 0 ? '[kept in the data folder]' : `[${secrets.length} set]`,
    internalSecret: internalSecret === undefined ? '[not set]' : '[set]',
  };
}
