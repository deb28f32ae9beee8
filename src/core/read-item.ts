import { headKey, itemRowKey } from '../model/keys.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { ItemId } from '../protocol/ids.ts';
import { type Deps, LOOP } from './context.ts';
import type { ItemState } from './engine-types.ts';
import type { Heads } from './heads.ts';
import { timeText } from './render.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf, troubleProblem } from './trouble.ts';
import { CHANGED, type Values } from './values.ts';

/** One item as it stands. `undefined` when it never existed. */
export async function readItem(
  deps: Deps,
  values: Values,
  heads: Heads,
  space: SpaceState,
  item: ItemId,
): Promise<ItemState | undefined> {
  try {
    if (!(await exists(deps, space.id, item))) return undefined;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const { held } = await heads.forWrite(space, item, true);
      const { head } = held;
      if (head.absent) return undefined;
      const value = await values.stateOf(space.id, item, held);
      if (value === CHANGED) continue;
      const known = {
        kind: head.kind,
        version: head.v,
        durableVersion: Math.min(head.pv, head.v),
        updatedAt: timeText(head.t),
      };
      if (head.dead) return { ...known, deleted: true };
      return { ...known, deleted: false, value: values.kindOf(head).value(value) };
    }
  } catch (error) {
    const trouble = troubleOf(error);
    throw trouble ? troubleProblem(trouble, error) : error;
  }
  throw new ProblemError('contention', 'the item kept changing', { retryAfterMs: 100 });
}

/** Looked up without a trace: asking for what is not there must not fill the cache. */
async function exists(deps: Deps, space: string, item: string): Promise<boolean> {
  const [head] = await deps.cache.get([headKey(space, item)]);
  if (head) return true;
  const [row] = await deps.store.read([itemRowKey(space, item)]);
  return row !== undefined;
}
