import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { describeTrouble } from '../grpc/rpc-error.ts';
import type { PubsubDriver } from './pubsub-driver.ts';
import { encodeHints } from './pubsub-message.ts';

export type OutboxOptions = {
  readonly driver: PubsubDriver;
  readonly clock: Clock;
  readonly log: Log;
  /** Names the instance in its messages. */
  readonly own: string;
  readonly mergeMs: number;
  /** A request could not be sent; its hints are lost. */
  readonly onFailure: (error: unknown) => void;
};

const REQUEST_MS = 5_000;
/** After a failure the next request waits so long; still less than the sweep of those who are to be told. */
const RETRY_MS = 1_000;
const MAX_REQUESTS = 4;
/** Hints beyond are lost, so that a service that stands still costs no memory without end. */
const MAX_WAITING = 10_000;

/**
 * Hints on their way out: the first at the end of its turn, then one request per `mergeMs` with all spaces that changed
 * meanwhile. While `MAX_REQUESTS` are unanswered the others wait and merge. Nothing here ever throws.
 */
export class PubsubOutbox {
  readonly #options: OutboxOptions;
  #waiting = new Set<string>();
  /** Monotonic; no request before. */
  #notBefore = 0;
  #stopTimer: (() => void) | undefined;
  readonly #requests = new Set<Promise<void>>();
  #failing = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  add(space: string): void {
    if (this.#waiting.size >= MAX_WAITING) return;
    this.#waiting.add(space);
    this.#arm();
  }

  /** Sends what waits, and settles when everything is answered. Nothing may be added from then on. */
  async close(): Promise<void> {
    this.#stopTimer?.();
    this.#send();
    await Promise.all(this.#requests);
  }

  #arm(): void {
    if (this.#stopTimer !== undefined || this.#waiting.size === 0 || this.#requests.size >= MAX_REQUESTS) return;
    const { clock } = this.#options;
    this.#stopTimer = clock.after(Math.max(0, this.#notBefore - clock.monotonic()), () => {
      this.#stopTimer = undefined;
      this.#send();
    });
  }

  #send(): void {
    const { driver, clock, own, mergeMs } = this.#options;
    if (this.#waiting.size === 0) return;
    const messages = encodeHints(own, [...this.#waiting]);
    this.#waiting = new Set();
    this.#notBefore = clock.monotonic() + mergeMs;
    const done = driver
      .publish(messages, REQUEST_MS)
      .then(
        () => this.#note(undefined),
        (error: unknown) => {
          this.#notBefore = clock.monotonic() + RETRY_MS;
          this.#note(error);
          this.#options.onFailure(error);
        },
      )
      .finally(() => {
        this.#requests.delete(done);
        this.#arm();
      });
    this.#requests.add(done);
  }

  #note(error: unknown): void {
    if ((error !== undefined) === this.#failing) return;
    this.#failing = error !== undefined;
    const { log } = this.#options;
    if (error === undefined) log.info({}, 'Pub/Sub takes hints again');
    else log.warn(describeTrouble(error), 'Pub/Sub does not take hints; other instances learn by their sweep');
  }
}
