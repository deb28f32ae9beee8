import { headKey, itemRowKey } from '../model/keys.ts';
import { ProblemError } from '../protocol/errors.ts';
import { CHANGED, type Deps, LOOP } from './context.ts';
import { timeText } from './delta-answer.ts';
import type { ItemState, Standing } from './engine-types.ts';
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

/** The current state of one item, for clients. Throws `ProblemError` where it cannot be told. */
export async function readItem(parts: ReadItemParts, space: SpaceState, item: string): Promise<ItemState | undefined> {
  for (let turn = 0; turn < LOOP.turns; turn++) {
    const standing = await readStanding(parts, space, item);
    if (!standing) return undefined;
    const { head, kind, state } = standing;
    const known = {
      kind: head.kind,
      version: head.v,
      durableVersion: Math.min(head.pv, head.v),
      updatedAt: timeText(head.t),
    };
    if (head.dead) return { ...known, deleted: true };
    const { pictures } = parts;
    const plain = kind.value(state);
    const value = pictures?.isPicture(head) ? await told(pictures.complete(space, item, head, plain)) : plain;
    if (value !== CHANGED) return { ...known, deleted: false, value };
  }
  throw new ProblemError('contention', 'the item kept changing', { retryAfterMs: 100 });
}

/** `undefined` when the item never existed. Throws as `readItem`. */
export async function readStanding(
  parts: ReadItemParts,
  space: SpaceState,
  item: string,
): Promise<Standing | undefined> {
  const { heads, values } = parts;
  if (!(await told(exists(parts, space.id, item)))) return undefined;
  for (let turn = 0; turn < LOOP.turns; turn++) {
    const { held } = await told(heads.forWrite(space, item, true));
    const { head } = held;
    if (head.absent) return undefined;
    const state = await told(values.stateOf(space.id, item, held));
    if (state !== CHANGED) return { head, kind: values.kindOf(head), state };
  }
  throw new ProblemError('contention', 'the item kept changing', { retryAfterMs: 100 });
}

/** A failure of cache or store as the problem that clients are told. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const trouble = troubleOf(error);
    throw trouble ? troubleProblem(trouble, error) : error;
  }
}

/** Looked up without a trace: asking for what is not there must not fill the cache. */
async function exists({ deps }: ReadItemParts, space: string, item: string): Promise<boolean> {
  const [head] = await deps.cache.get([headKey(space, item)]);
  if (head) return true;
  const [row] = await deps.store.read([itemRowKey(space, item)]);
  return row !== undefined;
}
