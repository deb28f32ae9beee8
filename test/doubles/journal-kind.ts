import type { Json } from '../../src/base/json.ts';
import { isObject } from '../../src/base/json.ts';
import type { Applied, Kind } from '../../src/kinds/kind.ts';
import { MAX_DELTA_BYTES } from '../../src/protocol/limits.ts';

/**
 * A kind for tests: `{"add": text}` appends a text to a list, so that the value names every operation that is in it, in order and as
 * often as it was applied. Long texts make bodies, tails and segments of it.
 */
export const journal: Kind<readonly string[]> = {
  name: 'journal',
  keepDeltaBytes: 8_192,
  lastWins: false,
  empty: () => [],
  apply(state: readonly string[], op: unknown): Applied<readonly string[]> {
    const text = isObject(op) ? op.add : undefined;
    if (typeof text !== 'string') return { result: 'invalid', code: 'badOp', detail: 'a journal takes {"add": text}' };
    return { result: 'ok', state: [...state, text], delta: { add: text }, count: 1 };
  },
  replay: (state: readonly string[], delta: Json) => [...state, (delta as { add: string }).add],
  encode: (state) => state,
  decode: (encoded) => encoded as readonly string[],
  value: (state) => state,
};

/** The same, with several texts in one operation, `{"add": [text, …]}`, each counted by itself; keeps its history. */
export const chronicle: Kind<readonly string[]> = {
  ...journal,
  name: 'chronicle',
  apply(state: readonly string[], op: unknown): Applied<readonly string[]> {
    const add = isObject(op) ? op.add : undefined;
    const texts = (Array.isArray(add) ? add : [add]) as unknown[];
    if (texts.length === 0 || !texts.every((text) => typeof text === 'string'))
      return { result: 'invalid', code: 'badOp', detail: 'a chronicle takes {"add": text or texts}' };
    const delta = { add: texts as string[] };
    if (JSON.stringify(delta).length > MAX_DELTA_BYTES) return { result: 'tooLarge', limit: MAX_DELTA_BYTES };
    return { result: 'ok', state: [...state, ...delta.add], delta, count: texts.length };
  },
  replay: (state: readonly string[], delta: Json) => [...state, ...(delta as { add: string[] }).add],
  ops: (delta: Json) => (delta as { add: string[] }).add,
};
