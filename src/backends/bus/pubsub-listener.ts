import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { describeTrouble, type RpcError } from '../grpc/rpc-error.ts';
import type { PubsubDriver, PubsubMessage } from './pubsub-driver.ts';

export type ListenerOptions = {
  readonly driver: PubsubDriver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly topic: string;
  readonly own: string;
  readonly steadyMs: number;
  readonly take: (message: PubsubMessage) => void;
  /** A subscription begins here: what was published before is not known. */
  readonly onBegin: () => void;
};

const REQUEST_MS = 5_000;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 10_000;

/**
 * The one subscription of this instance and the stream from it.
 *
 *   starting ── a stream has lasted `steadyMs` ──▶ hearing ── it ends ──▶ lost ── so does the next one ──▶ hearing
 *   starting, lost ── no subscription, or a stream that ends before ──▶ deaf ── a stream has lasted ──▶ hearing
 *
 * - A stream ends every half hour even where all is well: from `lost` it is opened at once, and nothing is said. While deaf,
 *   attempts are 0.2 s to 10 s apart. Becoming deaf and hearing again are one line of the log each.
 * - After a stream that lasted a new subscription takes its place: the old one may hang on a topic that was deleted and made
 *   again, which nothing would tell.
 * - Nothing here ever throws.
 */
export class PubsubListener {
  readonly #options: ListenerOptions;
  #state: 'starting' | 'hearing' | 'lost' | 'deaf' = 'starting';
  #made = 0;
  /** Failed attempts since the last stream that lasted. */
  #failures = 0;
  /** Ends what is waited for: the stream, or the time until the next attempt. */
  #interrupt: (() => void) | undefined;
  #closed = false;
  readonly #running: Promise<void>;
  readonly #removing = new Set<Promise<void>>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The subscription is of no use any more, it seems: begins with another one. */
  renew(): void {
    if (this.#state === 'hearing') this.#interrupt?.();
  }

  /** Settles when the subscription is removed, or cannot be. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.#interrupt?.();
    // A subscription that is just being made must not outlive its removal.
    await this.#running;
    this.#remove(this.#name(), timeoutMs);
    await Promise.all(this.#removing);
  }

  #name(): string {
    return `longshore-${this.#options.own}-${this.#made}`;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const name = this.#name();
      try {
        await this.#options.driver.subscribe(name, REQUEST_MS);
        if (!this.#closed) await this.#hear(name);
      } catch (error) {
        await this.#fail(error);
      }
    }
  }

  /** Settles when a stream that lasted has ended; rejects where it did not last. */
  async #hear(name: string): Promise<void> {
    const { driver, clock, steadyMs, take, onBegin } = this.#options;
    onBegin();
    const end = Promise.withResolvers<RpcError | undefined>();
    const stop = driver.listen(name, take, end.resolve);
    const stopTimer = clock.after(steadyMs, () => this.#heard());
    this.#interrupt = () => {
      stop();
      end.resolve(undefined);
    };
    const error = await end.promise;
    stopTimer();
    this.#interrupt = undefined;
    if (this.#closed) return;
    if (this.#state !== 'hearing') throw error;
    this.#made += 1;
    this.#remove(name, REQUEST_MS);
    this.#state = 'lost';
  }

  #heard(): void {
    this.#failures = 0;
    const subscription = this.#name();
    if (this.#state === 'starting') this.#options.log.info({ subscription }, 'Pub/Sub brings hints');
    if (this.#state === 'deaf') this.#options.log.info({ subscription }, 'Pub/Sub brings hints again');
    this.#state = 'hearing';
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#closed) return;
    const { clock, random, log, topic } = this.#options;
    if (this.#state !== 'deaf') {
      log.warn({ topic, ...describeTrouble(error) }, 'Pub/Sub brings no hints; parked polls look by themselves');
    }
    this.#state = 'deaf';
    const full = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const stop = clock.after(full * (0.5 + random.fraction() / 2), resolve);
      this.#interrupt = () => {
        stop();
        resolve();
      };
    });
    this.#interrupt = undefined;
  }

  #remove(name: string, timeoutMs: number): void {
    const { driver } = this.#options;
    // What cannot be removed expires by itself after a day without a listener.
    const done = driver.unsubscribe(name, timeoutMs).then(
      () => void this.#removing.delete(done),
      () => void this.#removing.delete(done),
    );
    this.#removing.add(done);
  }
}
