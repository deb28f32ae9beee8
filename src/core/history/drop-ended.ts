import { endedLife, type Life, opsPrefix } from '../../model/keys.ts';
import { coarse, STORE_SHARDS } from '../../model/row.ts';
import type { StoreKey } from '../../ports/store.ts';
import { keptMs } from '../prune.ts';
import type { SpaceDeps } from '../spaces/settings.ts';

/** Ended lives of one shard in one go, and records in one transaction. */
const PAGE = 50;

/** What else is kept of a life. */
export interface LifeEnds {
  endLife(life: Life): Promise<void>;
}

/** The archived operations of lives that ended longer ago than tombstones are kept. */
export async function dropEndedLives(deps: SpaceDeps, also: readonly LifeEnds[] = []): Promise<void> {
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    const now = deps.clock.now();
    const ended = await deps.store.query('due', `${shard}/`, `${shard}/${coarse(now)}`, PAGE, 'ops');
    for (const key of ended) await dropLife(deps, key, now, also);
  }
}

async function dropLife(deps: SpaceDeps, note: StoreKey, now: number, also: readonly LifeEnds[]): Promise<void> {
  const { store } = deps;
  const life = endedLife(note);
  const [record] = await store.read([note]);
  const due = record?.indexes.due?.split('/')[1];
  if (!life || due === undefined || due >= coarse(now - (await keptMs(deps, note.space)))) return;
  for (const each of also) await each.endLife(life);
  const prefix = opsPrefix(life.item, life.born);
  for (let after = prefix; ; ) {
    const ids = (await store.list(note.space, 'ops', after, PAGE)).filter((id) => id.startsWith(prefix));
    after = ids.at(-1) ?? after;
    const keys = ids.filter((id) => id !== note.id).map((id): StoreKey => ({ space: note.space, kind: 'ops', id }));
    if (keys.length > 0) await remove(deps, keys);
    if (ids.length < PAGE) break;
  }
  await remove(deps, [note]); // last: it is what finds the rest
}

async function remove({ store, metrics }: SpaceDeps, keys: readonly StoreKey[]): Promise<void> {
  await store.transact(keys, () => ({ changes: keys.map((key) => ({ key, record: 'delete' })), result: undefined }));
  metrics.count('store_writes', keys.length);
}
