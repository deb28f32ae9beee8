import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { Decision, IndexedKind, Store, StoreIndex, StoreKey, StoreKind, StoreRecord } from '../../ports/store.ts';
import { toRpcError } from '../grpc/rpc-error.ts';
import { indexQuery, listQuery, spacesQuery } from './datastore-codec.ts';
import { connectDatastore, type DatastoreConnection, type DatastoreDriver } from './datastore-driver.ts';
import { toFailure } from './datastore-errors.ts';
import { DatastoreReads } from './datastore-reads.ts';
import { type DatastoreDeps, DatastoreTransactions } from './datastore-transactions.ts';
import { checkKeys } from './guards.ts';

export type DatastoreStoreOptions = DatastoreConnection & {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Within this time every operation settles, with all its attempts. */
  readonly timeoutMs?: number;
  /** Longest wait for the answer to one request; half of `timeoutMs` when absent. */
  readonly requestMs?: number;
  readonly driver?: DatastoreDriver;
};

/** Somebody waits for most answers: of a service that hangs a client learns while it still waits, and tries again. */
const TIMEOUT_MS = 4_000;
const PING_KEY: StoreKey = { space: '#ping', kind: 'space', id: '' };

/** Store in Firestore in Datastore mode: strongly consistent, shared by all instances. */
class DatastoreStore implements Store {
  readonly #deps: DatastoreDeps;
  readonly #reads: DatastoreReads;
  readonly #transactions: DatastoreTransactions;
  /** Reads under way, so that `close` can wait for them. */
  readonly #begun = new Set<Promise<unknown>>();
  #closed = false;

  constructor(deps: DatastoreDeps) {
    this.#deps = deps;
    this.#reads = new DatastoreReads(deps);
    this.#transactions = new DatastoreTransactions(deps);
  }

  read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]> {
    return this.#begin(() => this.#reads.read(keys));
  }

  transact<T>(
    keys: readonly StoreKey[],
    decide: (records: readonly (StoreRecord | undefined)[]) => Decision<T>,
  ): Promise<T> {
    return this.#begin(() => this.#transactions.transact(keys, decide));
  }

  list(space: string, kind: StoreKind, after: string, limit: number): Promise<string[]> {
    return this.#begin(async () => {
      // At most one record of these kinds is in a space, and its id is empty, which no id comes after.
      if (kind === 'space' || limit <= 0) return [];
      const start: StoreKey = { space, kind, id: after };
      checkKeys([start]);
      const keys = await this.#reads.query((partition) => listQuery(partition, start, limit));
      return keys.map(({ id }) => id);
    });
  }

  spaces(after: string, limit: number): Promise<string[]> {
    return this.#begin(async () => {
      if (limit <= 0) return [];
      const keys = await this.#reads.query((partition) => spacesQuery(partition, after, limit));
      return keys.map(({ space }) => space);
    });
  }

  query(index: StoreIndex, from: string, to: string, limit: number, kind: IndexedKind = 'item'): Promise<StoreKey[]> {
    return this.#begin(async () => {
      if (limit <= 0 || from >= to) return [];
      return this.#reads.query(() => indexQuery(index, from, to, limit, kind));
    });
  }

  ping(): Promise<void> {
    return this.#begin(async () => {
      try {
        await this.#deps.driver.lookup([PING_KEY], this.#deps.requestMs);
      } catch (error) {
        throw toFailure(toRpcError(error));
      }
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#begun);
    await this.#transactions.drain();
    await this.#deps.driver.close();
  }

  async #begin<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Failure('closed', 'the store is closed');
    const done = call();
    this.#begun.add(done);
    try {
      return await done;
    } finally {
      this.#begun.delete(done);
    }
  }
}

export function createDatastoreStore(options: DatastoreStoreOptions): Store {
  const { clock, random, log, timeoutMs = TIMEOUT_MS, requestMs = timeoutMs / 2 } = options;
  const driver = options.driver ?? connectDatastore(options, clock);
  return new DatastoreStore({ driver, clock, random, log, timeoutMs, requestMs });
}
