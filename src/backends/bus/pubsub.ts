import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { NOT_FOUND, RpcError } from '../grpc/rpc-error.ts';
import { connectPubsub, type PubsubConnection, type PubsubDriver } from './pubsub-driver.ts';
import { PubsubListener } from './pubsub-listener.ts';
import { decodeHints } from './pubsub-message.ts';
import { PubsubOutbox } from './pubsub-outbox.ts';
import { Watchers } from './watchers.ts';

export type PubsubOptions = PubsubConnection & {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Between one request with hints and the next. */
  readonly mergeMs?: number;
  /** A stream that lasts so long is believed in. */
  readonly steadyMs?: number;
  readonly driver?: PubsubDriver;
};

const DEFAULT_MERGE_MS = 50;
const DEFAULT_STEADY_MS = 1_000;
/** Of the 2.4 s that a server has to stop, 2 are for its drain. A removal that was sent is done, answered or not. */
const CLOSE_MS = 300;

/** Hints by way of a topic of Pub/Sub: all instances publish to it, each has a subscription of its own. */
class PubsubBus implements Bus {
  readonly #clock: Clock;
  readonly #driver: PubsubDriver;
  readonly #watchers = new Watchers();
  readonly #outbox: PubsubOutbox;
  readonly #listener: PubsubListener;
  #closing: Promise<void> | undefined;

  constructor(options: PubsubOptions, driver: PubsubDriver) {
    const { clock, random, log, mergeMs = DEFAULT_MERGE_MS, steadyMs = DEFAULT_STEADY_MS } = options;
    this.#clock = clock;
    this.#driver = driver;
    const own = random.id();
    const onFailure = (error: unknown): void => {
      if (error instanceof RpcError && error.code === NOT_FOUND) this.#listener.renew();
    };
    this.#outbox = new PubsubOutbox({ driver, clock, log, own, mergeMs, onFailure });
    this.#listener = new PubsubListener({
      ...{ driver, clock, random, log, topic: options.topic, own, steadyMs },
      take: (message) => decodeHints(own, message).forEach((space) => void this.#watchers.wake(space)),
      onBegin: () => [...this.#watchers.spaces].forEach((space) => void this.#watchers.wake(space)),
    });
  }

  publish(space: string): void {
    if (this.#closing === undefined) this.#outbox.add(space);
  }

  watch(space: string, wake: () => void): () => void {
    if (this.#closing !== undefined) return () => {};
    return this.#watchers.add(space, wake);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#watchers.clear();
    const late = Promise.withResolvers<void>();
    const cancel = this.#clock.after(CLOSE_MS, late.resolve);
    await Promise.race([Promise.all([this.#outbox.close(), this.#listener.close(CLOSE_MS)]), late.promise]);
    cancel();
    await this.#driver.close();
  }
}

export function createPubsubBus(options: PubsubOptions): Bus {
  return new PubsubBus(options, options.driver ?? connectPubsub(options, options.clock));
}
