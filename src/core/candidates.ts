import type { Question } from './question.ts';
import type { Named } from './select-items.ts';

/** Ids listed in the store at once. */
export const STORE_PAGE = 1_000;

/** Ids that the caller holds and that the store does not have, as far as the ids listed reach. */
export function missingIds(question: Question, listed: readonly string[], after: string): ReadonlySet<string> {
  const rows = new Set(listed);
  const end = listed.length < STORE_PAGE ? undefined : listed.at(-1);
  const reached = (id: string) => id > after && (end === undefined || id <= end);
  const held = Object.keys(question.known ?? {});
  return new Set(held.filter((id) => reached(id) && !rows.has(id) && question.filter.matches(id)));
}

/** What a scan finds is taken to be new: no entry tells what the reader has of it. */
export function withScanned(
  named: ReadonlyMap<string, Named>,
  scan: readonly string[],
  markerT: number,
): ReadonlyMap<string, Named> {
  if (scan.length === 0) return named;
  const all = new Map(named);
  for (const id of scan) all.set(id, [...(all.get(id) ?? []), { cu: markerT, base: -1 }]);
  return all;
}
