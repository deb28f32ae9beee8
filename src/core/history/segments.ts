import { LRUCache } from 'lru-cache';
import type { Delta } from '../../model/head.ts';
import { type Life, opsListedAfter, opsPrefix, opsRowKey } from '../../model/keys.ts';
import { decodeOps } from '../../model/ops-record.ts';
import type { Store } from '../../ports/store.ts';
import type { ArchiveFiles } from './archive-files.ts';

/** Segments that do not grow any more, decoded. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * Archived operations, wherever they are. A segment on its way to the blobs is in both places for a while and never in none: whoever looks in the store first, and
 * then in the blobs, finds it.
 */
export class Segments {
  readonly #store: Store;
  readonly #files: ArchiveFiles | undefined;
  readonly #kept = new LRUCache<string, readonly Delta[]>({ maxSize: MAX_KEPT_BYTES });

  constructor(store: Store, files: ArchiveFiles | undefined) {
    this.#store = store;
    this.#files = files;
  }

  /** The segment with this index; nothing where it was moved, or taken away, just now. `growing`: first index of the one that may still grow. */
  async at(life: Life, growing: number, index: number): Promise<readonly Delta[]> {
    const stored = await this.#stored(life, growing, index);
    return reaches(stored, index) || !this.#files ? stored : this.#moved(this.#files, life, index);
  }

  async #stored({ space, item, born }: Life, growing: number, index: number): Promise<readonly Delta[]> {
    const [id] = await this.#store.list(space, 'ops', opsListedAfter(item, born, index), 1);
    if (!id?.startsWith(opsPrefix(item, born))) return [];
    const read = async (): Promise<string | undefined> => {
      const [record] = await this.#store.read([{ space, kind: 'ops', id }]);
      return record?.data;
    };
    return this.#decoded(`${space}/${id}`, read, id !== opsRowKey(space, item, born, growing).id);
  }

  async #moved(files: ArchiveFiles, life: Life, index: number): Promise<readonly Delta[]> {
    const found = await files.at(life, index);
    return found ? this.#decoded(found.name, found.read, true) : [];
  }

  async #decoded(name: string, read: () => Promise<string | undefined>, isWhole: boolean): Promise<readonly Delta[]> {
    const kept = this.#kept.get(name);
    if (kept) return kept;
    const data = await read();
    if (data === undefined) return [];
    const deltas = decodeOps({ data, indexes: {} });
    if (isWhole) this.#kept.set(name, deltas, { size: data.length + 100 });
    return deltas;
  }
}

function reaches(deltas: readonly Delta[], index: number): boolean {
  return (deltas.at(-1)?.i ?? 0) >= index;
}
