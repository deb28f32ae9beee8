import { decodeRecord, encodeRecord } from './record.ts';

/** What stands under the lock key of an item, or the reservation key of a writer, for as long as a lease runs. */
export type Lease = {
  /** Of the lock or the reservation in the head that is alive with it. A grant whose lease is gone never has one again. */
  readonly grant: string;
  readonly holder: string;
  readonly subject: string;
  /** Server time, ms: for people; the record itself ends by the clock of the cache. */
  readonly untilMs: number;
};

export function encodeLease(lease: Lease): Buffer {
  return encodeRecord(lease);
}

export function decodeLease(bytes: Buffer): Lease {
  return decodeRecord(bytes, 'lease') as unknown as Lease;
}
