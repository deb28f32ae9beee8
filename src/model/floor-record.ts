import type { Epoch } from '../protocol/ids.ts';
import { DecodedOnce, decodeRecord, encodeRecord } from './record.ts';

/** Per space: the newest time any reader has published as its marker, and the epoch it belongs to. */
export type Floor = {
  readonly e: Epoch;
  /** Floor time, ms. Only rises within an epoch. */
  readonly F: number;
  /** F when the epoch began. */
  readonly born: number;
  /** The store held open items then: they may be loaded only after the recovery window. */
  readonly rec: boolean;
};

export function encodeFloor(floor: Floor): Buffer {
  return encodeRecord(floor);
}

const decoded = new DecodedOnce((bytes: Buffer) => decodeRecord(bytes, 'floor') as unknown as Floor);

export function decodeFloor(bytes: Buffer): Floor {
  return decoded.of(bytes);
}
