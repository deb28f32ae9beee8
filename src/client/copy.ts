import type { Json } from '../base/json.ts';

/** Far more than a server takes, and far less than recursion does. */
const MAX_DEPTH = 100;

/** As it is sent: what is changed later in what was given says nothing. Throws where there is no JSON for it, or none that a server would take. */
export function copyOf(given: unknown): Json {
  const text = JSON.stringify(given);
  if (text === undefined) throw new TypeError('there is no JSON for it');
  const copy = JSON.parse(text) as Json;
  if (isDeep(copy, MAX_DEPTH)) throw new RangeError('it is nested too deeply');
  return copy;
}

function isDeep(value: Json, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((one) => isDeep(one as Json, left - 1));
}
