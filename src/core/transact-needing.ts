import type { Decision, Store, StoreKey, StoreRecord } from '../ports/store.ts';
import { RetryLater } from './context.ts';

const TURNS = 5;

type Decide<T> = (shown: readonly StoreKey[]) => (records: readonly (StoreRecord | undefined)[]) => Decision<T>;

/** A transaction over `keys`, and over those that its decision turns out to need: then it is run again with them, last among its records. */
export async function transactNeeding<T extends { readonly needs?: readonly StoreKey[] }>(
  store: Store,
  keys: readonly StoreKey[],
  decide: Decide<T>,
): Promise<T> {
  let shown: readonly StoreKey[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const result = await store.transact(shown.length > 0 ? [...keys, ...shown] : keys, decide(shown));
    if (result.needs === undefined) return result;
    shown = [...shown, ...result.needs];
  }
  throw new RetryLater('contention', 100);
}
