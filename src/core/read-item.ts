import { headKey, itemRowKey } from '../model/keys.ts';
import { ProblemError } from '../protocol/errors.ts';
import { CHANGED, type Deps, LOOP } from './context.ts';
import { timeText } from './delta-answer.ts';
import type { ItemState, Standing } from './engine-types.ts';
import type { Heads } from './heads.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf, troubleProblem } from './trouble.ts';
import type { Values } from './values.ts';

export type ReadItemParts = { readonly deps: Deps; readonly heads: Heads; readonly values: Values };

/** The current state of one item, for clients. Throws `ProblemError` where it cannot be told. */
export async function readItem(parts: ReadItemParts, space: SpaceState, item: string): Promise<ItemState | undefined> {
  const standing = await readStanding(parts, space, item);
  if (!standing) return undefined;
  const { head, kind, state } = standing;
  const known = {
    kind: head.kind,
    version: head.v,
    durableVersion: Math.min(head.pv, head.v),
    updatedAt: timeText(head.t),
  };
  return head.dead ? { ...known, deleted: true } : { ...known, deleted: false, value: kind.value(state) };
}

/** `undefined` when the item never existed. Throws as `readItem`. */
export async function readStanding(
  parts: ReadItemParts,
  space: SpaceState,
  item: string,
): Promise<Standing | undefined> {
  const { heads, values } = parts;
  try {
    if (!(await exists(parts, space.id, item))) return undefined;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const { held } = await heads.forWrite(space, item, true);
      const { head } = held;
      if (head.absent) return undefined;
      const state = await values.stateOf(space.id, item, held);
      if (state !== CHANGED) return { head, kind: values.kindOf(head), state };
    }
  } catch (error) {
    const trouble = troubleOf(error);
    throw trouble ? troubleProblem(trouble, error) : error;
  }
  throw new ProblemError('contention', 'the item kept changing', { retryAfterMs: 100 });
}

/** Looked up without a trace: asking for what is not there must not fill the cache. */
async function exists({ deps }: ReadItemParts, space: string, item: string): Promise<boolean> {
  const [head] = await deps.cache.get([headKey(space, item)]);
  if (head) return true;
  const [row] = await deps.store.read([itemRowKey(space, item)]);
  return row !== undefined;
}
