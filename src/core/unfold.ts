import { isObject } from '../base/json.ts';
import type { Compare, Kind, Since } from '../kinds/kind.ts';
import { compared } from '../kinds/text/diff.ts';
import { MAX_TEXT_DIFF_CHARS } from '../protocol/limits.ts';
import type { Update, UpdateResult } from '../protocol/post-update.ts';
import { CHANGED, type Deps, LOOP } from './context.ts';
import { findRepeat, type Writer } from './decide-update.ts';
import type { Heads } from './heads.ts';
import { PastDeltas } from './past.ts';
import type { SpaceState } from './space-state.ts';
import type { Values } from './values.ts';

/** In this very turn. */
export const compareHere: Compare = async (before, after) => compared({ from: 0, before, after });

/** May be one that says a whole value: most are not, and must not be kept waiting for the question. */
export function saysWhole({ op }: Update): boolean {
  return isObject(op) && Object.hasOwn(op, 'base') && Object.hasOwn(op, 'text');
}

/**
 * Operations that say a whole value, made into ordinary ones before they enter the flow: what they change is found by comparing them with the value that they were
 * made on. That takes long, and is not done in the turn of an update. Where that value is not known any more, they are left as they are, and refused as such.
 */
export class Unfolder {
  readonly #deps: Pick<Deps, 'kinds'>;
  readonly #heads: Heads;
  readonly #values: Values;
  readonly #past: PastDeltas;
  readonly #compare: Compare;

  constructor(deps: Pick<Deps, 'kinds'>, heads: Heads, values: Values, compare: Compare) {
    this.#deps = deps;
    this.#heads = heads;
    this.#values = values;
    this.#past = new PastDeltas(deps.kinds, values);
    this.#compare = compare;
  }

  async unfold(
    space: SpaceState,
    update: Update,
    writer: Writer | undefined,
  ): Promise<{ readonly update: Update } | { readonly result: UpdateResult }> {
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const { held } = await this.#heads.forWrite(space, update.item, true);
      const { head } = held;
      const kind = this.#deps.kinds.get(head.dead ? (update.kind ?? '') : head.kind);
      if (!kind?.unfold || (writer && findRepeat(head, writer).kind !== 'new')) return { update };
      const base = kind.baseOf?.(update.op);
      if (base === undefined || base > (head.dead ? 0 : head.v)) return { update };
      const state = head.dead ? kind.empty() : await this.#values.stateOf(space.id, update.item, held);
      if (state === CHANGED) continue;
      const past = await this.#past.since(space.id, head, update);
      const before = past === 'lost' ? undefined : undone(kind, state, past ?? []);
      if (before === undefined) return { update };
      const op = await kind.unfold(update.op, before, this.#compare);
      if (op !== 'tooLarge') return { update: { ...update, op } };
      return { result: { item: update.item, result: 'tooLarge', limit: MAX_TEXT_DIFF_CHARS } };
    }
    return { update };
  }
}

/** The state before these deltas; `undefined` where one does not tell how to undo it. */
function undone(kind: Kind, state: unknown, deltas: readonly Since[]): unknown {
  let before: unknown = state;
  for (const delta of [...deltas].reverse()) {
    before = kind.undo?.(before, delta);
    if (before === undefined) return undefined;
  }
  return before;
}
