import type { ClientRow } from '../../model/client-row.ts';
import { emptyKey } from '../../model/keys.ts';
import type { EmptyHandler } from '../engine-types.ts';
import type { SpaceState } from '../space-state.ts';
import { type PresenceParts, settingsOf } from './presence-parts.ts';

/** So long may one instance take before another may begin, too, seconds. */
const HELD_SECONDS = 30;

/**
 * Everybody has left a space: the handlers run, then the rows of those who left say that it is done. Until they say so their time to be looked at stays past,
 * which brings a sweeper: so it is done at least once, whoever dies. Nothing is begun, nor called done, while a client is here by its row or by the roster.
 * Returns whether it was done.
 */
export async function tidyEmpty(
  parts: PresenceParts,
  space: SpaceState,
  handlers: readonly EmptyHandler[],
): Promise<boolean> {
  const { cache } = parts.deps;
  if (await isPeopled(parts, space)) return false;
  const token = await cache.add(emptyKey(space.id), Buffer.from('1'), HELD_SECONDS);
  if (!token) return false;
  try {
    const isStillEmpty = async () => !(await isPeopled(parts, space));
    for (const handler of handlers) {
      if (!(await isStillEmpty())) return false;
      await handler(space.id, isStillEmpty);
    }
    if (!(await isStillEmpty())) return false;
    await callDone(parts, space);
    parts.deps.metrics.count('spaces_emptied');
    return true;
  } finally {
    await cache.delete(emptyKey(space.id), token);
  }
}

/** Somebody is here, has not let go of everything yet, or left less than a lease and the grace ago. The rows tell also of clients that a lost roster has forgotten. */
async function isPeopled(parts: PresenceParts, space: SpaceState): Promise<boolean> {
  const { shards } = await parts.rosters.read(space);
  if (shards.some((shard) => shard && Object.keys(shard.clients).length > 0)) return true;
  const now = parts.deps.clock.now();
  const isRecent = (row: ClientRow) =>
    row.left === undefined || Object.keys(row.held).length > 0 || (!row.tidied && row.lookAt > now);
  for await (const page of parts.rows.all(space.id)) if (page.some(([, row]) => isRecent(row))) return true;
  return false;
}

async function callDone(parts: PresenceParts, space: SpaceState): Promise<void> {
  const { clientKeepMs } = await settingsOf(parts, space);
  for await (const page of parts.rows.all(space.id)) {
    const open = page.filter(([, row]) => row.left !== undefined && !row.tidied).map(([id]) => id);
    await parts.rows.change(space.id, open, (row) =>
      row.left === undefined ? undefined : { ...row, tidied: true, lookAt: row.left + clientKeepMs },
    );
  }
}
