import { isObject, type Json } from '../../base/json.ts';
import type { Item, Outcome } from '../../client/connect.ts';
import type { SetValue } from '../../kinds/set.ts';
import type { SetOp } from '../../kinds/set-ops.ts';

/** `undefined`: it is no set. */
export function readSet(value: Json | undefined): SetValue | undefined {
  const isSet = isObject(value) && ['members', 'adds', 'removes'].every((name) => Array.isArray(value[name]));
  return isSet ? (value as unknown as SetValue) : undefined;
}

/** Adds or removes. Where this clock is too far ahead for the server, the server's time counts. `now`: ms. */
export async function change(
  item: Pick<Item, 'post' | 'value'>,
  verb: SetOp[0],
  element: string,
  now: number,
): Promise<Outcome> {
  const outcome = await item.post({ ops: [[verb, element, timeFor(item.value, element, now)]] });
  const tooFar = outcome.result === 'invalid' && outcome.code === 'badTime';
  return tooFar ? item.post({ ops: [[verb, element]] }) : outcome;
}

export function isRefusal({ result }: Outcome): boolean {
  return result !== 'ok' && result !== 'closed';
}

/** Newer than what is known of the element: what is done here counts, although other clocks may be ahead of this one. */
export function timeFor(value: Json | undefined, element: string, now: number): number {
  const { adds = [], removes = [] } = readSet(value) ?? {};
  const known = [...adds, ...removes].filter(([one]) => one === element).map(([, t]) => t);
  return Math.max(now, ...known.map((t) => t + 1));
}
