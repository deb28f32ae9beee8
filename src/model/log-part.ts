import type { Json } from '../base/json.ts';
import { decodeRecordText, encodeRecordText } from './record.ts';
import type { StoreRecord } from './store-record.ts';

/** Messages of a log that are too large to be among its operations: values, or one piece of bytes as base64. Never changed. */
export type LogPart = { readonly values: readonly Json[] } | { readonly bytes: string };

export function encodeLogPart(part: LogPart): StoreRecord {
  return { data: encodeRecordText(part), indexes: {} };
}

export function decodeLogPart(record: StoreRecord): LogPart {
  return decodeRecordText(record.data, 'messages') as unknown as LogPart;
}
