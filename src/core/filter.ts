import { createHash } from 'node:crypto';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';

/** Which items a reader asked for. Part of the marker: a marker of another filter says nothing. */
export type Filter = {
  /** Empty for "everything". */
  readonly hash: string;
  readonly kinds: ReadonlySet<string> | undefined;
  matches(id: string): boolean;
};

const EVERYTHING: Filter = { hash: '', kinds: undefined, matches: () => true };

export function filterOf(query: Pick<GetUpdatesQuery, 'kinds' | 'ids'>): Filter {
  if (!query.kinds && !query.ids) return EVERYTHING;
  const kinds = query.kinds && [...new Set(query.kinds)].sort();
  const ids = query.ids && [...new Set(query.ids)].sort();
  const exact = new Set(ids?.filter((id) => !id.endsWith('*')));
  const prefixes = ids?.filter((id) => id.endsWith('*')).map((id) => id.slice(0, -1)) ?? [];
  return {
    hash: createHash('sha256')
      .update(JSON.stringify([kinds ?? null, ids ?? null]))
      .digest('base64url')
      .slice(0, 16),
    kinds: kinds && new Set(kinds),
    matches: ids ? (id) => exact.has(id) || prefixes.some((prefix) => id.startsWith(prefix)) : () => true,
  };
}
