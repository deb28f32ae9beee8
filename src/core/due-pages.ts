import { COARSE_MS, coarse } from '../model/row.ts';
import type { StoreKey } from '../ports/store.ts';

/** Records looked at together. More of them in one coarse time are looked at in one go, up to the second bound. */
export const PAGE = 200;
const MAX_PAGE = 6_400;
/** Of one shard in one sweep; the next one goes on. */
const PAGES = 10;

/** Where a sweep goes on in each shard: an index string. What is kept for long must not hide what comes after it. */
export type Places = Map<number, string>;

export type Shard = {
  readonly shard: number;
  readonly places: Places;
  /** Keys whose index string is at least `from`, ascending by it. */
  readonly list: (from: string, limit: number) => Promise<readonly StoreKey[]>;
  /** Does what is to be done with them. `lastAt`: the time in the index of the last one, ms; `undefined` where none of them is there any more. */
  readonly look: (keys: readonly StoreKey[]) => Promise<{ readonly done: number; readonly lastAt: number | undefined }>;
  /** After about so many the sweep leaves the rest to the next one. */
  readonly most?: number;
};

/** Looks at the records of a shard page by page, also past those that have to stay. Returns how many were done with. */
export async function goThrough({ shard, places, list, look, most }: Shard): Promise<number> {
  let from = places.get(shard) ?? `${shard}/`;
  let limit = PAGE;
  let done = 0;
  for (let page = 0; page < PAGES && done < (most ?? Number.POSITIVE_INFINITY); page++) {
    const keys = await list(from, limit);
    const looked = await look(keys);
    done += looked.done;
    const { lastAt } = looked;
    if (keys.length < limit || lastAt === undefined) {
      places.delete(shard);
      return done;
    }
    const next = `${shard}/${coarse(lastAt)}`;
    if (next !== from) [from, limit] = [next, PAGE];
    else if (limit < MAX_PAGE) limit *= 2;
    else [from, limit] = [`${shard}/${coarse(lastAt + COARSE_MS)}`, PAGE];
  }
  places.set(shard, from);
  return done;
}
