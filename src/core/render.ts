import type { Delta, Head } from '../model/head.ts';
import type { DeltaAnswer, GetUpdatesResponse, ItemAnswer } from '../protocol/get-updates.ts';
import { type HeldHead, LOOP, RetryLater } from './context.ts';
import type { Answer } from './engine-types.ts';
import type { Heads } from './heads.ts';
import { tailBytes } from './layout.ts';
import type { Chosen } from './select-items.ts';
import type { SpaceState } from './space-state.ts';
import { CHANGED, type Values } from './values.ts';

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Items as clients see them: the deltas after the version the client seems to have, where they are known and smaller than the value; the whole value
 * otherwise. A value always carries the version of the head it was built from.
 */
export class Renderer {
  readonly #values: Values;
  readonly #heads: Heads;

  constructor(values: Values, heads: Heads) {
    this.#values = values;
    this.#heads = heads;
  }

  items(space: SpaceState, chosen: readonly Chosen[]): Promise<ItemAnswer[]> {
    return Promise.all(chosen.map((each) => this.#item(space, each)));
  }

  async #item(space: SpaceState, { id, head, from, gone }: Chosen): Promise<ItemAnswer> {
    if (head.absent && head.v === 0) return { id, version: 0, deleted: true };
    if (gone || head.dead) return { ...base(id, head), deleted: true };
    const inline = head.ref ? undefined : head.body;
    if (from === head.v) return { ...base(id, head), from, deltas: [] };
    if (from !== undefined && from >= head.tb && from < head.v) {
      const size = head.ref ? head.ref.bytes : Buffer.byteLength(JSON.stringify(inline ?? null));
      const deltas = await this.#values.deltasAfter(space.id, head, from);
      if (deltas && deltas.length > 0 && tailBytes(deltas) < size)
        return { ...base(id, head), from, deltas: deltas.map(deltaAnswer) };
    }
    return this.whole(space, id, head);
  }

  /** The whole value; from a newer head where this one's body is gone. */
  async whole(space: SpaceState, id: string, head: Head): Promise<ItemAnswer> {
    let current = head;
    let held: HeldHead | undefined;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      if (turn > 0) {
        held = (await this.#heads.forWrite(space, id, true)).held;
        current = held.head;
      }
      if (current.dead) return { ...base(id, current), deleted: true };
      const state = await this.#values.valueState(space.id, id, current, held);
      if (state !== CHANGED) return { ...base(id, current), value: this.#values.kindOf(current).value(state) };
    }
    throw new RetryLater('contention', 100);
  }
}

function base(id: string, head: Head) {
  const lock = head.lock ? { lock: { holder: head.lock.holder, fence: head.fence } } : {};
  return {
    id,
    kind: head.kind,
    version: head.v,
    durableVersion: Math.min(head.pv, head.v),
    updatedAt: timeText(head.t),
    ...lock,
  };
}

function deltaAnswer(delta: Delta): DeltaAnswer {
  return {
    version: delta.v,
    ...(delta.i === undefined ? {} : { index: delta.i }),
    op: delta.op,
    ...(delta.c === undefined ? {} : { clientId: delta.c }),
    ...(delta.s === undefined ? {} : { seq: delta.s }),
    updatedAt: timeText(delta.t),
  };
}

/** Serialised once; every poll that asked the same gets the same bytes. */
export function encodeAnswer(response: GetUpdatesResponse): Answer {
  const empty = response.items.length === 0 && !response.durable && !response.mustReset && !response.clients;
  return { body: Buffer.from(JSON.stringify(response)), marker: response.marker, empty };
}
