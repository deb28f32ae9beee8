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
): Promise<Restored> {
  const parsed = parseConfig(env, flags);
  if (!parsed.ok) return parsed;
  const wrong = [only.space, only.item].filter((id) => id !== undefined && !isId(id));
  if (wrong.length > 0) return { ok: false, problems: wrong.map((id) => `${id} is no id`) };
  const { config } = parsed;
  const parts = { clock: systemClock, random: systemRandom, log: createLog('silent') };
  const store = await openStore(config, parts);
  try {
    const blobs = await openBlobs(config, parts);
    try {
      const counts = await restoreSegments({ store, files: new ArchiveFiles(blobs), clock: systemClock }, only);
      return { ok: true, counts };
    } finally {
      await blobs.close();
    }
  } finally {
    await store.close();
  }
}
