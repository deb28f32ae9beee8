import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Clock } from '../../ports/clock.ts';
import { ALREADY_EXISTS, DEADLINE_EXCEEDED, PubsubError, toPubsubError, UNAVAILABLE } from './pubsub-errors.ts';

export type PubsubMessage = { readonly data: Buffer; readonly attributes: { readonly [name: string]: string } };

/**
 * As much of Pub/Sub as the bus needs. A request is sent once, settles within `timeoutMs`, and fails with `PubsubError` only.
 */
export interface PubsubDriver {
  publish(messages: readonly PubsubMessage[], timeoutMs: number): Promise<void>;
  /** Settles when there is a subscription of this name, made by this call or by an earlier one. */
  subscribe(name: string, timeoutMs: number): Promise<void>;
  unsubscribe(name: string, timeoutMs: number): Promise<void>;
  /**
   * Hands over, and acknowledges, what comes through the subscription until the stream ends by itself (`ended`, once) or by the
   * call returned. Only once `subscribe` has settled.
   */
  listen(name: string, take: (message: PubsubMessage) => void, ended: (error: PubsubError) => void): () => void;
  close(): Promise<void>;
}

export type PubsubConnection = {
  readonly topic: string;
  /** Found out from the environment of Google Cloud when absent. */
  readonly projectId?: string;
  /** `host:port` of an emulator, which is spoken to without credentials and encryption. */
  readonly emulatorHost?: string;
};

/** By then a call that never reached gRPC (credentials, name look-up) is given up as well. */
const GUARD_MS = 250;
/** The service ends a stream on which nothing is sent. */
const PING_MS = 30_000;
const ACK_SECONDS = 60;
/** The least that the service takes: for how long it keeps what is not acknowledged, and a subscription nobody listens to. */
const RETENTION_SECONDS = 600;
const EXPIRATION_SECONDS = 86_400;
/** A connection whose peer has gone without a word is noticed, and a peer that is back is found, within seconds. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 3000,
};

type ClientOptions = ConstructorParameters<typeof v1.PublisherClient>[0];
type Link = {
  readonly publisher: InstanceType<typeof v1.PublisherClient>;
  readonly subscriber: InstanceType<typeof v1.SubscriberClient>;
  readonly project: string;
};
/** `retry: null` switches off the library's own retries, which go on for ten minutes. */
type CallOptions = { readonly timeout: number; readonly retry: null };

/** What comes through a stream; the package has it untyped. */
type Pulled = {
  readonly receivedMessages?: readonly {
    readonly ackId?: string;
    readonly message?: { readonly data?: Uint8Array; readonly attributes?: { readonly [name: string]: string } };
  }[];
};

/** Speaks through the generated clients: those above them hide for minutes that nothing can be sent or heard. */
class GrpcDriver implements PubsubDriver {
  readonly #connection: PubsubConnection;
  readonly #clock: Clock;
  #link: Promise<Link> | undefined;
  /** The link, once it can be used. */
  #open: Link | undefined;
  #closed = false;

  constructor(connection: PubsubConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  publish(messages: readonly PubsubMessage[], timeoutMs: number): Promise<void> {
    return this.#bounded(timeoutMs, async ({ publisher, project }, options) => {
      await publisher.publish({ topic: this.#topic(project), messages: [...messages] }, options);
    });
  }

  async subscribe(name: string, timeoutMs: number): Promise<void> {
    try {
      await this.#bounded(timeoutMs, async ({ subscriber, project }, options) => {
        const subscription = {
          name: subscriptionPath(project, name),
          topic: this.#topic(project),
          ackDeadlineSeconds: ACK_SECONDS,
          messageRetentionDuration: { seconds: RETENTION_SECONDS },
          expirationPolicy: { ttl: { seconds: EXPIRATION_SECONDS } },
        };
        await subscriber.createSubscription(subscription, options);
      });
    } catch (error) {
      if (!(error instanceof PubsubError) || error.code !== ALREADY_EXISTS) throw error;
    }
  }

  unsubscribe(name: string, timeoutMs: number): Promise<void> {
    return this.#bounded(timeoutMs, async ({ subscriber, project }, options) => {
      await subscriber.deleteSubscription({ subscription: subscriptionPath(project, name) }, options);
    });
  }

  listen(name: string, take: (message: PubsubMessage) => void, ended: (error: PubsubError) => void): () => void {
    const link = this.#open;
    if (link === undefined) throw new PubsubError(UNAVAILABLE, 'not connected');
    const subscription = subscriptionPath(link.project, name);
    const headers = { 'x-goog-request-params': `subscription=${encodeURIComponent(subscription)}` };
    const stream = link.subscriber.streamingPull({ otherArgs: { headers } });
    let open = true;
    const stopPing = this.#every(PING_MS, () => stream.write({}));
    const end = (error?: unknown): void => {
      if (!open) return;
      open = false;
      stopPing();
      ended(error === undefined ? new PubsubError(UNAVAILABLE, 'the stream ended') : toPubsubError(error));
    };
    // The listener for errors stays: cancelling is one, and without a listener it would end the process.
    stream.on('error', end);
    stream.on('end', () => end());
    stream.on('data', ({ receivedMessages = [] }: Pulled) => {
      if (!open || receivedMessages.length === 0) return;
      stream.write({ ackIds: receivedMessages.map(({ ackId }) => ackId) });
      for (const { message } of receivedMessages) {
        take({ data: Buffer.from(message?.data ?? []), attributes: message?.attributes ?? {} });
      }
    });
    stream.write({ subscription, streamAckDeadlineSeconds: ACK_SECONDS, clientId: name });
    return () => {
      open = false;
      stopPing();
      stream.cancel();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    // What is still connecting is not waited for: looking for credentials may take a minute.
    if (this.#open !== undefined) await closeLink(this.#open);
  }

  #topic(project: string): string {
    return `projects/${project}/topics/${this.#connection.topic}`;
  }

  #every(ms: number, call: () => void): () => void {
    let stop = (): void => {};
    const wait = (): void => {
      stop = this.#clock.after(ms, () => {
        wait();
        call();
      });
    };
    wait();
    return () => stop();
  }

  async #bounded(timeoutMs: number, call: (link: Link, options: CallOptions) => Promise<void>): Promise<void> {
    const guard = Promise.withResolvers<never>();
    const late = new PubsubError(DEADLINE_EXCEEDED, `no answer within ${timeoutMs} ms`);
    const cancel = this.#clock.after(timeoutMs + GUARD_MS, () => guard.reject(late));
    try {
      const answered = this.#connect().then((link) => call(link, { timeout: timeoutMs, retry: null }));
      await Promise.race([answered, guard.promise]);
    } catch (error) {
      throw toPubsubError(error);
    } finally {
      cancel();
    }
  }

  /**
   * The clients, once they have their credentials. Clients that could not get them stay useless and throw where nobody can catch
   * it when called, so none is called before, and the next attempt makes others.
   */
  #connect(): Promise<Link> {
    this.#link ??= this.#openLink().catch((error: unknown) => {
      this.#link = undefined;
      throw new PubsubError(UNAVAILABLE, error instanceof Error ? error.message : String(error), error);
    });
    return this.#link;
  }

  async #openLink(): Promise<Link> {
    const options = clientOptions(this.#connection);
    const [publisher, subscriber] = [new v1.PublisherClient(options), new v1.SubscriberClient(options)];
    const project = this.#connection.projectId ?? (await publisher.getProjectId());
    await publisher.initialize();
    await subscriber.initialize();
    const link = { publisher, subscriber, project };
    if (this.#closed) {
      await closeLink(link);
      throw new Error('the bus is closed');
    }
    this.#open = link;
    return link;
  }
}

async function closeLink({ publisher, subscriber }: Link): Promise<void> {
  await Promise.all([publisher.close(), subscriber.close()]);
}

function subscriptionPath(project: string, name: string): string {
  return `projects/${project}/subscriptions/${name}`;
}

function clientOptions({ projectId, emulatorHost }: PubsubConnection): ClientOptions {
  const options = { ...CHANNEL_OPTIONS, ...(projectId === undefined ? {} : { projectId }) };
  if (emulatorHost === undefined) return options;
  const { hostname, port } = new URL(`http://${emulatorHost.replace(/^\w+:\/\//, '')}`);
  // The package offers credentials for plain text only through what it chooses itself for a loopback address.
  const { sslCreds } = new PubSub({ projectId: 'emulated', apiEndpoint: '127.0.0.1:1' }).options;
  return {
    ...options,
    servicePath: hostname,
    port: Number(port || 80),
    ...(sslCreds === undefined ? {} : { sslCreds }),
    // Otherwise the library looks for credentials to learn this from, over the network.
    clientOptions: { universeDomain: 'googleapis.com' },
  };
}

export function connectPubsub(connection: PubsubConnection, clock: Clock): PubsubDriver {
  return new GrpcDriver(connection, clock);
}
