import type { JsonObject } from '../base/json.ts';
import { ownerRowKey } from '../model/keys.ts';
import { decodeRecordText, encodeRecordText } from '../model/record.ts';
import type { Clock } from '../ports/clock.ts';
import { isFailure } from '../ports/failure.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import { type Problem, ProblemError } from '../protocol/errors.ts';

export const LEASE_MS = 30_000;
export const RENEW_MS = 10_000;
/** A lease that another instance has renewed this lately stands: many that start together do not fight over one record. */
const JUST_RENEWED_MS = 2_000;

/** A start waits so long for a store that does not answer, in turns. */
const START_PATIENCE_MS = 15_000;
const START_PAUSE_MS = 500;

/** Which truth the store trails. Times by the wall clocks of the servers, which may differ by less than `LEASE_MS - RENEW_MS`. */
export type OwnerRecord = {
  readonly fingerprint: string;
  /** Raised whenever another fingerprint takes over. */
  readonly fence: number;
  readonly untilMs: number;
};

export type OwnerDecision =
  | { readonly action: 'keep' | 'renew' | 'takeOver'; readonly record: OwnerRecord }
  | { readonly action: 'refuse'; readonly untilMs: number };

/** `provenDead`: that this process could open the store at all proves that every earlier owner has ended. Pure. */
export function decideOwner(
  record: OwnerRecord | undefined,
  mine: string,
  now: number,
  provenDead = false,
): OwnerDecision {
  const untilMs = now + LEASE_MS;
  if (record === undefined) return { action: 'takeOver', record: { fingerprint: mine, fence: 1, untilMs } };
  if (record.fingerprint === mine) {
    if (untilMs - record.untilMs < JUST_RENEWED_MS) return { action: 'keep', record };
    return { action: 'renew', record: { ...record, untilMs } };
  }
  if (record.untilMs > now && !provenDead) return { action: 'refuse', untilMs: record.untilMs };
  return { action: 'takeOver', record: { fingerprint: mine, fence: record.fence + 1, untilMs } };
}

export type OwnerOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The same for all instances that share one cache; another for every other cache. */
  readonly fingerprint: string;
  /** The store is open to one process at a time. */
  readonly exclusiveStore: boolean;
  /** Nobody shares the fingerprint: the lease ends with this process. */
  readonly alone: boolean;
};

type State = 'unknown' | 'owner' | 'foreign' | 'stopped';

/**
 * Keeps two caches from both being the truth over one store.
 *
 *   unknown -- the record is ours --> owner <--> foreign
 *      any  -- stop --> stopped
 *
 * - Serves only as `owner`. Another fingerprint in the record ends that at once; it comes back by itself when that lease
 *   has run out.
 * - A store that does not answer does not end it: nobody else can take over through that store either, and how long
 *   updates go on without it is the engine's to decide. A pause of this process longer than the lease does, until the
 *   record has been looked at again.
 */
export class Owner {
  readonly #options: OwnerOptions;
  #state: State = 'unknown';
  /** Monotonic; when the lease began that an attempt last found to be ours. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #storeAway = false;
  #first = true;
  #cancel: () => void = () => undefined;

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  /**
   * Asks the store who owns it, then again every `RENEW_MS`. Fails where the store does not answer for `START_PATIENCE_MS`, and at once, with its reason, when
   * `stopping` is aborted.
   */
  async start(stopping?: AbortSignal): Promise<void> {
    stopping?.throwIfAborted();
    const told = new Promise<never>((_, reject) => {
      stopping?.addEventListener('abort', () => reject(stopping.reason), { once: true });
    });
    await Promise.race([this.#firstAttempt(), told]);
    this.#schedule();
  }

  async #firstAttempt(): Promise<void> {
    const { clock, log } = this.#options;
    const giveUpAt = clock.monotonic() + START_PATIENCE_MS;
    while (this.#state !== 'stopped') {
      try {
        return await this.#attempt();
      } catch (error) {
        if (!isFailure(error, 'storeUnavailable', 'storeOverloaded') || clock.monotonic() >= giveUpAt) throw error;
        log.warn({ error: error.message }, 'the store does not answer yet');
        await clock.sleep(START_PAUSE_MS);
      }
    }
  }

  /** Why this instance must not serve; `undefined` while it may. */
  refusal(): Problem | undefined {
    if (this.#state === 'owner' && (this.#isFresh() || this.#storeAway)) return undefined;
    if (this.#state === 'stopped') {
      return new ProblemError('stopping', 'this instance is stopping; another one goes on', { retryAfterMs: 500 })
        .problem;
    }
    const detail =
      this.#state === 'foreign'
        ? 'another deployment, or one with other cache servers, owns the store'
        : 'whether this deployment owns the store is not known';
    return new ProblemError('notReady', detail, { retryAfterMs: 2_000 }).problem;
  }

  async stop(): Promise<void> {
    const { store, alone } = this.#options;
    const wasOwner = this.#state === 'owner';
    this.#state = 'stopped';
    this.#cancel();
    if (!wasOwner || !alone) return;
    await store.transact([ownerRowKey()], ([record]) => {
      const held = record && decodeOwner(record.data);
      const ours = held?.fingerprint === this.#options.fingerprint;
      return { changes: ours ? [change({ ...held, untilMs: 0 })] : [], result: undefined };
    });
  }

  #isFresh(): boolean {
    return this.#options.clock.monotonic() - this.#renewedAt < LEASE_MS;
  }

  async #attempt(): Promise<void> {
    const { store, clock, fingerprint, exclusiveStore } = this.#options;
    const began = clock.monotonic();
    const decision = await store.transact([ownerRowKey()], ([record]) => {
      const held = record && decodeOwner(record.data);
      const now = clock.now();
      const made = decideOwner(held, fingerprint, now, exclusiveStore && this.#first);
      const writes = made.action === 'renew' || made.action === 'takeOver';
      const leftMs = made.action === 'refuse' ? 0 : Math.min(LEASE_MS, made.record.untilMs - now);
      return { changes: writes ? [change(made.record)] : [], result: { action: made.action, leftMs } };
    });
    this.#storeAway = false;
    this.#first = false;
    if (this.#state === 'stopped') return;
    this.#enter(decision.action === 'refuse' ? 'foreign' : 'owner');
    if (decision.action !== 'refuse') this.#renewedAt = began - (LEASE_MS - decision.leftMs);
  }

  #enter(state: State): void {
    if (state === this.#state) return;
    const { log } = this.#options;
    if (state === 'foreign') log.error({}, 'another deployment owns the store: this instance serves nothing');
    else if (this.#state === 'foreign') log.warn({}, 'the store is ours again');
    this.#state = state;
  }

  #schedule(): void {
    if (this.#state === 'stopped') return;
    this.#cancel = this.#options.clock.after(RENEW_MS, () => {
      void this.#attempt()
        .catch((error) => {
          this.#storeAway = true;
          this.#options.log.warn({ error }, 'the ownership of the store could not be renewed');
        })
        .then(() => this.#schedule());
    });
  }
}

function change(record: OwnerRecord) {
  return { key: ownerRowKey(), record: { data: encodeRecordText(record), indexes: {} } };
}

export function decodeOwner(data: string): OwnerRecord {
  const { fingerprint, fence, untilMs } = decodeRecordText(data, 'owner') as JsonObject;
  return { fingerprint: String(fingerprint), fence: Number(fence), untilMs: Number(untilMs) };
}
