import { Datastore, v1 } from '@google-cloud/datastore';
import type { Clock } from '../../ports/clock.ts';
import type { StoreKey } from '../../ports/store.ts';
import { fromWireKey, type Partition, toMutation, type WireQuery, type Write } from './datastore-codec.ts';
import { DEADLINE_EXCEEDED, RpcError, toRpcError, UNAVAILABLE, UNKNOWN } from './datastore-errors.ts';
import {
  type Found,
  type Looked,
  type LookupAnswer,
  type LookupRequest,
  lookupAll,
  type ReadOptions,
  type Transaction,
} from './datastore-lookup.ts';

/**
 * As much of Datastore as the store needs. Each call is one request, or a few where the service answers in parts; each
 * settles within `timeoutMs`, is not retried, and fails with `RpcError` only.
 */
export interface DatastoreDriver {
  lookup(keys: readonly StoreKey[], timeoutMs: number): Promise<Found>;
  /**
   * Begins a transaction with its first lookup, which saves a round trip. At least one key. (The Firestore emulator in Datastore
   * mode then locks the transaction out of its own commit, firebase-tools#8105; the Datastore emulator does not.)
   */
  begin(keys: readonly StoreKey[], timeoutMs: number): Promise<{ found: Found; transaction: Transaction }>;
  commit(transaction: Transaction, writes: readonly Write[], tag: string, timeoutMs: number): Promise<void>;
  rollback(transaction: Transaction, timeoutMs: number): Promise<void>;
  query(build: (partition: Partition) => WireQuery, timeoutMs: number): Promise<StoreKey[]>;
  close(): Promise<void>;
}

export type DatastoreConnection = {
  /** Found out from the environment of Google Cloud when absent. */
  readonly projectId?: string;
  readonly databaseId?: string;
  readonly namespace?: string;
  /** `host:port` of an emulator, which is spoken to without credentials and encryption. */
  readonly emulatorHost?: string;
};

/** By then a call that never reached gRPC (credentials, name look-up) is given up as well. */
const GUARD_MS = 250;
/*
 * A connection whose peer has gone without a word is noticed, and a peer that is back is found again, within seconds
 * instead of the minutes that TCP and gRPC take by themselves.
 */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 3000,
};

type Client = InstanceType<typeof v1.DatastoreClient>;
/** `retry: null` is what switches the library's own retries off; by default it repeats reads for ten minutes. */
type CallOptions = { readonly timeout: number; readonly retry: null };
type Link = { readonly client: Client; readonly partition: Partition };

/** Speaks through the generated client, since `Datastore#get` tells neither what was deferred nor begins a transaction. */
class GrpcDriver implements DatastoreDriver {
  readonly #clock: Clock;
  readonly #connection: DatastoreConnection;
  #link: Promise<Link> | undefined;

  constructor(connection: DatastoreConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async lookup(keys: readonly StoreKey[], timeoutMs: number): Promise<Found> {
    return (await this.#lookup(keys, undefined, timeoutMs)).found;
  }

  async begin(keys: readonly StoreKey[], timeoutMs: number): Promise<{ found: Found; transaction: Transaction }> {
    const { found, transaction } = await this.#lookup(keys, { newTransaction: { readWrite: {} } }, timeoutMs);
    if (transaction === undefined) throw new RpcError(UNKNOWN, 'the lookup began no transaction');
    return { found, transaction };
  }

  async commit(transaction: Transaction, writes: readonly Write[], tag: string, timeoutMs: number): Promise<void> {
    await this.#bounded(timeoutMs, async ({ client, partition }, options) => {
      const mutations = writes.map((write) => toMutation(partition, write, tag));
      await client.commit({ ...place(partition), mode: 'TRANSACTIONAL', transaction, mutations }, options());
    });
  }

  async rollback(transaction: Transaction, timeoutMs: number): Promise<void> {
    await this.#bounded(timeoutMs, async ({ client, partition }, options) => {
      await client.rollback({ ...place(partition), transaction }, options());
    });
  }

  query(build: (partition: Partition) => WireQuery, timeoutMs: number): Promise<StoreKey[]> {
    return this.#bounded(timeoutMs, async ({ client, partition }, options) => {
      const keys: StoreKey[] = [];
      let query = build(partition);
      const limit = query.limit?.value ?? 0;
      for (;;) {
        const [{ batch }] = await client.runQuery({ ...place(partition), partitionId: partition, query }, options());
        for (const { entity } of batch?.entityResults ?? []) keys.push(fromWireKey(entity?.key));
        if (batch?.moreResults !== 'NOT_FINISHED' || keys.length >= limit) return keys;
        query = { ...query, startCursor: batch.endCursor ?? null, limit: { value: limit - keys.length } };
      }
    });
  }

  async close(): Promise<void> {
    const link = await this.#link?.catch(() => undefined);
    await link?.client.close();
  }

  #lookup(keys: readonly StoreKey[], first: ReadOptions | undefined, timeoutMs: number): Promise<Looked> {
    return this.#bounded(timeoutMs, ({ client, partition }, options) => {
      const send = async (request: LookupRequest): Promise<LookupAnswer> => {
        const [answer] = await client.lookup({ ...place(partition), ...request }, options());
        return answer;
      };
      return lookupAll(send, partition, keys, first);
    });
  }

  /** Gives `call` what is left of the time for each of its requests, and gives up by itself a little later. */
  async #bounded<T>(timeoutMs: number, call: (link: Link, options: () => CallOptions) => Promise<T>): Promise<T> {
    const end = this.#clock.monotonic() + timeoutMs;
    const options = (): CallOptions => ({
      timeout: Math.max(1, Math.ceil(end - this.#clock.monotonic())),
      retry: null,
    });
    const guard = Promise.withResolvers<never>();
    const late = new RpcError(DEADLINE_EXCEEDED, `no answer within ${Math.round(timeoutMs)} ms`);
    const cancel = this.#clock.after(timeoutMs + GUARD_MS, () => guard.reject(late));
    try {
      return await Promise.race([this.#connect().then((link) => call(link, options)), guard.promise]);
    } catch (error) {
      throw toRpcError(error);
    } finally {
      cancel();
    }
  }

  /**
   * The client, once it has its credentials. A client that could not get them stays useless and throws where nobody can
   * catch it when called, so none is called before, and the next attempt makes another.
   */
  #connect(): Promise<Link> {
    this.#link ??= this.#open().catch((error: unknown) => {
      this.#link = undefined;
      throw new RpcError(UNAVAILABLE, error instanceof Error ? error.message : String(error), error);
    });
    return this.#link;
  }

  async #open(): Promise<Link> {
    const { projectId, databaseId, namespace } = this.#connection;
    const client = new v1.DatastoreClient(clientOptions(this.#connection));
    const found = projectId ?? (await client.getProjectId());
    await client.initialize();
    const partition = {
      projectId: found,
      ...(databaseId === undefined ? {} : { databaseId }),
      ...(namespace === undefined ? {} : { namespaceId: namespace }),
    };
    return { client, partition };
  }
}

function place({ projectId, databaseId }: Partition): { projectId: string; databaseId?: string } {
  return databaseId === undefined ? { projectId } : { projectId, databaseId };
}

function clientOptions({
  projectId,
  emulatorHost,
}: DatastoreConnection): ConstructorParameters<typeof v1.DatastoreClient>[0] {
  const options = { ...CHANNEL_OPTIONS, ...(projectId === undefined ? {} : { projectId }) };
  if (emulatorHost === undefined) return options;
  const { hostname, port } = new URL(`http://${emulatorHost.replace(/^\w+:\/\//, '')}`);
  // The package offers credentials for plain text only through what it chooses itself for a loopback address.
  const { sslCreds } = new Datastore({ projectId: 'emulated', apiEndpoint: '127.0.0.1:1' }).options;
  return {
    ...options,
    servicePath: hostname,
    port: Number(port || 80),
    ...(sslCreds === undefined ? {} : { sslCreds }),
    // Otherwise the library looks for credentials to learn this from, over the network.
    clientOptions: { universeDomain: 'googleapis.com' },
  };
}

export function connectDatastore(connection: DatastoreConnection, clock: Clock): DatastoreDriver {
  return new GrpcDriver(connection, clock);
}
