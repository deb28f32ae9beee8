import type { Delta } from './head.ts';
import { shardOf } from './keys.ts';
import { DecodedOnce, decodeRecordText, encodeRecordText } from './record.ts';
import { coarse, STORE_SHARDS } from './row.ts';
import type { StoreRecord } from './store-record.ts';

/** Archived operations: deltas without a gap, in their order. */
export type OpsRecord = { readonly deltas: readonly Delta[] };

/** `due`: an index string of `segmentDue`. */
export function encodeOps(deltas: readonly Delta[], due: string): StoreRecord {
  return { data: encodeRecordText({ deltas } satisfies OpsRecord), indexes: { due } };
}

/** Finds the archived operations of a shard that were written at a time, or, as the end of a range, before it. */
export function segmentDue(shard: number, ms: number): string {
  return `a${shard}/${coarse(ms)}`;
}

export function archiveShard(space: string, item: string): number {
  return shardOf(`${space}/${item}`, STORE_SHARDS);
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
