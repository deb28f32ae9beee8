import { existsSync } from 'node:fs';
import { type ArchiveConfig, ArchiveFiles } from '../core/history/archive-files.ts';
import { type RestoredSegments, restoreSegments } from '../core/history/restore-segments.ts';
import type { Blobs } from '../ports/blobs.ts';
import { isId } from '../protocol/ids.ts';
import { openBlobs, openStore } from './backends.ts';
import { type Config, parseConfig } from './config.ts';
import { createLog } from './log.ts';
import { systemClock, systemRandom } from './system.ts';

/** Operations go only to what lasts as long as the store: from a file to a folder beside it, from Datastore to a bucket. */
export function archiveOf({ archiveMs, store, blobs: place }: Config, blobs: Blobs): ArchiveConfig {
  const lasts = store.backend === 'sqlite' || (store.backend === 'datastore' && place.backend === 'gcs');
  return archiveMs > 0 && lasts ? { blobs, afterMs: archiveMs } : { blobs };
}

export type Restored =
  | { readonly ok: true; readonly counts: RestoredSegments }
  | { readonly ok: false; readonly problems: readonly string[] };

type Values = Parameters<typeof parseConfig>[0];

/** `longshore archive restore`: with the backends of a server that has these settings. */
export async function restoreArchive(
  env: Values,
  flags: Values,
  only: { readonly space?: string; readonly item?: string },
  unreadable: (name: string, error: unknown) => void,
): Promise<Restored> {
  const parsed = parseConfig(env, flags);
  if (!parsed.ok) return parsed;
  const wrong = [only.space, only.item].filter((id) => id !== undefined && !isId(id));
  if (wrong.length > 0) return { ok: false, problems: wrong.map((id) => `${id} is no id`) };
  const { config } = parsed;
  const missing = nothingThere(config);
  if (missing.length > 0) return { ok: false, problems: missing };
  const parts = { clock: systemClock, random: systemRandom, log: createLog('silent') };
  const store = await openStore(config, parts);
  try {
    const blobs = await openBlobs(config, parts);
    try {
      const files = new ArchiveFiles(blobs);
      const counts = await restoreSegments({ store, files, clock: systemClock, unreadable }, only);
      return { ok: true, counts };
    } finally {
      await blobs.close();
    }
  } finally {
    await store.close();
  }
}

/** Opening them would make them, empty: a path with a mistake in it has to be told from one where nothing was archived. */
function nothingThere({ store, blobs }: Config): string[] {
  const problems: string[] = [];
  if (store.backend === 'memory') problems.push('a store in memory has nothing that could be put back into it');
  if (store.backend === 'sqlite' && !existsSync(store.path)) problems.push(`there is no store at ${store.path}`);
  if (blobs.backend === 'folder' && !existsSync(blobs.path)) problems.push(`there are no blobs at ${blobs.path}`);
  return problems;
}
