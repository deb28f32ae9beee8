import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Clock } from '../../ports/clock.ts';
import { type GrpcConnection, GrpcLink, grpcOptions } from '../grpc/grpc-link.ts';
import { ALREADY_EXISTS, RpcError, toRpcError, UNAVAILABLE } from '../grpc/rpc-error.ts';

export type PubsubMessage = { readonly data: Buffer; readonly attributes: { readonly [name: string]: string } };

/**
 * As much of Pub/Sub as the bus needs. A request is sent once, settles within `timeoutMs`, and fails with `RpcError` only.
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
  listen(name: string, take: (message: PubsubMessage) => void, ended: (error: RpcError) => void): () => void;
  close(): Promise<void>;
}

export type PubsubConnection = GrpcConnection & { readonly topic: string };

/** The service ends a stream on which nothing is sent. */
const PING_MS = 30_000;
const ACK_SECONDS = 60;
/** The least that the service takes: for how long it keeps what is not acknowledged, and a subscription nobody listens to. */
const RETENTION_SECONDS = 600;
const EXPIRATION_SECONDS = 86_400;

type Link = {
  readonly publisher: InstanceType<typeof v1.PublisherClient>;
  readonly subscriber: InstanceType<typeof v1.SubscriberClient>;
  readonly project: string;
};

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
  readonly #link: GrpcLink<Link>;
  /** The link, once it can be used. */
  #open: Link | undefined;
  #closed = false;

  constructor(connection: PubsubConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#link = new GrpcLink(clock, () => this.#openLink());
  }

  publish(messages: readonly PubsubMessage[], timeoutMs: number): Promise<void> {
    return this.#link.bounded(timeoutMs, async ({ publisher, project }, options) => {
      await publisher.publish({ topic: this.#topic(project), messages: [...messages] }, options());
    });
  }

  async subscribe(name: string, timeoutMs: number): Promise<void> {
    try {
      await this.#link.bounded(timeoutMs, async ({ subscriber, project }, options) => {
        const subscription = {
          name: subscriptionPath(project, name),
          topic: this.#topic(project),
          ackDeadlineSeconds: ACK_SECONDS,
          messageRetentionDuration: { seconds: RETENTION_SECONDS },
          expirationPolicy: { ttl: { seconds: EXPIRATION_SECONDS } },
        };
        await subscriber.createSubscription(subscription, options());
      });
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== ALREADY_EXISTS) throw error;
    }
  }

  unsubscribe(name: string, timeoutMs: number): Promise<void> {
    return this.#link.bounded(timeoutMs, async ({ subscriber, project }, options) => {
      await subscriber.deleteSubscription({ subscription: subscriptionPath(project, name) }, options());
    });
  }

  listen(name: string, take: (message: PubsubMessage) => void, ended: (error: RpcError) => void): () => void {
    const link = this.#open;
    if (link === undefined) throw new RpcError(UNAVAILABLE, 'not connected');
    const subscription = subscriptionPath(link.project, name);
    const headers = { 'x-goog-request-params': `subscription=${encodeURIComponent(subscription)}` };
    const stream = link.subscriber.streamingPull({ otherArgs: { headers } });
    let open = true;
    const stopPing = this.#every(PING_MS, () => stream.write({}));
    const end = (error?: unknown): void => {
      if (!open) return;
      open = false;
      stopPing();
      ended(error === undefined ? new RpcError(UNAVAILABLE, 'the stream ended') : toRpcError(error));
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

  async #openLink(): Promise<Link> {
    const options = grpcOptions(this.#connection, PubSub);
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

export function connectPubsub(connection: PubsubConnection, clock: Clock): PubsubDriver {
  return new GrpcDriver(connection, clock);
}
