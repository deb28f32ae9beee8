import { LRUCache } from 'lru-cache';
import type { Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Delta, Head } from '../model/head.ts';
import { decodeHead, encodeHead, isPlaceholder } from '../model/head.ts';
import { bodyKey, headKey, itemRowKey } from '../model/keys.ts';
import { decodeRecord } from '../model/record.ts';
import { decodeRow, type Row } from '../model/row.ts';
import { CHANGED, type Deps, type HeldHead } from './context.ts';
import { FailedKind } from './failed-kind.ts';
import { unstored } from './history/keep-ops.ts';
import { layOut, reachOf } from './layout.ts';
import { readStored } from './stored-value.ts';

type Materialised = { readonly L: number; readonly v: number; readonly state: unknown };

/**
 * The values of items, built from head, body record and tail. Large ones are kept materialised in a bounded LRU and brought up to date by
 * the deltas of the tail; a version has one content, so what is kept never goes stale.
 */
export class Values {
  readonly #deps: Deps;
  readonly #large: LRUCache<string, Materialised>;

  constructor(deps: Deps, maxBytes = 64 * 1024 * 1024) {
    this.#deps = deps;
    this.#large = new LRUCache({ maxSize: maxBytes });
  }

  kindOf(head: { readonly kind: string }): Kind {
    const kind = this.#deps.kinds.get(head.kind);
    if (!kind) throw new FailedKind(head.kind);
    return kind;
  }

  /** Remembers the value of a version that this process has just made. */
  remember(space: string, item: string, head: Head, state: unknown): void {
    if (!head.ref) return;
    const kept = this.#large.peek(`${space}/${item}`);
    if (kept?.L === head.L && kept.v > head.v) return; // a reader was slower than a writer
    this.#large.set(`${space}/${item}`, { L: head.L, v: head.v, state }, { size: head.ref.bytes + 1_000 });
  }

  /** As `stateOf`, for a reader that has seen the head without its token: a lost body is then not mended but read again. */
  async valueState(
    space: string,
    item: string,
    head: Head,
    held: HeldHead | undefined,
  ): Promise<unknown | typeof CHANGED> {
    if (held) return this.stateOf(space, item, held);
    const kind = this.kindOf(head);
    if (!head.ref) return kind.decode(head.body ?? null);
    const near = await this.#near(space, item, head, kind);
    if (near) return near.state;
    const [entry] = await this.#deps.cache.get([bodyKey(space, head.ref.key)]);
    if (!entry) return CHANGED;
    const body = decodeRecord(entry.value, 'body') as { readonly body: Json };
    return this.#forward(space, item, head, kind, { L: head.L, v: head.ref.v, state: kind.decode(body.body) });
  }

  /** As `stateOf`, where the value lives in the head itself. */
  inlineState(head: Head): unknown {
    const kind = this.kindOf(head);
    return head.dead ? kind.empty() : kind.decode(head.body ?? null);
  }

  /** The value at the head's version; the kind's empty state for a dead item. */
  async stateOf(space: string, item: string, held: HeldHead): Promise<unknown | typeof CHANGED> {
    const { head } = held;
    if (!head.ref) return this.inlineState(head);
    const kind = this.kindOf(head);
    const near = await this.#near(space, item, head, kind);
    if (near) return near.state;
    const [entry] = await this.#deps.cache.get([bodyKey(space, head.ref.key)]);
    if (!entry) return this.#bodyLost(space, item, held, kind);
    const body = decodeRecord(entry.value, 'body') as { readonly body: Json };
    return this.#forward(space, item, head, kind, { L: head.L, v: head.ref.v, state: kind.decode(body.body) });
  }

  /** From what is kept, where it takes less to bring that up to date than to read the body. */
  async #near(space: string, item: string, head: Head, kind: Kind): Promise<{ readonly state: unknown } | undefined> {
    const kept = this.#large.get(`${space}/${item}`);
    if (!kept || kept.L !== head.L || kept.v > head.v) return undefined;
    if (kept.v >= reachOf(head) || kept.v >= (head.ref?.v ?? head.v))
      return { state: this.#forward(space, item, head, kind, kept) };
    const bytes = head.segs.reduce((sum, { to, bytes }) => sum + (to > kept.v ? bytes : 0), 0);
    if (bytes >= (head.ref?.bytes ?? 0)) return undefined;
    const deltas = await this.deltasAfter(space, head, kept.v);
    return deltas && { state: this.#forward(space, item, head, kind, kept, deltas) };
  }

  #forward(space: string, item: string, head: Head, kind: Kind, from: Materialised, deltas = head.tail): unknown {
    const state = replayAfter(kind, from.state, from.v, deltas);
    if (state !== from.state || from.v !== head.v) this.remember(space, item, head, state);
    return state;
  }

  /**
   * A body record was evicted. If the head still stands, the value is the row's plus the deltas after it, where the row is of the same lineage and the tail
   * reaches back to it; otherwise the value is lost and the head goes, so that a load rolls the item back and says so.
   */
  async #bodyLost(space: string, item: string, held: HeldHead, kind: Kind): Promise<typeof CHANGED> {
    const { cache, store, random } = this.#deps;
    const key = headKey(space, item);
    const [now] = await cache.get([key]);
    const head = now && decodeHead(now.value);
    if (!now || !head || isPlaceholder(head) || head.ref?.key !== held.head.ref?.key) return CHANGED;
    const [record] = await store.read([itemRowKey(space, item)]);
    const row = record && decodeRow(record);
    const stored = row && (await readStored(this.#deps, kind, space, item, row));
    if (stored === CHANGED) return CHANGED;
    const state = row && this.#rebuilt(row, stored, head, kind);
    if (!state) {
      await cache.delete(key, now.token);
      return CHANGED;
    }
    const plan = layOut({
      head,
      v: head.v,
      fresh: true,
      deltas: [],
      encode: () => kind.encode(state.value),
      kind,
      newKey: () => random.id(),
    });
    if (plan.newBody) await writeBody(this.#deps, space, plan.newBody);
    const { body: _body, ref: _ref, ...rest } = head;
    const tail = kind.ops ? unstored(head) : [];
    const reach = Math.max(head.pv, head.segs.at(-1)?.to ?? head.tb);
    const rebuilt: Head = {
      ...rest,
      tb: tail.length > 0 ? reach : plan.tb,
      segs: [],
      tail,
      ...(plan.ref ? { ref: plan.ref } : { body: plan.body ?? null }),
    };
    await cache.cas(key, encodeHead(rebuilt), now.token);
    return CHANGED;
  }

  #rebuilt(row: Row, stored: unknown, head: Head, kind: Kind): { readonly value: unknown } | undefined {
    const reach = reachOf(head);
    if (row.L !== head.L || row.dead || row.v > head.v || (row.v < reach && row.v !== head.v)) return undefined;
    return { value: replayAfter(kind, stored, row.v, head.tail) };
  }

  /** The deltas after `from` up to the head's version; `undefined` when the tail does not reach back, or a segment is gone. */
  async deltasAfter(space: string, head: Head, from: number): Promise<readonly Delta[] | undefined> {
    if (from < head.tb || from > head.v) return undefined;
    const needed = head.segs.filter((segment) => segment.to > from);
    if (needed.length === 0) return head.tail.filter((delta) => delta.v > from);
    const entries = await this.#deps.cache.get(needed.map((segment) => bodyKey(space, segment.key)));
    const deltas: Delta[] = [];
    for (const entry of entries) {
      if (!entry) return undefined;
      deltas.push(...(decodeRecord(entry.value, 'segment') as unknown as { readonly deltas: Delta[] }).deltas);
    }
    return [...deltas, ...head.tail].filter((delta) => delta.v > from);
  }
}

function replayAfter(kind: Kind, state: unknown, version: number, tail: readonly Delta[]): unknown {
  let result = state;
  for (const delta of tail) if (delta.v > version) result = kind.replay(result, delta.op);
  return result;
}

export async function writeBody(
  deps: Deps,
  space: string,
  body: { readonly key: string; readonly encoded: string },
): Promise<void> {
  await deps.cache.set(bodyKey(space, body.key), Buffer.from(`1{"body":${body.encoded}}`));
}
