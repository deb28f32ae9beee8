import { Datastore, v1 } from '@google-cloud/datastore';
import type { Clock } from '../../ports/clock.ts';
import type { StoreKey } from '../../ports/store.ts';
import { type GrpcConnection, GrpcLink, grpcOptions } from '../grpc/grpc-link.ts';
import { RpcError, UNKNOWN } from '../grpc/rpc-error.ts';
import { fromWireKey, type Partition, toMutation, type WireQuery, type Write } from './datastore-codec.ts';
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

export type DatastoreConnection = GrpcConnection & {
  readonly databaseId?: string;
  readonly namespace?: string;
};

type Client = InstanceType<typeof v1.DatastoreClient>;
type Link = { readonly client: Client; readonly partition: Partition };

/** Speaks through the generated client, since `Datastore#get` tells neither what was deferred nor begins a transaction. */
class GrpcDriver implements DatastoreDriver {
  readonly #link: GrpcLink<Link>;

  constructor(connection: DatastoreConnection, clock: Clock) {
    this.#link = new GrpcLink(clock, () => openLink(connection));
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
    await this.#link.bounded(timeoutMs, async ({ client, partition }, options) => {
      const mutations = writes.map((write) => toMutation(partition, write, tag));
      await client.commit({ ...place(partition), mode: 'TRANSACTIONAL', transaction, mutations }, options());
    });
  }

  async rollback(transaction: Transaction, timeoutMs: number): Promise<void> {
    await this.#link.bounded(timeoutMs, async ({ client, partition }, options) => {
      await client.rollback({ ...place(partition), transaction }, options());
    });
  }

  query(build: (partition: Partition) => WireQuery, timeoutMs: number): Promise<StoreKey[]> {
    return this.#link.bounded(timeoutMs, async ({ client, partition }, options) => {
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
    const link = await this.#link.client?.catch(() => undefined);
    await link?.client.close();
  }

  #lookup(keys: readonly StoreKey[], first: ReadOptions | undefined, timeoutMs: number): Promise<Looked> {
    return this.#link.bounded(timeoutMs, ({ client, partition }, options) => {
      const send = async (request: LookupRequest): Promise<LookupAnswer> => {
        const [answer] = await client.lookup({ ...place(partition), ...request }, options());
        return answer;
      };
      return lookupAll(send, partition, keys, first);
    });
  }
}

async function openLink(connection: DatastoreConnection): Promise<Link> {
  const { projectId, databaseId, namespace } = connection;
  const client = new v1.DatastoreClient(grpcOptions(connection, Datastore));
  const found = projectId ?? (await client.getProjectId());
  await client.initialize();
  const partition = {
    projectId: found,
    ...(databaseId === undefined ? {} : { databaseId }),
    ...(namespace === undefined ? {} : { namespaceId: namespace }),
  };
  return { client, partition };
}

function place({ projectId, databaseId }: Partition): { projectId: string; databaseId?: string } {
  return databaseId === undefined ? { projectId } : { projectId, databaseId };
}

export function connectDatastore(connection: DatastoreConnection, clock: Clock): DatastoreDriver {
  return new GrpcDriver(connection, clock);
}
