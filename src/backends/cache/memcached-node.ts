import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Log } from '../../ports/log.ts';
import { SingleExchange } from './memcached-exchanges.ts';
import { OPCODE } from './memcached-frames.ts';
import { type LinkOptions, MemcachedLink } from './memcached-link.ts';

/** Waits between attempts to reach a node that does not answer; the last one repeats. */
export const PROBE_BACKOFF_MS = [25, 50, 100, 200, 250] as const;
/** A link that lived shorter than this counts as a failed attempt. */
const STABLE_MS = 250;

type State =
  | { readonly kind: 'idle' }
  /** Being connected; requests wait for it. */
  | { readonly kind: 'joining'; readonly link: MemcachedLink }
  | { readonly kind: 'open'; readonly link: MemcachedLink; readonly since: number }
  /** Requests fail at once. A timer or a probe is under way, `stop` ends either. */
  | { readonly kind: 'down'; readonly cause: Error; readonly stop: () => void }
  | { readonly kind: 'closed' };

/**
 * One memcached of the list, and the link to it:
 *
 *     idle ── first request ──▶ joining ── answers ──▶ open
 *                                  │ ▲                  │ │
 *                                  │ └─ cut after 250 ms┘ │ silent, or cut early
 *                                  └─ fails ──▶ down ◀────┘
 *                                                └─ a probe is answered ──▶ open
 *
 * - While it is down every request fails at once, and nothing has been sent. Probes go on, at most 250 ms apart, each with
 *   the deadline of a request; the first that is answered opens the node again.
 * - A connection that was healthy and is cut (a restart, an idle time-out on the way) is made anew right away, and
 *   requests wait for that: nobody notices a cut between two requests.
 */
export class MemcachedNode {
  readonly name: string;
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #state: State = { kind: 'idle' };
  #failedAttempts = 0;

  constructor(options: LinkOptions, log: Log) {
    this.name = `${options.host}:${options.port}`;
    this.#options = options;
    this.#clock = options.clock;
    this.#log = log;
  }

  /** The link that requests go to now. Throws `cacheUnavailable` while the node is down, `closed` in the end. */
  link(): MemcachedLink {
    const state = this.#state;
    switch (state.kind) {
      case 'open':
      case 'joining':
        return state.link;
      case 'idle':
        return this.#join();
      case 'down': {
        const message = `memcached at ${this.name} is not reachable: ${state.cause.message}`;
        throw new Failure('cacheUnavailable', message, { cause: state.cause });
      }
      case 'closed':
        throw new Failure('closed', 'the cache is closed');
    }
  }

  /** Lets what is in flight finish, within its deadline, then lets go. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    if (state.kind === 'down') state.stop();
    if (state.kind === 'joining') state.link.error(new Error('closed'));
    if (state.kind !== 'open') return;
    const barrier = new SingleExchange({ opcode: OPCODE.noop }, () => undefined);
    await state.link.send(barrier).catch(() => undefined);
    state.link.error(new Error('closed'));
  }

  #join(): MemcachedLink {
    const link = this.#connect();
    this.#state = { kind: 'joining', link };
    return link;
  }

  #probe(cause: Error): void {
    const link = this.#connect();
    this.#state = { kind: 'down', cause, stop: () => link.error(new Error('closed')) };
  }

  /** At most one link is alive at a time, so its events are about the present state. */
  #connect(): MemcachedLink {
    const link = new MemcachedLink(this.#options, {
      onReady: () => this.#open(link),
      onDead: (cause, silent) => this.#lose(cause, silent),
    });
    return link;
  }

  #open(link: MemcachedLink): void {
    if (this.#state.kind === 'down') this.#log.info({ node: this.name }, 'memcached answers again');
    this.#state = { kind: 'open', link, since: this.#clock.monotonic() };
  }

  #lose(cause: Error, silent: boolean): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    if (state.kind === 'open' && this.#clock.monotonic() - state.since >= STABLE_MS) {
      this.#failedAttempts = 0;
      if (!silent) {
        this.#log.debug({ node: this.name, cause: cause.message }, 'memcached connection lost, connecting again');
        this.#join();
        return;
      }
    }
    if (state.kind !== 'down') this.#log.warn({ node: this.name, cause: cause.message }, 'memcached does not answer');
    const wait = PROBE_BACKOFF_MS[Math.min(this.#failedAttempts, PROBE_BACKOFF_MS.length - 1)] ?? 0;
    this.#failedAttempts += 1;
    const stop = this.#clock.after(wait, () => this.#probe(cause));
    this.#state = { kind: 'down', cause, stop };
  }
}
