import { pulseKey } from '../../model/keys.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Cache, CacheEntry } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { Watchers } from './watchers.ts';

export type PulseOptions = {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Between the end of one look at the watched spaces and the next. */
  readonly pollMs?: number;
  /** Hints of one space that come closer together are merged. */
  readonly mergeMs?: number;
};

const DEFAULT_POLL_MS = 100;
const DEFAULT_MERGE_MS = 50;
const MAX_KEYS_PER_CALL = 100;
/** A pulse that expires is one wake too many, a key that stays is memory. */
const PULSE_TTL_SECONDS = 3600;

/** What the pulse of a watched space was when last looked at, a value after `=`; `unknown` differs from whatever comes. */
type Seen = `=${string}` | 'missing' | 'unknown';

/**
 * Hints by way of the cache: one key per space, whose value changes with every hint, looked at every `pollMs` while the
 * space is watched here.
 *
 * - `publish` writes at once, then not again for `mergeMs`; hints in between are written together at the end of it.
 * - A value that is new and not of this instance wakes. So does the first look at a space, and the first after a look that
 *   failed: what happened before is not known.
 * - Where the space is watched here too, a hint first reads the value it is about to overwrite. Without that, two
 *   instances that write at the same time would hide each other's hints.
 * - A hint whose write fails is lost, as the port allows; nothing here ever throws.
 */
class PulseBus implements Bus {
  readonly #options: PulseOptions;
  readonly #pollMs: number;
  readonly #mergeMs: number;
  /** Begins the values written here. */
  readonly #own: string;
  #hints = 0;
  readonly #watchers = new Watchers();
  readonly #seen = new Map<string, Seen>();
  /** Spaces written within the last `mergeMs`; `again` where another hint came since. */
  readonly #merging = new Map<string, { again: boolean; readonly stop: () => void }>();
  readonly #writing = new Set<Promise<void>>();
  /** Ends the wait for the next look; absent while nothing is watched or a look is under way. */
  #stopWaiting: (() => void) | undefined;
  #looking = false;
  #failing = false;
  #closed = false;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.#mergeMs = options.mergeMs ?? DEFAULT_MERGE_MS;
    this.#own = `${options.random.id()}.`;
  }

  publish(space: string): void {
    if (this.#closed) return;
    const merging = this.#merging.get(space);
    if (merging === undefined) this.#write(space);
    else merging.again = true;
  }

  watch(space: string, wake: () => void): () => void {
    if (this.#closed) return () => {};
    const end = this.#watchers.add(space, wake);
    if (!this.#seen.has(space)) this.#seen.set(space, 'unknown');
    this.#waitForLook();
    return () => {
      end();
      if (!this.#watchers.has(space)) this.#seen.delete(space);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWaiting?.();
    this.#watchers.clear();
    this.#seen.clear();
    for (const [space, { again, stop }] of this.#merging) {
      stop();
      if (again) this.#send(space);
    }
    this.#merging.clear();
    await Promise.all(this.#writing);
  }

  #write(space: string): void {
    const stop = this.#options.clock.after(this.#mergeMs, () => {
      const again = this.#merging.get(space)?.again ?? false;
      this.#merging.delete(space);
      if (again) this.#write(space);
    });
    this.#merging.set(space, { again: false, stop });
    this.#send(space);
  }

  #send(space: string): void {
    this.#hints += 1;
    const { cache } = this.#options;
    const key = pulseKey(space);
    const overwritten = this.#watchers.has(space) ? this.#look([space]) : undefined;
    const written = cache.set(key, Buffer.from(`${this.#own}${this.#hints}`), PULSE_TTL_SECONDS);
    const done = Promise.allSettled([overwritten, written]).then(([, { status }]) => {
      this.#note(status === 'rejected');
      this.#writing.delete(done);
    });
    this.#writing.add(done);
  }

  #waitForLook(): void {
    if (this.#looking || this.#stopWaiting !== undefined || this.#closed || this.#watchers.size === 0) return;
    this.#stopWaiting = this.#options.clock.after(this.#pollMs, () => {
      this.#stopWaiting = undefined;
      void this.#lookAtAll();
    });
  }

  async #lookAtAll(): Promise<void> {
    this.#looking = true;
    const spaces = [...this.#watchers.spaces];
    const looks: Promise<void>[] = [];
    for (let from = 0; from < spaces.length; from += MAX_KEYS_PER_CALL) {
      looks.push(this.#look(spaces.slice(from, from + MAX_KEYS_PER_CALL)));
    }
    try {
      await Promise.all(looks);
    } finally {
      this.#looking = false;
      this.#waitForLook();
    }
  }

  async #look(spaces: readonly string[]): Promise<void> {
    let now: Seen[];
    try {
      now = (await this.#options.cache.get(spaces.map(pulseKey))).map(seenIn);
      this.#note(false);
    } catch {
      now = spaces.map(() => 'unknown');
      this.#note(true);
    }
    for (const [i, space] of spaces.entries()) this.#compare(space, now[i] ?? 'unknown');
  }

  #compare(space: string, now: Seen): void {
    const before = this.#seen.get(space);
    if (before === undefined || before === now) return;
    this.#seen.set(space, now);
    if (now === 'unknown') return;
    if (before === 'unknown' || !now.startsWith(`=${this.#own}`)) this.#watchers.wake(space);
  }

  #note(failing: boolean): void {
    if (failing === this.#failing) return;
    this.#failing = failing;
    if (failing) this.#options.log.warn({}, 'the cache does not take hints; other instances learn by their sweep');
    else this.#options.log.info({}, 'the cache takes hints again');
  }
}

function seenIn(entry: CacheEntry | undefined): Seen {
  return entry === undefined ? 'missing' : `=${entry.value.toString('latin1')}`;
}

export function createPulseBus(options: PulseOptions): Bus {
  return new PulseBus(options);
}
