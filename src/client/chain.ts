import type { Json } from '../base/json.ts';

/** One accepted operation, as `restore` takes it. */
export type Kept = {
  readonly version: number;
  readonly op: Json;
  readonly clientId?: string;
  readonly seq?: number;
};

/**
 * What is known of an item beyond what is stored: the operations after version `from`, in order. Bounded: one that is `full` no longer
 * grows, and its beginning is still good to restore.
 */
export type Chain = {
  readonly from: number;
  readonly deltas: readonly Kept[];
  /** Of the operations as JSON, UTF-16 units. */
  readonly chars: number;
  readonly full: boolean;
};

/** The server takes 1,000 in one `restore`. */
export const MAX_KEPT = 1_000;
export const MAX_KEPT_CHARS = 512 * 1024;

export function emptyChain(from: number): Chain {
  return { from, deltas: [], chars: 0, full: false };
}

export function extend(chain: Chain, deltas: readonly Kept[]): Chain {
  let { chars, full } = chain;
  const kept = [...chain.deltas];
  for (const delta of deltas) {
    if (full || delta.version <= (kept.at(-1)?.version ?? chain.from)) continue;
    const more = JSON.stringify(delta.op).length;
    // The first one is always kept, however large.
    full = kept.length > 0 && (kept.length >= MAX_KEPT || chars + more > MAX_KEPT_CHARS);
    if (full) break;
    kept.push(delta);
    chars += more;
  }
  return { from: chain.from, deltas: kept, chars, full };
}

/** All up to `version` is stored now. */
export function stored(chain: Chain, version: number): Chain {
  if (version <= chain.from) return chain;
  const rest = chain.deltas.filter((delta) => delta.version > version);
  // What a full chain lacks lies between it and whatever comes next: it stays full until it is empty.
  if (rest.length === 0) return emptyChain(version);
  return { ...extend(emptyChain(version), rest), full: chain.full };
}

/**
 * A value came, of which the steps are not known. `whole`, where the kind has one, makes that value of any other: the chain goes on, and of what
 * it held only operations with a sender are kept, so that their repeats are known.
 */
export function jump(chain: Chain, version: number, durable: number, whole: Kept | undefined): Chain {
  if (version <= durable) return emptyChain(durable);
  if (whole === undefined) return emptyChain(version);
  const named = stored(chain, durable).deltas.filter((delta) => delta.clientId !== undefined);
  const before = extend(emptyChain(durable), named.slice(-MAX_NAMED));
  const after = extend(before, [whole]);
  return after.full ? extend(emptyChain(durable), [whole]) : after;
}

const MAX_NAMED = 20;
