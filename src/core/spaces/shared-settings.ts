import type { JsonObject } from '../../base/json.ts';
import { settingsKey, spaceRowKey } from '../../model/keys.ts';
import { decodeRecord, encodeRecord } from '../../model/record.ts';
import { decodeSpaceRow, type SpaceRow } from '../../model/row.ts';
import type { Cache, CasToken } from '../../ports/cache.ts';
import type { Store } from '../../ports/store.ts';

type Settings = Pick<SpaceRow, 'settings' | 'settingsVersion'>;
type Parts = {
  readonly cache: Pick<Cache, 'get' | 'add' | 'cas' | 'set' | 'delete'>;
  readonly store: Pick<Store, 'read'>;
};

const KEPT_SECONDS = 60;
/** Whoever reads the store for all has so long; nobody waits for it. */
const READING_SECONDS = 5;
/** Longer than a write of the store takes. */
const CHANGING_SECONDS = 60;
/** No settings are in it: they are being read, or changed. */
const NOT_KNOWN = encodeRecord({});

/**
 * The settings of a space for all instances that share a cache, without its members, so that not each of them reads the store.
 *
 *   absent -- a reader: `add` --> being read -- `cas`, of that very record --> known, for a minute
 *      any -- who changes them: `set` --> being changed -- written, `delete`; else after a minute --> absent
 *
 * Settings that were read before a change are not kept after it: the record that would be replaced is not there any more. Whoever dies between the two steps of a
 * change has left a record that says so. Only should the cache lose that one as well, or another one who changes them at the same time end it, may old settings be kept, for a minute.
 */
export class SharedSettings {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async read(space: string): Promise<Settings> {
    const { cache, store } = this.#parts;
    const key = settingsKey(space);
    const { known, mine } = await this.#look(key);
    if (known) return known;
    const [record] = await store.read([spaceRowKey(space)]);
    const row = decodeSpaceRow(record);
    if (mine) void cache.cas(key, encodeShared(row), mine, KEPT_SECONDS).catch(() => undefined);
    return row;
  }

  /** Around a write to the store that changes them. Where the cache does not answer nothing is written: others would go on with the old ones. */
  async changing<T>(space: string, write: () => Promise<T>): Promise<T> {
    const { cache } = this.#parts;
    const key = settingsKey(space);
    await cache.set(key, NOT_KNOWN, CHANGING_SECONDS);
    // After a failure the record stays: what was sent may still be written.
    const result = await write();
    await cache.delete(key).catch(() => false);
    return result;
  }

  /** `mine`: the reading is this one's to keep. A cache that does not answer keeps nobody from the store. */
  async #look(key: string): Promise<{ readonly known?: Settings | undefined; readonly mine?: CasToken | undefined }> {
    const { cache } = this.#parts;
    try {
      const [entry] = await cache.get([key]);
      if (entry) return { known: decodeShared(entry.value) };
      return { mine: await cache.add(key, NOT_KNOWN, READING_SECONDS) };
    } catch {
      return {};
    }
  }
}

/** Members may be many, and nothing that goes by the settings asks for them. */
function encodeShared({ settings, settingsVersion = 0 }: Settings): Buffer {
  const { members: _members, ...rest } = settings as JsonObject;
  return encodeRecord({ settings: rest, settingsVersion });
}

function decodeShared(bytes: Buffer): Settings | undefined {
  const record = decodeRecord(bytes, 'settings') as Partial<Settings>;
  return record.settings === undefined ? undefined : (record as Settings);
}
