import type { Kinds } from '../kinds/kind.ts';
import type { Delta, Head } from '../model/head.ts';
import type { Update, UpdateResult } from '../protocol/post-update.ts';
import { deltaAnswer } from './delta-answer.ts';
import type { Values } from './values.ts';

/** What came since; `undefined` where that does not matter. */
export type Past = readonly Delta[] | 'lost' | undefined;

/** What came after the version that an update was made on, for kinds that have to know. Of other kinds nothing is looked up. */
export class PastDeltas {
  readonly #kinds: Kinds;
  readonly #values: Values;

  constructor(kinds: Kinds, values: Values) {
    this.#kinds = kinds;
    this.#values = values;
  }

  /** Comes at once where the head itself can tell. */
  since(space: string, head: Head, update: Update): Past | Promise<Past> {
    const base = this.#baseOf(head, update);
    if (base === undefined) return undefined;
    if (base < head.tb) return 'lost';
    if (base >= (head.segs.at(-1)?.to ?? head.tb)) return head.tail.filter((delta) => delta.v > base);
    return this.#values.deltasAfter(space, head, base).then((deltas) => deltas ?? 'lost');
  }

  /** What the first answer to a request said besides its version: that is not remembered. `missed: null`: nobody knows any more. */
  async saidAt(space: string, head: Head, update: Update, version: number): Promise<object> {
    const base = this.#baseOf(head, update);
    if (base === undefined || update.restore) return {};
    const deltas = await this.since(space, head, update);
    const own = deltas === 'lost' ? undefined : deltas?.find(({ v }) => v === version);
    if (!own || !deltas || deltas === 'lost') return { missed: null };
    const before = deltas.filter(({ v }) => v < version);
    return before.length === 0 ? {} : { missed: before.map(deltaAnswer), op: own.op };
  }

  #baseOf(head: Head, { op, restore }: Update): number | undefined {
    if (head.dead) return undefined;
    const kind = this.#kinds.get(head.kind);
    if (restore) return kind?.bringBack && head.back ? head.back.ceil + 1 : undefined;
    return kind?.baseOf?.(op);
  }
}

/** A refusal as it is remembered: what it tells of others can be found out again, and would make every head larger. */
export function remembered(result: UpdateResult): UpdateResult {
  if (result.result !== 'conflict' || !('missed' in result)) return result;
  const { with: _with, missed: _missed, ...rest } = result;
  return { ...rest, result: 'conflict' };
}
