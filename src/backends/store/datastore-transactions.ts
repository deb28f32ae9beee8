import { assert } from '../../base/assert.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { Decision, StoreKey, StoreRecord } from '../../ports/store.ts';
import { type RpcError, toRpcError } from '../grpc/rpc-error.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { afterTurn } from './after-turn.ts';
import { backoffMs } from './backoff.ts';
import type { DatastoreDriver } from './datastore-driver.ts';
import { leavesDoubt, toFailure, troubleOf } from './datastore-errors.ts';
import { type Call, planGroup, takeGroup } from './datastore-group.ts';
import type { Transaction } from './datastore-lookup.ts';
import { checkKeys, keyText } from './guards.ts';

export type DatastoreDeps = {
  readonly driver: DatastoreDriver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Within this time every operation settles, with all its attempts. */
  readonly timeoutMs: number;
  /** Longest wait for the answer to one request. */
  readonly requestMs: number;
};

const START_IN_FLIGHT = 8;
const MAX_IN_FLIGHT = 64;
const MAX_SHARE = 1000;
/** A commit that others abort this often is tried again in smaller parts, which collide less. */
const ABORTS_BEFORE_SPLIT = 2;

/**
 * Runs `transact` calls as Datastore transactions.
 *
 *   queue ──take──▶ begin + lookup ──▶ decide ──▶ commit ──▶ settled
 *     ▲                  │                          │
 *     └──── back-off ◀───┴───── failed ◀────────────┘
 *
 * - The calls that wait at the end of a turn share one transaction, in the order they came, as far as its bounds allow. In
 *   this process a space is in one transaction at a time, so it contends with other processes only: the emulator, and
 *   databases in the mode OPTIMISTIC_WITH_ENTITY_GROUPS, count all that lies below one ancestor as contended.
 * - A call is retried until its deadline on contention, overload and missing answers. A commit that is refused is split
 *   into halves, down to the one call that spoils it, which alone fails with `storeRefused`.
 * - A commit whose answer was lost may have been applied. Each commit writes a random tag into its records: the next
 *   attempt that finds the tag settles with what was decided then. Only where other writers have replaced all records of
 *   the commit meanwhile (or it only deleted) is the decision run again on top of itself; the decisions of the flows
 *   are guarded by versions, so they then find their work done. At the deadline such a call fails as `unclear`.
 */
export class DatastoreTransactions {
  readonly #deps: DatastoreDeps;
  readonly #limit = new AdaptiveLimit(START_IN_FLIGHT, MAX_IN_FLIGHT);
  /** Spaces that a transaction is at. */
  readonly #busy = new Set<string>();
  readonly #rollbacks = new Set<Promise<void>>();
  #queue: Call[] = [];
  readonly #schedule = afterTurn(() => this.#pump());
  /** Calls that have not settled. */
  #open = 0;
  #drained: (() => void) | undefined;
  #cancelSweep: (() => void) | undefined;

  constructor(deps: DatastoreDeps) {
    this.#deps = deps;
  }

  transact<T>(
    keys: readonly StoreKey[],
    decide: (records: readonly (StoreRecord | undefined)[]) => Decision<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      assert(keys.length > 0, 'a transaction has keys');
      checkKeys(keys);
      this.#open++;
      const settled = (): void => {
        this.#open--;
        if (this.#open === 0) this.#drained?.();
      };
      this.#queue.push({
        keys,
        texts: keys.map(keyText),
        spaces: [...new Set(keys.map(({ space }) => space))],
        decide: (records) => {
          const { changes, result } = decide(records);
          const settle = (): void => {
            settled();
            resolve(result);
          };
          return { changes, result: settle };
        },
        reject: (error) => {
          settled();
          reject(error);
        },
        deadline: this.#deps.clock.monotonic() + this.#deps.timeoutMs,
        failures: 0,
        share: MAX_SHARE,
        doubts: [],
      });
      this.#schedule();
    });
  }

  /** Settles when every call has. */
  async drain(): Promise<void> {
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#cancelSweep?.();
    await Promise.all(this.#rollbacks);
  }

  #pump(): void {
    while (this.#queue.length > 0 && this.#limit.hasRoom) {
      const { group, rest } = takeGroup(this.#queue, this.#busy);
      if (group.length === 0) break;
      this.#queue = rest;
      void this.#serve(group);
    }
    this.#sweepLater();
  }

  /** Never rejects. */
  async #serve(group: readonly Call[]): Promise<void> {
    const spaces = new Set(group.flatMap((call) => call.spaces));
    for (const space of spaces) this.#busy.add(space);
    this.#limit.enter();
    let failure: RpcError | undefined;
    let again: readonly Call[] = [];
    try {
      again = await this.#attempt(group);
      this.#limit.succeeded();
    } catch (error) {
      failure = toRpcError(error);
      if (troubleOf(failure) === 'overloaded') this.#limit.turnedAway();
    }
    this.#limit.leave();
    if (failure !== undefined) again = await this.#afterFailure(group, failure);
    for (const space of spaces) this.#busy.delete(space);
    this.#queue.unshift(...again);
    this.#pump();
  }

  /** One transaction. Answers the calls it had no room for; throws `RpcError` when it failed as a whole. */
  async #attempt(group: readonly Call[]): Promise<readonly Call[]> {
    const { driver, random } = this.#deps;
    const keys = new Map(
      group.flatMap((call) => call.keys.map((key, at): [string, StoreKey] => [call.texts[at] ?? '', key])),
    );
    const { found, transaction } = await driver.begin([...keys.values()], this.#requestMs(group));
    const { writes, decided, left } = planGroup(group, found);
    if (writes.length === 0) {
      this.#rollback(transaction);
    } else {
      const tag = random.id();
      try {
        await driver.commit(transaction, writes, tag, this.#requestMs(group));
      } catch (error) {
        this.#rollback(transaction);
        const failure = toRpcError(error);
        if (leavesDoubt(failure)) for (const { call, settle } of decided) call.doubts.push({ tag, settle });
        throw failure;
      }
    }
    for (const { settle } of decided) settle();
    return left;
  }

  /** Waits as long as it should and answers the calls to try again; the others are rejected. */
  async #afterFailure(group: readonly Call[], error: RpcError): Promise<readonly Call[]> {
    const { clock, random, log } = this.#deps;
    const trouble = troubleOf(error);
    const failures = Math.max(...group.map((call) => ++call.failures));
    log.debug({ trouble, code: error.code, calls: group.length, failures }, 'a Datastore transaction failed');
    const split = trouble === 'refused' || (trouble === 'contended' && failures >= ABORTS_BEFORE_SPLIT);
    if (split) for (const call of group) call.share = Math.ceil(group.length / 2);
    if (trouble === 'refused' && group.length > 1) return group;

    const wait = trouble === 'refused' || trouble === 'broken' ? Number.POSITIVE_INFINITY : backoffMs(failures, random);
    const again = group.filter((call) => call.deadline > clock.monotonic() + wait);
    for (const call of group) {
      if (!again.includes(call)) call.reject(toFailure(error, call.doubts.length > 0));
    }
    if (again.length > 0) await clock.sleep(wait);
    return again;
  }

  /** Frees the locks that the transaction holds. Nobody waits for it, and its failure changes nothing. */
  #rollback(transaction: Transaction): void {
    const { driver, log, requestMs } = this.#deps;
    const done = driver
      .rollback(transaction, requestMs)
      .catch((error: unknown) => log.debug({ code: toRpcError(error).code }, 'a Datastore rollback failed'))
      .then(() => {
        this.#rollbacks.delete(done);
      });
    this.#rollbacks.add(done);
  }

  #requestMs(group: readonly Call[]): number {
    const end = Math.min(...group.map((call) => call.deadline));
    return Math.max(1, Math.min(this.#deps.requestMs, end - this.#deps.clock.monotonic()));
  }

  /** Rejects calls whose deadline passes while they wait for their spaces or for a place. */
  #sweepLater(): void {
    if (this.#cancelSweep !== undefined || this.#queue.length === 0) return;
    const { clock } = this.#deps;
    const first = this.#queue.reduce((least, call) => Math.min(least, call.deadline), Number.POSITIVE_INFINITY);
    this.#cancelSweep = clock.after(Math.max(1, first - clock.monotonic()), () => {
      this.#cancelSweep = undefined;
      const now = clock.monotonic();
      const late = this.#queue.filter((call) => call.deadline <= now);
      this.#queue = this.#queue.filter((call) => call.deadline > now);
      for (const call of late) {
        const unclear = call.doubts.length > 0;
        call.reject(new Failure('storeUnavailable', 'Datastore: the queue did not move in time', { unclear }));
      }
      this.#sweepLater();
    });
  }
}
