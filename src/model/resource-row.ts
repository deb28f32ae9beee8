import { DecodedOnce, decodeRecordText, encodeRecordText } from './record.ts';
import type { StoreRecord } from './store-record.ts';

/** A resource, or an upload that was begun, as it is in the store; its bytes are a blob. Times are of the wall clock, ms. */
export type ResourceRow = {
  readonly type: string;
  readonly size: number;
  readonly width?: number;
  readonly height?: number;
  /**
   * `arriving`: counted, its blob is being written; of an upload: as large as was announced. `here`: the blob is there. `going`: the blob is being deleted.
   * arriving -> here -> going -> no record; whoever puts the same bytes makes it `arriving` from any of them.
   */
  readonly state: 'arriving' | 'here' | 'going';
  /** When it was last put. */
  readonly putAt: number;
  /** A sweep found no item that names it then, nor has any since. */
  readonly unusedSince?: number;
};

/** What the resources of a space take up, those that arrive and go included. */
export type UsageRow = {
  readonly count: number;
  readonly bytes: number;
  /** When a sweep last began to look through the space. */
  readonly sweptAt?: number;
};

const rows = new DecodedOnce(
  (record: StoreRecord) => decodeRecordText(record.data, 'resource') as unknown as ResourceRow,
);

export function encodeResourceRow(row: ResourceRow): StoreRecord {
  return { data: encodeRecordText(row), indexes: {} };
}

export function decodeResourceRow(record: StoreRecord): ResourceRow {
  return rows.of(record);
}

export function encodeUsageRow(row: UsageRow): StoreRecord {
  return { data: encodeRecordText(row), indexes: {} };
}

export function decodeUsageRow(record: StoreRecord | undefined): UsageRow {
  return record === undefined
    ? { count: 0, bytes: 0 }
    : (decodeRecordText(record.data, 'usage') as unknown as UsageRow);
}
