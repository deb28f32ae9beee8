import { endedLife, type Life, opsPrefix } from '../../model/keys.ts';
import { COARSE_MS, coarse, STORE_SHARDS } from '../../model/row.ts';
import type { StoreKey } from '../../ports/store.ts';
import { goThrough, type Places } from '../due-pages.ts';
import { keptMs } from '../prune.ts';
import type { SpaceDeps } from '../spaces/settings.ts';

/** Ended lives of one shard in one sweep, about; notes read together; records in one transaction. */
const PAGE = 50;

/** What else is kept of a life. */
export interface LifeEnds {
  endLife(life: Life): Promise<void>;
}

/** The archived operations of lives that ended longer ago than tombstones are kept. */
export async function dropEndedLives(
  deps: SpaceDeps,
  places: Places = new Map(),
  also: readonly LifeEnds[] = [],
): Promise<void> {
  const { store, clock } = deps;
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    const now = clock.now();
    const end = `${shard}/${coarse(now)}`;
    const list = (from: string, limit: number) => store.query('due', from, end, limit, 'ops');
    const look = async (keys: readonly StoreKey[]) => {
      let done = 0;
      let lastAt: number | undefined;
      for (let start = 0; start < keys.length; start += PAGE) {
        const notes = keys.slice(start, start + PAGE);
        const records = await store.read(notes);
        for (const [i, note] of notes.entries()) {
          const due = records[i]?.indexes.due?.split('/')[1];
          if (due === undefined) continue;
          lastAt = Number(due) * COARSE_MS;
          if (await dropLife(deps, note, due, now, also)) done++;
        }
      }
      return { done, lastAt };
    };
    await goThrough({ shard, places, list, look, most: PAGE });
  }
}

/** `false`: it is to be kept for longer. */
async function dropLife(
  deps: SpaceDeps,
  note: StoreKey,
  due: string,
  now: number,
  also: readonly LifeEnds[],
): Promise<boolean> {
  const { store } = deps;
  const life = endedLife(note);
  if (!life || due >= coarse(now - (await keptMs(deps, note.space)))) return false;
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
  return true;
}

async function remove({ store, metrics }: SpaceDeps, keys: readonly StoreKey[]): Promise<void> {
  await store.transact(keys, () => ({ changes: keys.map((key) => ({ key, record: 'delete' })), result: undefined }));
  metrics.count('store_writes', keys.length);
}
