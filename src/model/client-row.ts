import { shardOf } from './keys.ts';
import { DecodedOnce, decodeRecordText, encodeRecordText } from './record.ts';
import { coarse, STORE_SHARDS } from './row.ts';
import type { StoreRecord } from './store-record.ts';

/** A client as it is in the store. Times are of the wall clock, ms. */
export type ClientRow = {
  readonly subject: string;
  readonly name?: string;
  readonly generation: number;
  /** The first number of this generation's requests. */
  readonly seq: number;
  readonly joinedAt: number;
  readonly lastSeen: number;
  readonly held: Readonly<Record<string, string>>;
  /** It left then. */
  readonly left?: number;
  /** What follows when everybody has left was done since it left. */
  readonly tidied?: true;
  /** Somebody must look then: at a client that may have gone without a word, at a space that may be empty, at a record that may be old. */
  readonly lookAt: number;
};

const rows = new DecodedOnce((record: StoreRecord) => decodeRecordText(record.data, 'client') as unknown as ClientRow);

export function encodeClientRow(space: string, client: string, row: ClientRow): StoreRecord {
  const shard = shardOf(`${space}/${client}`, STORE_SHARDS);
  const record: StoreRecord = { data: encodeRecordText(row), indexes: { due: `${shard}/${coarse(row.lookAt)}` } };
  rows.know(record, row);
  return record;
}

export function decodeClientRow(record: StoreRecord): ClientRow {
  return rows.of(record);
}
