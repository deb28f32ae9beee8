import type { Json } from '../base/json.ts';
import { fromValue, type SetState, type SetValue, set } from '../kinds/set.ts';
import { opBytes, type SetOp } from '../kinds/set-ops.ts';

/** Of one part, well below what an update of a set may bring. */
const PART_BYTES = 16 * 1024;

/**
 * A replica of a set that changes without a server: whoever was offline merges what the server tells, and posts `parts` in any order, as often as they like.
 * Replicas that have seen the same are the same.
 */
export class SetReplica {
  readonly #now: () => number;
  #state: SetState;
  #last = 0;

  /** `now`: ms since 1970. */
  constructor(now: () => number, value: SetValue = { members: [], adds: [], removes: [] }) {
    this.#now = now;
    this.#state = fromValue(value);
  }

  get value(): SetValue {
    return set.value(this.#state) as SetValue;
  }

  get members(): readonly string[] {
    return this.value.members;
  }

  has(element: string): boolean {
    return this.members.includes(element);
  }

  /** Throws where the element is none that a set takes. */
  add(element: string): void {
    this.#change('add', element);
  }

  remove(element: string): void {
    this.#change('remove', element);
  }

  /** What another replica, or the server, has. */
  merge({ adds, removes }: Pick<SetValue, 'adds' | 'removes'>): void {
    const ops = [
      ...adds.map(([element, t]): SetOp => ['add', element, t]),
      ...removes.map(([element, t]): SetOp => ['remove', element, t]),
    ];
    this.#state = set.replay(this.#state, { ops });
  }

  /** Operations to be posted; together they bring everything that this replica has. */
  parts(): Json[] {
    const { adds, removes } = this.value;
    return [
      ...cut(adds).map((part) => ({ merge: { adds: part } })),
      ...cut(removes).map((part) => ({ merge: { removes: part } })),
    ];
  }

  #change(verb: SetOp[0], element: string): void {
    // Later than everything that was done here before, also within one millisecond.
    this.#last = Math.max(this.#now(), this.#last + 1);
    const applied = set.apply(this.#state, { ops: [[verb, element, this.#last]] }, { now: this.#last, version: 0 });
    if (applied.result === 'ok') this.#state = applied.state;
    else if (applied.result !== 'unchanged') throw new Error(`not taken: ${JSON.stringify(applied)}`);
  }
}

function cut(list: SetValue['adds']): SetValue['adds'][] {
  const parts: SetValue['adds'][] = [];
  let start = 0;
  let bytes = 0;
  for (const [i, [element]] of list.entries()) {
    bytes += opBytes(element);
    if (bytes < PART_BYTES && i + 1 < list.length) continue;
    parts.push(list.slice(start, i + 1));
    [start, bytes] = [i + 1, 0];
  }
  return parts;
}
