import type { Delta } from './head.ts';
import { DecodedOnce, decodeRecordText, encodeRecordText } from './record.ts';
import type { StoreRecord } from './store-record.ts';

/** Archived operations: deltas without a gap, in their order. */
export type OpsRecord = { readonly deltas: readonly Delta[] };

export function encodeOps(deltas: readonly Delta[]): StoreRecord {
  return { data: encodeRecordText({ deltas } satisfies OpsRecord), indexes: {} };
}

const decoded = new DecodedOnce(
  (record: StoreRecord) => decodeRecordText(record.data, 'operations') as unknown as OpsRecord,
);

export function decodeOps(record: StoreRecord): readonly Delta[] {
  return decoded.of(record).deltas;
}

/** The archived operations of a life may go some time after `due`, an index string. */
export function encodeEnded(due: string): StoreRecord {
  return { data: encodeRecordText({ ended: true }), indexes: { due } };
}
