import type { Json } from '../base/json.ts';
import type { PostUpdateRequest, Update } from '../protocol/post-update.ts';
import type { Repeat } from './copies.ts';
import type { ItemCopy } from './item-copy.ts';
import type { Local } from './local.ts';
import type { Lost } from './losses.ts';

/** One update of a request: made here, or a restoring. */
export type Part = { readonly local: Local } | { readonly restores: ItemCopy; readonly lost: Lost };

/**
 * A request on its way. It never changes: it is sent again as it is until it is settled. `new` ones have a number of their own; `repeats`
 * are of updates that were acknowledged and then lost, under the number they had; one that `restores` needs none.
 */
export type Sending = {
  readonly sort: 'new' | 'repeats' | 'restores';
  readonly request: PostUpdateRequest;
  readonly parts: readonly Part[];
  /** Places of the parts that are settled. */
  readonly done: Set<number>;
  /** Parts that go into other requests. */
  readonly again: Local[];
};

export const MAX_UPDATES = 100;
/** The server takes 4 MiB. */
export const MAX_CHARS = 1024 * 1024;

export function sendingOf(
  sort: Sending['sort'],
  parts: readonly Part[],
  name?: { readonly clientId: string; readonly seq: number },
): Sending {
  const named = name && { clientId: name.clientId, seq: name.seq };
  return { sort, request: { ...named, updates: parts.map(updateOf) }, parts, done: new Set(), again: [] };
}

/** A request as it was sent in an earlier life. */
export function sendingAgain(request: PostUpdateRequest): Sending {
  const { clientId = '', seq = 0, updates } = request;
  const parts = updates.map((update) => ({ local: { ...localOf(update), sentAs: { clientId, seq } } }));
  return { sort: 'new', request, parts, done: new Set(), again: [] };
}

export function restoresOf(copies: readonly ItemCopy[]): Sending {
  const parts: Part[] = [];
  let chars = 0;
  for (const copy of copies) {
    const lost = copy.losses.first;
    if (lost === undefined) continue;
    const size = lost.chain.chars;
    if (parts.length > 0 && (parts.length >= MAX_UPDATES || chars + size > MAX_CHARS)) break;
    parts.push({ restores: copy, lost });
    chars += size;
  }
  return sendingOf('restores', parts);
}

/** In the order of their numbers, as the server first had them. */
export function repeatsOf(repeats: readonly Repeat[]): Sending[] {
  const bySeq = Map.groupBy(repeats, ({ acked }) => acked.seq);
  return [...bySeq]
    .sort(([a], [b]) => a - b)
    .flatMap(([, group]) => {
      const byClient = Map.groupBy(group, ({ acked }) => acked.clientId);
      return [...byClient.values()].map((same) => {
        const parts = same.map(({ local }) => ({ local }));
        return sendingOf('repeats', parts, same[0]?.acked);
      });
    });
}

function updateOf(part: Part): Update {
  if ('restores' in part) {
    const { from, deltas } = part.lost.chain;
    // Stored before it is acknowledged: a second loss would bring two clients to tell of it under different numbers.
    return { item: part.restores.id, restore: { from, deltas: [...deltas] }, durable: true };
  }
  const { item, kind, op, options, fence } = part.local;
  return { item, ...(kind !== undefined && { kind }), op, ...options, ...(fence !== undefined && { fence }) };
}

function localOf({ item, kind, op, fence, ifVersion, durable, release }: Update): Local {
  const options = {
    ...(ifVersion !== undefined && { ifVersion }),
    ...(durable !== undefined && { durable }),
    ...(release !== undefined && { release }),
  };
  return { item, kind, op: op as Json, options, fence, alone: false, settle: [] };
}
