import type { StoreKey, StoreRecord } from '../../ports/store.ts';
import { type RpcError, toRpcError } from '../grpc/rpc-error.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { afterTurn } from './after-turn.ts';
import { retry } from './backoff.ts';
import type { Partition, WireQuery } from './datastore-codec.ts';
import { toFailure, troubleOf } from './datastore-errors.ts';
import { type Found, MAX_LOOKUP_KEYS } from './datastore-lookup.ts';
import type { DatastoreDeps } from './datastore-transactions.ts';
import { checkKeys, keyText } from './guards.ts';

type Waiting = {
  readonly keys: readonly StoreKey[];
  readonly deadline: number;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
};

const START_IN_FLIGHT = 16;
const MAX_IN_FLIGHT = 128;

/**
 * Lookups and queries. The reads of one turn share lookups of at most 1,000 keys; a read of more is a lookup of its own.
 * All are repeated until their deadline, as reading twice does no harm.
 */
export class DatastoreReads {
  readonly #deps: DatastoreDeps;
  readonly #limit = new AdaptiveLimit(START_IN_FLIGHT, MAX_IN_FLIGHT);
  #queue: Waiting[] = [];
  readonly #schedule = afterTurn(() => this.#pump());

  constructor(deps: DatastoreDeps) {
    this.#deps = deps;
  }

  async read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]> {
    checkKeys(keys);
    if (keys.length === 0) return [];
    const { clock, timeoutMs } = this.#deps;
    const found = await new Promise<Found>((resolve, reject) => {
      this.#queue.push({ keys, deadline: clock.monotonic() + timeoutMs, resolve, reject });
      this.#schedule();
    });
    return keys.map((key) => found.get(keyText(key))?.record);
  }

  query(build: (partition: Partition) => WireQuery): Promise<StoreKey[]> {
    const { clock, driver, timeoutMs } = this.#deps;
    return this.#retried(clock.monotonic() + timeoutMs, (ms) => driver.query(build, ms));
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#limit.hasRoom) void this.#serve(this.#take());
  }

  #take(): Waiting[] {
    let count = 0;
    let keys = 0;
    for (const waiting of this.#queue) {
      keys += waiting.keys.length;
      if (count > 0 && keys > MAX_LOOKUP_KEYS) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Never rejects. */
  async #serve(batch: readonly Waiting[]): Promise<void> {
    const keys = new Map(
      batch.flatMap((waiting) => waiting.keys.map((key): [string, StoreKey] => [keyText(key), key])),
    );
    const deadline = Math.min(...batch.map((waiting) => waiting.deadline));
    this.#limit.enter();
    try {
      const found = await this.#retried(deadline, (ms) => this.#deps.driver.lookup([...keys.values()], ms));
      for (const { resolve } of batch) resolve(found);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#limit.leave();
    this.#pump();
  }

  async #retried<T>(deadline: number, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { clock, random, requestMs } = this.#deps;
    try {
      return await retry(
        async (leftMs) => {
          const answer = await attempt(Math.min(leftMs, requestMs));
          this.#limit.succeeded();
          return answer;
        },
        { clock, random, deadline, mayRetry: (error) => this.#mayRetry(toRpcError(error)) },
      );
    } catch (error) {
      throw toFailure(toRpcError(error));
    }
  }

  #mayRetry(error: RpcError): boolean {
    const trouble = troubleOf(error);
    if (trouble === 'overloaded') this.#limit.turnedAway();
    return trouble === 'transient' || trouble === 'overloaded' || trouble === 'contended';
  }
}
