import { randomBytes } from 'node:crypto';
import { createDatastoreStore, type DatastoreStoreOptions } from '../../../src/backends/store/datastore.ts';
import type { Random } from '../../../src/ports/random.ts';
import type { Decision, Store, StoreKey, StoreRecord } from '../../../src/ports/store.ts';
import { realClock } from '../../support/clocks.ts';
import { RecordedLog } from '../../support/recorded-log.ts';

export const realRandom: Random = {
  fraction: () => Math.random(),
  id: () => randomBytes(12).toString('base64url'),
};

let projects = 0;

/** A project id that no other test uses. */
export function newProject(): string {
  return `store-${process.pid}-${++projects}`;
}

/** A machine that stalls for a second or two, the emulator on it, keeps this. */
export const PATIENT_MS = 15_000;

export function openDatastore(emulatorHost: string, options: Partial<DatastoreStoreOptions> = {}): Store {
  return createDatastoreStore({
    projectId: newProject(),
    emulatorHost,
    clock: realClock,
    random: realRandom,
    log: new RecordedLog(),
    timeoutMs: PATIENT_MS,
    ...options,
  });
}

export function itemKey(space: string, id: string): StoreKey {
  return { space, kind: 'item', id };
}

export function record(data: string, indexes: StoreRecord['indexes'] = {}): StoreRecord {
  return { data, indexes };
}

/** A decision that puts one record whatever was there. */
export function putting(key: StoreKey, value: StoreRecord): () => Decision<void> {
  return () => ({ changes: [{ key, record: value }], result: undefined });
}

export function put(store: Store, key: StoreKey, value: StoreRecord): Promise<void> {
  return store.transact([key], putting(key, value));
}
