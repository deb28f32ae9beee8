import { decodeHead, isPlaceholder } from '../../model/head.ts';
import { bodyKey, headKey } from '../../model/keys.ts';
import type { Deps } from '../context.ts';
import { RetryLater } from '../context.ts';
import { isStored } from '../durable.ts';
import type { SpaceState } from '../space-state.ts';

const PAGE = 100;

/**
 * Takes the items of a space that nobody is in out of the cache: heads and what they name. Only what is closed and stored: the store has all of it then, and an item comes
 * back under its own number. Never the floor, the index and the ledger, without which a space looks as if its cache was lost.
 */
export async function dropItems(deps: Deps, space: SpaceState): Promise<void> {
  let open = 0;
  for (let after = ''; ; ) {
    const ids = await deps.store.list(space.id, 'item', after, PAGE);
    const entries = await deps.cache.get(ids.map((id) => headKey(space.id, id)));
    for (const [i, id] of ids.entries()) {
      const entry = entries[i];
      if (!entry) continue;
      const head = decodeHead(entry.value);
      if (isPlaceholder(head) || head.open || !(await isStored(deps, space.id, id, head, head.v))) {
        open++;
        continue;
      }
      space.held.delete(id);
      if (!(await deps.cache.delete(headKey(space.id, id), entry.token))) continue;
      const named = [...(head.ref ? [head.ref.key] : []), ...head.segs.map(({ key }) => key)];
      await Promise.all(named.map((name) => deps.cache.delete(bodyKey(space.id, name))));
    }
    if (ids.length < PAGE) break;
    after = ids.at(-1) ?? after;
  }
  // Whoever has them closes them; then this comes again.
  if (open > 0) throw new RetryLater('contention', 1_000);
}
