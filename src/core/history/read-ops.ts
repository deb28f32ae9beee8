import type { Json } from '../../base/json.ts';
import { type Delta, decodeHead, type Head, isPlaceholder } from '../../model/head.ts';
import { headKey, itemRowKey } from '../../model/keys.ts';
import { decodeRow } from '../../model/row.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { MAX_OPS_BYTES } from '../../protocol/limits.ts';
import type { OpAnswer, OpsQuery, OpsResponse } from '../../protocol/ops.ts';
import { type Deps, LOOP } from '../context.ts';
import { timeText } from '../delta-answer.ts';
import type { Heads } from '../heads.ts';
import { deltaBytes } from '../layout.ts';
import type { SpaceState } from '../space-state.ts';
import type { Values } from '../values.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { SplitOps } from './keep-ops.ts';
import { Segments } from './segments.ts';

export type ReadOpsParts = {
  readonly deps: Deps;
  readonly heads: Heads;
  readonly values: Values;
  /** Where the oldest archived operations are. */
  readonly files?: ArchiveFiles | undefined;
};

export type OpsRead = { readonly answer: OpsResponse; readonly news: boolean; readonly fixed: boolean };

/** What has been found does not fit together: the item has changed meanwhile. */
const CHANGED = Symbol('changed');

/**
 * The operations of an item from an index on: the newest from the tail of its head, the ones before from the tail of its row, the oldest from the archive. All
 * of them are of one lineage: what a rollback took is in none of the three.
 */
export class OpsReader {
  readonly #parts: ReadOpsParts;
  readonly #segments: Segments;

  constructor(parts: ReadOpsParts) {
    this.#parts = parts;
    this.#segments = new Segments(parts.deps.store, parts.files);
  }

  /** `news`: there is something to tell, or to set right. `fixed`: no rollback can take or change what is told, and it is a full page. Throws `ProblemError`, or what kept cache or store from answering. */
  async read(space: SpaceState, item: string, query: OpsQuery): Promise<OpsRead> {
    const { values, deps } = this.#parts;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const head = await this.headOf(space, item);
      if (head.dead) throw notFound(item);
      const { ops: split, name } = values.kindOf(head);
      if (!split) throw new ProblemError('kindMismatch', `a ${name} keeps no history of its operations`);
      const answer = await this.#answer(space.id, item, head, split, query);
      if (answer !== CHANGED)
        return {
          answer,
          news: answer.ops.length > 0 || answer.replaced !== undefined || answer.nextIndex < query.index,
          fixed: isFixed(answer, head),
        };
      await deps.clock.sleep(5 + deps.random.fraction() * 20);
    }
    throw new ProblemError('contention', 'the item kept changing', { retryAfterMs: 100 });
  }

  /** Asking for what is not there must not fill the cache. */
  async headOf(space: SpaceState, item: string): Promise<Head> {
    const { heads, deps } = this.#parts;
    const [entry] = await deps.cache.get([headKey(space.id, item)]);
    const head = entry && decodeHead(entry.value);
    if (head && !isPlaceholder(head)) return head;
    const [row] = entry ? [entry] : await deps.store.read([itemRowKey(space.id, item)]);
    if (!row) throw notFound(item);
    return (await heads.forWrite(space, item, true)).held.head;
  }

  async #answer(
    space: string,
    item: string,
    head: Head,
    split: SplitOps,
    query: OpsQuery,
  ): Promise<OpsResponse | typeof CHANGED> {
    const replaced = replacedFrom(head, query.lineage);
    const toldBefore = replaced !== undefined && replaced < query.index;
    const from = toldBefore ? replaced : query.index;
    const page = new Page(split, from, head.index, query.limit);
    if (from <= head.index && !(await this.#fill(page, space, item, head, split))) return CHANGED;
    const nextIndex = Math.min(page.next, head.index + 1);
    return {
      ops: page.ops,
      nextIndex,
      lineage: lineageOf(head),
      ...(toldBefore ? { replaced } : {}),
      upToDate: nextIndex > head.index,
    };
  }

  /** `false`: begin again. */
  async #fill(page: Page, space: string, item: string, head: Head, split: SplitOps): Promise<boolean> {
    if (firstIndex(head.tail, split) <= page.next) return page.take(head.tail);
    const [record] = await this.#parts.deps.store.read([itemRowKey(space, item)]);
    const row = record && decodeRow(record);
    if (!row?.ops || row.L !== head.L || row.born !== head.born) return false;
    const life = { space, item, born: head.born };
    while (page.next <= row.ops.at && !page.full) {
      const archived = await this.#segments.at(life, row.ops.first, page.next);
      const before = page.next;
      if (!page.take(archived) || page.next === before) return false;
    }
    return page.take(row.ops.tail) && page.take(head.tail) && page.full;
  }
}

/** What is stored is never rolled back. A later answer to the same may name a newer lineage; whoever goes on from this one is told whether that matters. */
function isFixed({ ops, replaced, upToDate }: OpsResponse, { pv }: Head): boolean {
  const last = ops.at(-1);
  return !upToDate && replaced === undefined && last !== undefined && last.version <= pv;
}

/** Index of the first operation in a tail that may have none. */
function firstIndex(tail: readonly Delta[], split: SplitOps): number {
  const first = tail.find(({ i }) => i !== undefined);
  return first ? (first.i ?? 0) - split(first.op).length + 1 : Number.POSITIVE_INFINITY;
}

/** One answer in the making. */
class Page {
  readonly ops: OpAnswer[] = [];
  readonly #split: SplitOps;
  /** The row may be newer than the head. */
  readonly #last: number;
  readonly #limit: number;
  #bytes = 0;
  next: number;

  constructor(split: SplitOps, from: number, last: number, limit: number) {
    this.#split = split;
    this.#last = last;
    this.#limit = limit;
    this.next = from;
  }

  get full(): boolean {
    return this.next > this.#last || this.ops.length >= this.#limit || this.#bytes > MAX_OPS_BYTES;
  }

  /** Adds what follows on what it has. `false`: there is a gap before the deltas. */
  take(deltas: readonly Delta[]): boolean {
    for (const delta of deltas) {
      if (this.full) return true;
      const last = delta.i ?? 0;
      if (last < this.next) continue;
      const single = this.#split(delta.op);
      const first = last - single.length + 1;
      if (first > this.next) return false;
      this.#bytes += deltaBytes(delta);
      while (this.next <= Math.min(last, this.#last) && this.ops.length < this.#limit) {
        this.ops.push(opAnswer(delta, this.next, single[this.next - first] ?? null));
        this.next++;
      }
    }
    return true;
  }
}

function opAnswer(delta: Delta, index: number, op: Json): OpAnswer {
  return {
    index,
    version: delta.v,
    op,
    ...(delta.c === undefined ? {} : { clientId: delta.c }),
    ...(delta.s === undefined ? {} : { seq: delta.s }),
    updatedAt: timeText(delta.t),
  };
}

export function lineageOf({ born, L }: Pick<Head, 'born' | 'L'>): string {
  return `${born}.${L}`;
}

/** From which index on somebody who comes from that lineage has operations that the item does not have. */
export function replacedFrom(
  head: Pick<Head, 'born' | 'L' | 'forks'>,
  lineage: string | undefined,
): number | undefined {
  if (lineage === undefined) return undefined;
  const [born, L = 0] = lineage.split('.').map(Number);
  if (born !== head.born || L > head.L) return 1;
  if (L === head.L) return undefined;
  const since = (head.forks ?? []).filter(([fork]) => fork > L).map(([, index]) => index);
  return since.length > 0 ? Math.min(...since) + 1 : 1;
}

function notFound(item: string): ProblemError {
  return new ProblemError('notFound', `there is no item ${item}`);
}
