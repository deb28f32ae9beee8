import { createFolderBlobs } from '../backends/blobs/folder.ts';
import { createInProcessBus } from '../backends/bus/in-process.ts';
import { createPulseBus } from '../backends/bus/pulse.ts';
import { createMemcachedCache, type MemcachedCache } from '../backends/cache/memcached.ts';
import { createMemoryCache } from '../backends/cache/memory.ts';
import { createMemoryStore } from '../backends/store/memory.ts';
import { createSqliteStore } from '../backends/store/sqlite.ts';
import { isReloadable } from '../model/keys.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Bus } from '../ports/bus.ts';
import type { Cache } from '../ports/cache.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';
import type { CacheChoice } from './backend-urls.ts';
import type { Config } from './config.ts';

/** What the embedded cache may take; everything in it can be read again from the store, but for the recent index. */
const MEMORY_CACHE_BYTES = 512 * 1024 * 1024;
const BLOB_TIMEOUT_MS = 10_000;

export type SystemParts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

/** `trips`: round trips to its servers so far; absent where there are none. */
export type OpenCache = Cache & { readonly trips?: number };

export function openCache({ cache }: Config, parts: SystemParts): OpenCache {
  if (cache.backend === 'memcached') return openMemcached(cache, parts);
  return createMemoryCache({ clock: parts.clock, maxBytes: MEMORY_CACHE_BYTES, evictable: isReloadable });
}

export type MemcachedChoice = Extract<CacheChoice, { backend: 'memcached' }>;

/** `deadlineMs`: of one answer, where that of a server is too short. */
export function openMemcached(
  { backend: _backend, ...options }: MemcachedChoice,
  { clock, log }: SystemParts,
  deadlineMs?: number,
): MemcachedCache {
  return createMemcachedCache({ ...options, clock, log, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
}

/** The drivers of Google's services are large: they are loaded only where they are used. */
export async function openStore(config: Config, parts: SystemParts): Promise<Store> {
  const { store, projectId, datastoreEmulator } = config;
  if (store.backend === 'memory') return createMemoryStore();
  if (store.backend === 'sqlite') return createSqliteStore({ path: store.path });
  const { createDatastoreStore } = await import('../backends/store/datastore.ts');
  const { backend: _backend, ...place } = store;
  return createDatastoreStore({
    ...(projectId === undefined ? {} : { projectId }),
    ...place,
    ...(datastoreEmulator === undefined ? {} : { emulatorHost: datastoreEmulator }),
    ...parts,
  });
}

export async function openBlobs(config: Config, { clock, random }: SystemParts): Promise<Blobs> {
  const { blobs, projectId, storageEmulator } = config;
  if (blobs.backend === 'folder') return createFolderBlobs({ path: blobs.path, random });
  const { createGcsBlobs } = await import('../backends/blobs/gcs.ts');
  return createGcsBlobs({
    bucket: blobs.bucket,
    prefix: blobs.prefix,
    ...(projectId === undefined ? {} : { projectId }),
    ...(storageEmulator === undefined ? {} : { apiEndpoint: storageEmulator }),
    timeoutMs: BLOB_TIMEOUT_MS,
    clock,
    random,
  });
}

export async function openBus(
  { bus, projectId, pubsubEmulator }: Config,
  cache: Cache,
  parts: SystemParts,
): Promise<Bus> {
  if (bus.backend === 'memory') return createInProcessBus();
  if (bus.backend === 'pulse') return createPulseBus({ cache, ...parts });
  const { createPubsubBus } = await import('../backends/bus/pubsub.ts');
  const { backend: _backend, ...place } = bus;
  return createPubsubBus({
    ...(projectId === undefined ? {} : { projectId }),
    ...place,
    ...(pubsubEmulator === undefined ? {} : { emulatorHost: pubsubEmulator }),
    ...parts,
  });
}
