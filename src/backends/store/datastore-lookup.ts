import type { v1 } from '@google-cloud/datastore';
import type { StoreKey } from '../../ports/store.ts';
import { RpcError, UNKNOWN } from '../grpc/rpc-error.ts';
import {
  fromEntity,
  fromWireKey,
  type Partition,
  type Stored,
  toWireKey,
  type WireEntity,
  type WireKey,
} from './datastore-codec.ts';
import { keyText } from './guards.ts';

export type Transaction = Uint8Array | string;

/** What was found, by `keyText`: absent from the map means that the service said the entity is missing. */
export type Found = ReadonlyMap<string, Stored>;
export type Looked = { readonly found: Found; readonly transaction: Transaction | undefined };

type Client = InstanceType<typeof v1.DatastoreClient>;
type WireRequest = NonNullable<Parameters<Client['lookup']>[0]>;
export type ReadOptions = NonNullable<WireRequest['readOptions']>;
export type LookupRequest = Pick<WireRequest, 'keys' | 'readOptions'>;
export type LookupAnswer = {
  readonly found?: readonly { readonly entity?: WireEntity | null }[] | null;
  readonly deferred?: readonly WireKey[] | null;
  readonly transaction?: Transaction | null;
};

export const MAX_LOOKUP_KEYS = 1000;

/**
 * Looks keys up, in several requests where there are too many of them or the service puts some off (`deferred`). With
 * `first` the first request begins a transaction, in which the others then read.
 */
export async function lookupAll(
  send: (request: LookupRequest) => Promise<LookupAnswer>,
  partition: Partition,
  keys: readonly StoreKey[],
  first: ReadOptions | undefined,
): Promise<Looked> {
  const found = new Map<string, Stored>();
  let readOptions = first;
  let transaction: Transaction | undefined;
  const rest: WireKey[] = keys.map((key) => toWireKey(partition, key));
  while (rest.length > 0) {
    const some = rest.splice(0, MAX_LOOKUP_KEYS);
    const answer = await send({ keys: some, ...(readOptions === undefined ? {} : { readOptions }) });
    for (const { entity } of answer.found ?? []) {
      if (entity) found.set(keyText(fromWireKey(entity.key)), fromEntity(entity));
    }
    if (first !== undefined && transaction === undefined && answer.transaction?.length) {
      transaction = answer.transaction;
      readOptions = { transaction };
    }
    const deferred = answer.deferred ?? [];
    if (deferred.length >= some.length) throw new RpcError(UNKNOWN, 'the lookup answered nothing');
    rest.push(...deferred);
  }
  return { found, transaction };
}
