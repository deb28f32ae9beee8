import { isObject, type Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import { mergePatch } from '../kinds/merge-patch.ts';
import { register as registerKind } from '../kinds/register.ts';
import type { DeltaAnswer } from '../protocol/get-updates.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { SentAs } from './local.ts';

/** What a client has to know of a kind besides its state machine. */
export interface ClientKind {
  readonly kind: Kind;
  /** The state that the server shows as this value. */
  open(value: Json): unknown;
  /** One operation that does what both do, one after the other; `undefined` where there is none. */
  fold(first: Json, second: Json): Json | undefined;
  /** The operation that makes this value out of any other; `undefined` for kinds that do not have one. */
  whole(value: Json): Json | undefined;
  /** The deltas that an answer tells of: what came before the update, and what it became. Only kinds whose answers do have it. */
  told?(op: Json, answer: UpdateResult, sentAs: SentAs): Told | undefined;
}

/** The steps from one version to another. */
export type Told = { readonly from: number; readonly version: number; readonly deltas: readonly DeltaAnswer[] };

type RegisterOp = { readonly set?: Json; readonly merge?: Json };

export const register: ClientKind = {
  kind: registerKind as Kind,
  open: (value) => value,
  fold(first, second) {
    const [a, b] = [first as RegisterOp, second as RegisterOp];
    if (b.set !== undefined) return second;
    if (b.merge === undefined) return undefined;
    if (a.set !== undefined) return { set: mergePatch(a.set, b.merge) };
    const merge = a.merge === undefined ? undefined : foldPatches(a.merge, b.merge);
    return merge === undefined ? undefined : { merge };
  },
  whole: (value) => ({ set: value }),
};

/** One merge patch for two. There is none where the first replaces what the second goes into. */
function foldPatches(first: Json, second: Json): Json | undefined {
  if (!isObject(second)) return second;
  if (!isObject(first)) return undefined;
  const result: Record<string, Json> = { ...first } as Record<string, Json>;
  for (const [key, later] of Object.entries(second) as [string, Json][]) {
    const folded = isObject(later) && Object.hasOwn(result, key) ? foldPatches(result[key] ?? null, later) : later;
    if (folded === undefined) return undefined;
    result[key] = folded;
  }
  return result;
}
