import type { IndexedKind, StoreKey, StoreKind } from '../model/keys.ts';
import type { StoreIndex, StoreRecord } from '../model/store-record.ts';

export type { IndexedKind, StoreIndex, StoreKey, StoreKind, StoreRecord };

export type Change = { readonly key: StoreKey; readonly record: StoreRecord | 'delete' };

/** What a transaction decided from the records it read: the changes to make, and what to tell the caller. */
export type Decision<T> = { readonly changes: readonly Change[]; readonly result: T };

/**
 * The trail behind the cache. Laws:
 *
 * - `transact` reads the records of `keys`, calls `decide` with them in that order and applies its changes, all as one
 *   atomic step. `decide` is pure, may be called several times, changes only records among `keys`.
 * - Calls made in one turn may be committed together (group commit), yet each stands alone: a record that cannot be
 *   written fails its own call only. A call has settled only when its changes survive the loss of this process (and,
 *   where the backend is a file, of the machine's power only as far as the backend's page in docs says).
 * - Reads and queries see every transaction that settled before they began.
 * - Only records of kind `item` have index strings, and those of kinds `client`, `ops` and `expiry` one in `due`, each of 1 to 1,500 printable ASCII characters;
 *   `transact` names at least one key.
 * - A failed read is never an absent record. Failures: `storeUnavailable` (try again; `unclear` on a commit whose answer
 *   was lost), `storeOverloaded` (back off), `storeRefused` (this record will never be accepted), `closed`.
 */
export interface Store {
  read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]>;

  transact<T>(
    keys: readonly StoreKey[],
    decide: (records: readonly (StoreRecord | undefined)[]) => Decision<T>,
  ): Promise<T>;

  /** Ids of a kind in a space, ascending by code unit, after `after` (exclusive, '' from the start), at most `limit`. */
  list(space: string, kind: StoreKind, after: string, limit: number): Promise<string[]>;

  /** Spaces that hold a record of kind `space`, ascending, after `after`, at most `limit`. */
  spaces(after: string, limit: number): Promise<string[]>;

  /** Keys of a kind (`item` unless said) whose string in `index` is >= from and < to, ascending by that string, at most `limit`; any space. */
  query(index: StoreIndex, from: string, to: string, limit: number, kind?: IndexedKind): Promise<StoreKey[]>;

  /** Settles when the store answers. For readiness. */
  ping(): Promise<void>;

  /** Finishes what was begun, then lets go. */
  close(): Promise<void>;
}
