import type { Head } from '../model/head.ts';
import type { ItemAnswer } from '../protocol/get-updates.ts';
import { CHANGED, type HeldHead, LOOP, RetryLater } from './context.ts';
import { deltaAnswer, timeText } from './delta-answer.ts';
import type { Answer } from './engine-types.ts';
import type { Heads } from './heads.ts';
import { tailBytes } from './layout.ts';
import type { Pictures } from './pictures/pictures.ts';
import type { Frame } from './question.ts';
import type { Chosen } from './select-items.ts';
import type { SpaceState } from './space-state.ts';
import type { Values } from './values.ts';

/** A head is decoded once for many reads: so is its text made once. It belongs to one item. */
const wholeTexts = new WeakMap<Head, string>();

/** Of kinds that keep deltas for their own sake, so many bytes of them are told even in place of a smaller value. */
const NEAR_BYTES = 8 * 1024;

/**
 * Items as clients see them: the deltas after the version the client seems to have, where they are known and smaller than the value; the whole value
 * otherwise. A value always carries the version of the head it was built from.
 */
export class Renderer {
  readonly #values: Values;
  readonly #heads: Heads;
  readonly #pictures: Pictures | undefined;

  constructor(values: Values, heads: Heads, pictures?: Pictures) {
    this.#values = values;
    this.#heads = heads;
    this.#pictures = pictures;
  }

  /** As JSON, one text each. */
  async items(space: SpaceState, chosen: readonly Chosen[]): Promise<readonly string[]> {
    const texts: string[] = [];
    const slow: Promise<void>[] = [];
    for (const [i, each] of chosen.entries()) {
      const text = this.#inlineText(each);
      if (text !== undefined) texts[i] = text;
      else {
        const put = (item: ItemAnswer): void => {
          texts[i] = JSON.stringify(item);
        };
        slow.push(this.#item(space, each).then(put));
      }
    }
    if (slow.length > 0) await Promise.all(slow);
    return texts;
  }

  /** Where the head alone says all there is to say. */
  #inlineText({ id, head, from, gone }: Chosen): string | undefined {
    if (head.absent && head.v === 0) return JSON.stringify({ id, version: 0, deleted: true } satisfies ItemAnswer);
    if (gone || head.dead) return JSON.stringify({ ...base(id, head), deleted: true } satisfies ItemAnswer);
    if (head.ref || this.#pictures?.isPicture(head) || (from !== undefined && from >= head.tb && from <= head.v))
      return undefined;
    let text = wholeTexts.get(head);
    if (text === undefined) {
      const value = this.#values.kindOf(head).value(this.#values.inlineState(head));
      text = JSON.stringify({ ...base(id, head), ...lossOf(head), value } satisfies ItemAnswer);
      wholeTexts.set(head, text);
    }
    return text;
  }

  async #item(space: SpaceState, { id, head, from }: Chosen): Promise<ItemAnswer> {
    const inline = head.ref ? undefined : head.body;
    if (from === head.v) return { ...base(id, head), from, deltas: [] };
    if (from !== undefined && from >= head.tb && from < head.v) {
      const size = head.ref ? head.ref.bytes : Buffer.byteLength(JSON.stringify(inline ?? null));
      const deltas = await this.#values.deltasAfter(space.id, head, from);
      const limit = Math.max(size, Math.min(this.#values.kindOf(head).keepDeltaBytes, NEAR_BYTES));
      if (deltas && deltas.length > 0 && tailBytes(deltas) < limit)
        return { ...base(id, head), from, deltas: deltas.map(deltaAnswer) };
    }
    return this.#whole(space, id, head);
  }

  /** The whole value; from a newer head where this one's body is gone. */
  async #whole(space: SpaceState, id: string, head: Head): Promise<ItemAnswer> {
    let current = head;
    let held: HeldHead | undefined;
    for (let turn = 0; turn < LOOP.turns; turn++) {
      if (turn > 0) {
        held = (await this.#heads.forWrite(space, id, true)).held;
        current = held.head;
      }
      if (current.dead) return { ...base(id, current), deleted: true };
      const state = await this.#values.valueState(space.id, id, current, held);
      if (state === CHANGED) continue;
      const plain = this.#values.kindOf(current).value(state);
      const isPicture = this.#pictures?.isPicture(current);
      const value = isPicture ? await this.#pictures?.complete(space, id, current, plain) : plain;
      if (value !== CHANGED && value !== undefined) return { ...base(id, current), ...lossOf(current), value };
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

/** For who held a version that a rollback has taken. */
function lossOf({ back }: Head): { readonly rolledBack?: { readonly from: number; readonly to: number } } {
  return back ? { rolledBack: { from: back.from, to: back.ceil } } : {};
}

/** Serialised once; every poll that asked the same gets the same bytes. `text` is the frame, `items` are the items, each as JSON. */
export function encodeAnswer(frame: Frame, text: string, items: readonly string[], marker: string): Answer {
  const empty = items.length === 0 && !frame.durable && !frame.mustReset && !frame.clients;
  const body = Buffer.from(`{"marker":${JSON.stringify(marker)},${text.slice(1, -1)},"items":[${items.join(',')}]}`);
  return { body, marker, empty, ...(frame.mustReset && { reset: true }) };
}
