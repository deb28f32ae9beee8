import { isObject, type Json } from '../../base/json.ts';
import type { Item, Outcome, UpdateOptions } from '../../client/connect.ts';

export type Members = { readonly [name: string]: Json };

/**
 * Changes some members of a card. Somebody may have deleted it before the change got through, and the change alone would be half a card: then a text that was
 * written brings the card back whole, and any other change leaves it deleted. `before`: the card as the user saw it. `revives: false`: no text was written.
 */
export async function mergeCard(
  item: Item,
  before: Json | undefined,
  members: Members,
  { revives = 'text' in members, ...options }: UpdateOptions & { readonly revives?: boolean } = {},
): Promise<Outcome> {
  const outcome = await item.merge(members, options);
  if (outcome.result !== 'ok' || !isObject(before) || !isHalf(item.value, before)) return outcome;
  if (revives && 'text' in members) void item.set({ ...(before as Members), ...members }, { release: true });
  else void item.delete();
  return outcome;
}

/** Nobody takes these away from a card. */
const ALWAYS = ['x', 'y', 'text'];

function isHalf(now: Json | undefined, before: object): boolean {
  return isObject(now) && ALWAYS.some((name) => name in before && !(name in now));
}
