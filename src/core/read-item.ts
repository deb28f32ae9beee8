import { headKey, itemRowKey } from '../model/keys.ts';
import { ProblemError } from '../protocol/errors.ts';
import { type Deps, LOOP } from './context.ts';
import { timeText } from './delta-answer.ts';
import type { ItemState } from './engine-types.ts';
import type { Heads } from './heads.ts';
import type { Pictures } from './pictures/pictures.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf, troubleProblem } from './trouble.ts';
import type { Values } from './values.ts';

export type ReadItemParts = {
  readonly deps: Deps;
  readonly heads: Heads;
  readonly values: Values;
  readonly pictures: Pictures | undefined;
};

/** The current state of one item. Throws `ProblemError` where it cannot be told. */
export async function readItem(parts: ReadItemParts, space: SpaceState, item: string): Promise<ItemState | undefined> {
  const { heads, values, pictures } = parts;
  try {
    if (!(await exists(parts, space.id, item))) return undefined;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const { held } = await heads.forWrite(space, item, true);
      const { head } = held;
      if (head.absent) return undefined;
      const state = await values.stateOf(space.id, item, held);
      if (typeof state === 'symbol') continue;
      const known = {
        kind: head.kind,
        version: head.v,
        durableVersion: Math.min(head.pv, head.v),
        updatedAt: timeText(head.t),
      };
      if (head.dead) return { ...known, deleted: true };
      const plain = values.kindOf(head).value(state);
      const value = pictures?.isPicture(head) ? await pictures.complete(space, item, head, plain) : plain;
      if (typeof value !== 'symbol') return { ...known, deleted: false, value };
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
