import type { Json } from '../base/json.ts';
import type { Epoch, Version } from '../protocol/ids.ts';
import type { Delta, Fork, Lock, Remembered, RestoredBy, RolledBack } from './head.ts';
import { shardOf } from './keys.ts';
import { DecodedOnce, decodeRecordText, encodeRecordText } from './record.ts';
import type { StoreRecord } from './store-record.ts';

/** An item as it is in the store. Fields as in the head that was stored. */
export type Row = {
  readonly kind: string;
  readonly v: Version;
  readonly L: number;
  readonly ceil: Version;
  readonly open: boolean;
  readonly e: Epoch;
  readonly cu: number;
  readonly t: number;
  readonly index: number;
  readonly dead: boolean;
  readonly born: Version;
  /** The value at v; null where it is stored apart. */
  readonly body: Json;
  readonly apart?: Apart;
  readonly seqs: { readonly [client: string]: Remembered };
  readonly seqFloor: number;
  readonly ws: readonly string[];
  readonly fence: number;
  readonly lock?: Lock;
  readonly back?: RolledBack;
  readonly restoredBy?: RestoredBy;
  readonly forks?: readonly Fork[];
  /** Where the operations of this life are, for kinds that keep their history. */
  readonly ops?: RowOps;
  /** Server time of this write, ms; finds open rows that nobody stores any more. */
  readonly storedAt: number;
};

/** The operations up to `at` are in records of their own; `tail` has the rest. */
export type RowOps = {
  readonly at: number;
  /** Index of the first operation in the record that may still grow, and its bytes; `at + 1` where a new one is to begin. */
  readonly first: number;
  readonly bytes: number;
  readonly tail: readonly Delta[];
};

/** The value is in a record of its own, as of version `v`; `deltas`, of `bytes` about, lead on from there. */
export type Apart = {
  readonly v: Version;
  readonly deltas: readonly (readonly [v: Version, op: Json])[];
  readonly bytes: number;
};

/** That record. */
export type StoredValue = { readonly v: Version; readonly body: Json };

/** The one record of a space. */
export type SpaceRow = {
  /** Highest version ever reserved for an item whose tombstone was pruned: new items start above it. */
  readonly prunedV: Version;
  /** Per epoch (only the last one counts) the highest coverage of a pruned tombstone: older markers resync. */
  readonly prunedE: Epoch;
  readonly prunedCu: number;
  readonly createdAt: number;
  /** Settings of the space as they were wanted; what is not in them has its default. */
  readonly settings: Json;
  /** Rises with every change of them, also when they go; 0 or absent: never set. */
  readonly settingsVersion?: number;
  /** Server time, ms, within an hour: somebody posted or polled. Kept only where the settings ask for it. */
  readonly usedAt?: number;
  /** All items are being deleted; whoever writes a new one ends that. `deleted`: it is done. */
  readonly ending?: 'deleting' | 'deleted';
  /** Counts the calls that began to delete: only the latest of them can tell that it is done. */
  readonly endings?: number;
  /** While `deleting`: no item up to this id lives. */
  readonly endingTo?: string;
};

/*
 * Index strings. No index is ordered by a bare time, which would make one place of the database hot: a shard or a random
 * epoch goes first, and times are coarse.
 */
export const STORE_SHARDS = 4;
export const COARSE_MS = 10_000;

export function coarse(ms: number): string {
  return String(Math.max(0, Math.floor(ms / COARSE_MS))).padStart(12, '0');
}

export function coverPrefix(epoch: Epoch, shard: number): string {
  return `${epoch}/${shard}/`;
}

/** Of rows whose value is stored apart; builds that know no such rows must not take theirs for empty ones. All others are written as ever. */
export const APART_FORMAT = 2;

const rows = new DecodedOnce(
  (record: StoreRecord) => decodeRecordText(record.data, 'row', APART_FORMAT) as unknown as Row,
);

export function encodeRow(space: string, item: string, row: Row): StoreRecord {
  const shard = shardOf(`${space}/${item}`, STORE_SHARDS);
  const record: StoreRecord = {
    data: encodeRecordText(row, row.apart ? APART_FORMAT : undefined),
    indexes: {
      ...(row.open ? { open: `${space}/${item}`, due: `${shard}/${coarse(row.storedAt)}` } : {}),
      ...(row.e === '' ? {} : { cover: coverPrefix(row.e, shard) + coarse(row.cu) }),
      ...(row.dead && !row.open ? { tomb: `${shard}/${coarse(row.t)}` } : {}),
    },
  };
  rows.know(record, row);
  return record;
}

export function decodeRow(record: StoreRecord): Row {
  return rows.of(record);
}

export function encodeStoredValue(value: StoredValue): StoreRecord {
  return { data: encodeRecordText(value), indexes: {} };
}

export function decodeStoredValue(record: StoreRecord): StoredValue {
  return decodeRecordText(record.data, 'value') as unknown as StoredValue;
}

export function encodeSpaceRow(row: SpaceRow): StoreRecord {
  return { data: encodeRecordText(row), indexes: {} };
}

export function decodeSpaceRow(record: StoreRecord | undefined): SpaceRow {
  if (!record) return { prunedV: 0, prunedE: '', prunedCu: -1, createdAt: 0, settings: {} };
  return decodeRecordText(record.data, 'space') as unknown as SpaceRow;
}
