import { encodeRecordText } from './record.ts';
import type { StoreRecord } from './store-record.ts';

/** That a log has to be looked at after `due`, an index string. `id` tells one note from the next. */
export function encodeExpiryNote(id: string, due: string): StoreRecord {
  return { data: encodeRecordText({ note: id }), indexes: { due } };
}
