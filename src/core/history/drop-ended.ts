import { endedLife, opsPrefix } from '../../model/keys.ts';
import { coarse, STORE_SHARDS } from '../../model/row.ts';
import type { StoreKey } from '../../ports/store.ts';
import { keptMs } from '../prune.ts';
import type { SpaceDeps } from '../spaces/settings.ts';

/** Ended lives of one shard in one go, and records in one transaction. */
const PAGE = 50;

/** What else is kept of a life. */
export interface LifeEnds {
  endLife(space: string, item: string, born: number): Promise<void>;
}

/** The archived operations of lives that ended longer ago than tombstones are kept. */
export async function dropEndedLives(deps: SpaceDeps, also?: LifeEnds): Promise<void> {
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    const now = deps.clock.now();
    const ended = await deps.store.query('due', `${shard}/`, `${shard}/${coarse(now)}`, PAGE, 'ops');
    for (const key of ended) await dropLife(deps, key, now, also);
  }
}

async function dropLife(deps: SpaceDeps, note: StoreKey, now: number, also?: LifeEnds): Promise<void> {
  const { store } = deps;
  const life = endedLife(note);
  const [record] = await store.read([note]);
  const due = record?.indexes.due?.split('/')[1];
  if (!life || due === undefined || due >= coarse(now - (await keptMs(deps, note.space)))) return;
  await also?.endLife(note.space, life.item, life.born); // the note goes last: it is what finds the rest
  const prefix = opsPrefix(life.item, life.born);
  for (;;) {
    const ids = await store.list(note.space, 'ops', prefix, PAGE);
    const keys = ids.map((id): StoreKey => ({ space: note.space, kind: 'ops', id }));
    const gone = keys.filter(({ id }) => id.startsWith(prefix));
    if (gone.length === 0) return;
    await store.transact(gone, () => ({ changes: gone.map((key) => ({ key, record: 'delete' })), result: undefined }));
    deps.metrics.count('store_writes', gone.length);
  }
}
