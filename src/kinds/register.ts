import type { Json } from '../base/json.ts';
import { isObject } from '../base/json.ts';
import { MAX_REGISTER_BYTES } from '../protocol/register-limits.ts';
import type { Applied, ApplyContext, Kind } from './kind.ts';
import { mergePatch } from './merge-patch.ts';

const FORM = 'a register takes {"set": value}, {"merge": RFC 7396 patch} or {"delete": true}';

/** Any JSON value; the last writer wins, or merges (RFC 7396). `{"create": …}` is not needed: nothing is fixed for life. */
export const register: Kind<Json> = {
  name: 'register',
  keepDeltaBytes: 0,
  lastWins: true,
  empty: () => null,
  apply(state: Json, op: unknown, _context: ApplyContext): Applied<Json> {
    if (!isObject(op)) return { result: 'invalid', code: 'badOp', detail: FORM };
    const keys = Object.keys(op);
    if (keys.length !== 1) return { result: 'invalid', code: 'badOp', detail: FORM };
    if (keys[0] === 'set') return accept(op.set as Json, op as Json, WHOLE);
    if (keys[0] === 'merge') return accept(mergePatch(state, op.merge as Json), op as Json, PART);
    return { result: 'invalid', code: 'badOp', detail: FORM };
  },
  replay(state: Json, delta: Json): Json {
    const op = delta as { set?: Json; merge?: Json };
    return Object.hasOwn(op, 'set') ? (op.set as Json) : mergePatch(state, op.merge as Json);
  },
  encode: (state) => state,
  decode: (encoded) => encoded,
  value: (state) => state,
};

const WHOLE = { whole: true } as const;
const PART = {};

function accept(state: Json, delta: Json, says: typeof WHOLE | typeof PART): Applied<Json> {
  // A string of n UTF-16 units is at most 3 n bytes: most values are cleared without counting bytes.
  const text = JSON.stringify(state);
  if (text.length * 3 > MAX_REGISTER_BYTES && new TextEncoder().encode(text).length > MAX_REGISTER_BYTES) {
    return { result: 'tooLarge', limit: MAX_REGISTER_BYTES };
  }
  return { result: 'ok', state, delta, count: 0, chars: text.length, ...says };
}
