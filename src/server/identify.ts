import { createHash } from 'node:crypto';
import { DEFAULT_ENGINE_CONFIG } from '../core/engine-types.ts';
import type { Config } from './config.ts';

/** Instances may share a store only if they agree on the cache servers and on how the cache is divided. */
export function identify({ cache, store, indexShards }: Config, id: string) {
  const exclusiveStore = store.backend !== 'datastore';
  if (cache.backend === 'memory') return { fingerprint: `process:${id}`, exclusiveStore, alone: true };
  const servers = cache.servers.map(({ host, port }) => `${host}:${port}`).sort();
  const { ledgerShards } = DEFAULT_ENGINE_CONFIG;
  const text = JSON.stringify({ servers, indexShards, ledgerShards });
  return { fingerprint: createHash('sha256').update(text).digest('base64url'), exclusiveStore, alone: false };
}
