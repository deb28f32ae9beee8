import { LRUCache } from 'lru-cache';
import type { Clock } from '../ports/clock.ts';
import type { SpaceId } from '../protocol/ids.ts';
import type { Rights } from './permissions.ts';

/** What the space's own record says. */
export type SpacePolicy = {
  readonly exists: boolean;
  /** By subject. */
  readonly members: ReadonlyMap<string, Rights>;
};

export interface SpacePolicies {
  /** `undefined`: there is no such space. Rejects where that cannot be known now. */
  of(space: SpaceId): Promise<SpacePolicy | undefined>;
}

const HELD_MS = 30_000;
/** That a space is not there changes with its first write, through whatever instance. */
const ABSENT_MS = 1_000;
const MAX_HELD_SPACES = 10_000;
const MAX_KNOWN_SPACES = 100_000;

export const NO_SPACE: SpacePolicy = { exists: false, members: new Map() };

type Held = { readonly policy: SpacePolicy; readonly readAt: number };

/** Policies as they were at most 30 s ago; one reading at a time for each space, whoever asks. */
export class HeldPolicies {
  readonly #source: SpacePolicies;
  readonly #clock: Clock;
  readonly #held = new LRUCache<string, Held>({ max: MAX_HELD_SPACES });
  /** Spaces that were there when they were last looked at, and when (monotonic, ms) that was asked for: this holds while the store is away. */
  readonly #known = new LRUCache<string, { askedAt: number }>({ max: MAX_KNOWN_SPACES });
  readonly #pending = new Map<string, Promise<SpacePolicy>>();
  #forgotten = 0;

  constructor(source: SpacePolicies, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /**
   * What is known without asking. Only whoever needs to know that a space is there gets newer news of one that is not: to all
   * others both take equally long, or the time would tell them which names are in use.
   */
  peek(space: SpaceId, need: 'existence' | 'record' = 'record'): SpacePolicy | undefined {
    const held = this.#held.get(space);
    if (held === undefined) return undefined;
    const keptMs = need === 'existence' && !held.policy.exists ? ABSENT_MS : HELD_MS;
    return this.#clock.monotonic() - held.readAt < keptMs ? held.policy : undefined;
  }

  /** Nobody waits to hear that a space is still there; that it was deleted elsewhere is heard a moment after it could have been. */
  isKnown(space: SpaceId): boolean {
    const known = this.#known.get(space);
    if (known === undefined) return false;
    const now = this.#clock.monotonic();
    if (now - known.askedAt >= HELD_MS) {
      known.askedAt = now;
      this.of(space).catch(() => undefined); // asked again after the same time
    }
    return true;
  }

  of(space: SpaceId): Promise<SpacePolicy> {
    let pending = this.#pending.get(space);
    if (pending === undefined) {
      const reading = this.#read(space).finally(() => {
        if (this.#pending.get(space) === reading) this.#pending.delete(space);
      });
      pending = reading;
      this.#pending.set(space, reading);
    }
    return pending;
  }

  /** The space's settings were changed here, or it was deleted: the next look reads them. */
  forget(space: SpaceId): void {
    this.#forgotten++;
    this.#held.delete(space);
    this.#known.delete(space);
    this.#pending.delete(space);
  }

  async #read(space: SpaceId): Promise<SpacePolicy> {
    // Counted from before the reading, so that no answer is older than promised.
    const readAt = this.#clock.monotonic();
    const forgotten = this.#forgotten;
    const policy = (await this.#source.of(space)) ?? NO_SPACE;
    // What was read before a change of settings may be from before it.
    if (forgotten !== this.#forgotten) return policy;
    this.#held.set(space, { policy, readAt });
    if (policy.exists) this.#known.set(space, { askedAt: readAt });
    else this.#known.delete(space);
    return policy;
  }
}
