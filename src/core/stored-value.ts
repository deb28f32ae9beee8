import type { Kind } from '../kinds/kind.ts';
import { valueRowKey } from '../model/keys.ts';
import { decodeStoredValue, type Row } from '../model/row.ts';
import { CHANGED, type Deps } from './context.ts';

/** The value that a row stands for, wherever it is. `CHANGED`: what is stored apart is of a later row already. */
export async function readStored(
  { store }: Pick<Deps, 'store'>,
  kind: Kind,
  space: string,
  item: string,
  { body, apart }: Row,
): Promise<unknown | typeof CHANGED> {
  if (!apart) return kind.decode(body);
  const [record] = await store.read([valueRowKey(space, item)]);
  const stored = record && decodeStoredValue(record);
  if (stored?.v !== apart.v) return CHANGED;
  let state = kind.decode(stored.body);
  for (const [, op] of apart.deltas) state = kind.replay(state, op);
  return state;
}
