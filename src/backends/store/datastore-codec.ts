import type { v1 } from '@google-cloud/datastore';
import { must } from '../../base/assert.ts';
import type { IndexedKind, StoreIndex, StoreKey, StoreKind, StoreRecord } from '../../ports/store.ts';

/*
 * How records lie in Datastore: entities of the kinds Space, Item, Client and Owner; all of a space have [Space, p_<space>]
 * as ancestor. Names are prefixed because Datastore reserves `__x__` and takes no empty one; the prefix keeps the order.
 *
 * Properties: `data` and `tag` are not indexed. `open`, `due`, `cover`, `tomb` are indexed, and absent where the record has no
 * such string: a query is a range over one of them, or over key names below an ancestor, which Datastore's built-in
 * indexes answer. So index.yaml has none. The strings never begin with a bare time (model/row.ts): an index that only grows
 * at its end takes no more than some 500 writes/s.
 */

type Client = InstanceType<typeof v1.DatastoreClient>;
type LookupRequest = NonNullable<Parameters<Client['lookup']>[0]>;
type CommitRequest = NonNullable<Parameters<Client['commit']>[0]>;
type QueryRequest = NonNullable<Parameters<Client['runQuery']>[0]>;
export type WireKey = NonNullable<LookupRequest['keys']>[number];
export type WireMutation = NonNullable<CommitRequest['mutations']>[number];
export type WireEntity = NonNullable<WireMutation['upsert']>;
export type WireQuery = NonNullable<QueryRequest['query']>;
export type Partition = { readonly projectId: string; readonly databaseId?: string; readonly namespaceId?: string };

/** A record as it was read; `tag` names the commit that wrote it. */
export type Stored = { readonly record: StoreRecord; readonly tag: string };
export type Write = { readonly key: StoreKey; readonly record: StoreRecord | 'delete' };

const KIND_NAMES: { readonly [kind in StoreKind]: string } = {
  item: 'Item',
  value: 'Value',
  space: 'Space',
  client: 'Client',
  owner: 'Owner',
  ops: 'Ops',
  resource: 'Resource',
  usage: 'Usage',
  expiry: 'Expiry',
};
const KINDS = new Map(Object.entries(KIND_NAMES).map(([kind, name]) => [name, kind as StoreKind]));
const INDEXES: readonly StoreIndex[] = ['open', 'due', 'cover', 'tomb'];
const PREFIX = 'p_';
/** Rough bytes of a mutation beside its data: key, property names, framing. */
const MUTATION_OVERHEAD_BYTES = 300;

export function toWireKey(partitionId: Partition, { space, kind, id }: StoreKey): WireKey {
  const path = [{ kind: KIND_NAMES.space, name: PREFIX + space }];
  if (kind !== 'space') path.push({ kind: KIND_NAMES[kind], name: PREFIX + id });
  return { partitionId, path };
}

export function fromWireKey(key: WireKey | null | undefined): StoreKey {
  const [root, leaf] = key?.path ?? [];
  const space = must(root?.name, 'a key has a space').slice(PREFIX.length);
  if (!leaf) return { space, kind: 'space', id: '' };
  const kind = must(KINDS.get(leaf.kind ?? ''), `a known kind, not ${leaf.kind}`);
  return { space, kind, id: must(leaf.name, 'a key has a name').slice(PREFIX.length) };
}

export function toMutation(partition: Partition, { key, record }: Write, tag: string): WireMutation {
  const wireKey = toWireKey(partition, key);
  if (record === 'delete') return { delete: wireKey };
  const properties: NonNullable<WireEntity['properties']> = {
    data: { stringValue: record.data, excludeFromIndexes: true },
    tag: { stringValue: tag, excludeFromIndexes: true },
  };
  for (const name of INDEXES) {
    const text = record.indexes[name];
    if (text !== undefined) properties[name] = { stringValue: text };
  }
  return { upsert: { key: wireKey, properties } };
}

/** Upper bound of what the write takes in a request. */
export function writeBytes({ key, record }: Write): number {
  const own = MUTATION_OVERHEAD_BYTES + 2 * (key.space.length + key.id.length);
  if (record === 'delete') return own;
  const indexed = INDEXES.reduce((sum, name) => sum + (record.indexes[name]?.length ?? 0), 0);
  return own + indexed + Buffer.byteLength(record.data);
}

export function fromEntity(entity: WireEntity): Stored {
  const properties = entity.properties ?? {};
  const data = must(properties.data?.stringValue, 'an entity has data');
  const indexes: { [name in StoreIndex]?: string } = {};
  for (const name of INDEXES) {
    const text = properties[name]?.stringValue;
    if (typeof text === 'string') indexes[name] = text;
  }
  return { record: { data, indexes }, tag: properties.tag?.stringValue ?? '' };
}

type WireFilter = NonNullable<WireQuery['filter']>;
type Operator = NonNullable<NonNullable<WireFilter['propertyFilter']>['op']>;
type WireValue = NonNullable<NonNullable<WireFilter['propertyFilter']>['value']>;

function filter(name: string, op: Operator, value: WireValue): WireFilter {
  return { propertyFilter: { property: { name }, op, value } };
}

function keysOnly(kind: StoreKind, order: string, limit: number, filters: WireFilter[]): WireQuery {
  return {
    kind: [{ name: KIND_NAMES[kind] }],
    projection: [{ property: { name: '__key__' } }],
    filter: { compositeFilter: { op: 'AND', filters } },
    order: [{ property: { name: order }, direction: 'ASCENDING' }],
    limit: { value: limit },
  };
}

/** Keys of a kind below a space, after an id. */
export function listQuery(partition: Partition, key: StoreKey, limit: number): WireQuery {
  const ancestor = toWireKey(partition, { space: key.space, kind: 'space', id: '' });
  return keysOnly(key.kind, '__key__', limit, [
    filter('__key__', 'HAS_ANCESTOR', { keyValue: ancestor }),
    filter('__key__', 'GREATER_THAN', { keyValue: toWireKey(partition, key) }),
  ]);
}

export function spacesQuery(partition: Partition, after: string, limit: number): WireQuery {
  const start = toWireKey(partition, { space: after, kind: 'space', id: '' });
  return keysOnly('space', '__key__', limit, [filter('__key__', 'GREATER_THAN', { keyValue: start })]);
}

export function indexQuery(index: StoreIndex, from: string, to: string, limit: number, kind: IndexedKind): WireQuery {
  return keysOnly(kind, index, limit, [
    filter(index, 'GREATER_THAN_OR_EQUAL', { stringValue: from }),
    filter(index, 'LESS_THAN', { stringValue: to }),
  ]);
}
