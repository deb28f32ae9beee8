import { isObject, type Json } from '../../base/json.ts';
import type { Kind } from '../../kinds/kind.ts';
import { open } from '../../kinds/text/state.ts';
import { text as textKind } from '../../kinds/text/text.ts';
import type { DeltaAnswer } from '../../protocol/get-updates.ts';
import type { ClientKind, Told } from '../client-kind.ts';

export type { Reaction, Refused, Reserved } from './text-copy.ts';
export { TextDocument, type TextEvents, type TextOptions, type TextStorage } from './text-document.ts';

/* The entry `longshore/client/text`: who works with no texts does not load this. */

/**
 * An item's value is what the server has; what was written here is in the `TextDocument`. An edit is made for one version, and says nothing
 * of any other, so it is not put on top of what happens to be there.
 */
export const text: ClientKind = {
  kind: { ...textKind, apply: () => ({ result: 'unchanged' }) } as Kind,
  open: (value) => open(value as string, false),
  fold: () => undefined,
  whole: () => undefined,
  told(op, answer, { clientId, seq }): Told | undefined {
    const from = textKind.baseOf?.(op);
    if (from === undefined || (answer.result !== 'ok' && answer.result !== 'conflict')) return undefined;
    const { version } = answer;
    if (answer.missed === null || version <= from) return undefined;
    const missed = (answer.missed ?? []) as readonly DeltaAnswer[];
    if (answer.result === 'conflict') return answer.missed ? { from, version, deltas: missed } : undefined;
    const applied = (isObject(answer.op) ? answer.op : op) as { readonly edits?: Json };
    const own = { version, op: { edits: applied.edits }, clientId, seq, updatedAt: '' };
    return { from, version, deltas: [...missed, own] };
  },
};
