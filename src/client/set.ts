import type { Kind } from '../kinds/kind.ts';
import { fromValue, type SetValue, set as setKind } from '../kinds/set.ts';
import type { SetOp } from '../kinds/set-ops.ts';
import type { ClientKind } from './client-kind.ts';

export { SetReplica } from './set-replica.ts';

/* The entry `longshore/client/set`: who works with no sets does not load this. */

type SetOps = { readonly ops?: readonly SetOp[] };

export const set: ClientKind = {
  kind: setKind as Kind,
  open: (value) => fromValue(value as SetValue),
  /** Operations without a time get the server's when they arrive: of two that arrive together nobody could tell which was first. */
  fold(first, second) {
    const all = [(first as SetOps).ops, (second as SetOps).ops];
    if (!all.every((ops) => ops?.every(([, , t]) => t !== undefined))) return undefined;
    return { ops: all.flatMap((ops) => ops ?? []) };
  },
  whole: () => undefined,
};
