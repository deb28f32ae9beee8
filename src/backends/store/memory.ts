import { Failure } from '../../ports/failure.ts';
import type {
  Change,
  Decision,
  IndexedKind,
  Store,
  StoreIndex,
  StoreKey,
  StoreKind,
  StoreRecord,
} from '../../ports/store.ts';
import { checkChanges, checkKeys, keyText } from './guards.ts';

/** Records of one kind in one space. `sorted` is made when asked for, and dropped when an id comes or goes. */
type Shelf = { readonly records: Map<string, StoreRecord>; sorted: readonly string[] | undefined };

type Indexed = { readonly text: string; readonly key: StoreKey };

const INDEXES: readonly StoreIndex[] = ['open', 'due', 'cover', 'tomb'];

/**
 * Store inside the process: gone with it. For tests, the simulator and throw-away servers. Every operation happens at
 * once, between its call and its return; records are handed out as they were given, not copied.
 */
class MemoryStore implements Store {
  readonly #shelves: { readonly [kind in StoreKind]: Map<string, Shelf> } = {
    item: new Map(),
    value: new Map(),
    space: new Map(),
    client: new Map(),
    owner: new Map(),
    ops: new Map(),
    resource: new Map(),
    usage: new Map(),
    expiry: new Map(),
  };
  readonly #indexes: { readonly [index in StoreIndex]: Map<string, Indexed> } = {
    open: new Map(),
    due: new Map(),
    cover: new Map(),
    tomb: new Map(),
  };
  #spaces: readonly string[] | undefined;
  #closed = false;

  async read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]> {
    this.#begin(keys);
    return keys.map((key) => this.#get(key));
  }

  async transact<T>(
    keys: readonly StoreKey[],
    decide: (records: readonly (StoreRecord | undefined)[]) => Decision<T>,
  ): Promise<T> {
    this.#begin(keys);
    const { changes, result } = decide(keys.map((key) => this.#get(key)));
    checkChanges(keys, changes);
    for (const change of changes) this.#apply(change);
    return result;
  }

  async list(space: string, kind: StoreKind, after: string, limit: number): Promise<string[]> {
    this.#begin([]);
    const shelf = this.#shelves[kind].get(space);
    if (shelf === undefined) return [];
    shelf.sorted ??= [...shelf.records.keys()].sort();
    return sliceAfter(shelf.sorted, after, limit);
  }

  async spaces(after: string, limit: number): Promise<string[]> {
    this.#begin([]);
    this.#spaces ??= [...this.#shelves.space.keys()].sort();
    return sliceAfter(this.#spaces, after, limit);
  }

  async query(
    index: StoreIndex,
    from: string,
    to: string,
    limit: number,
    kind: IndexedKind = 'item',
  ): Promise<StoreKey[]> {
    this.#begin([]);
    const found: Indexed[] = [];
    for (const entry of this.#indexes[index].values()) {
      if (entry.key.kind === kind && entry.text >= from && entry.text < to) found.push(entry);
    }
    found.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
    return found.slice(0, limit).map(({ key }) => key);
  }

  async ping(): Promise<void> {
    this.#begin([]);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #begin(keys: readonly StoreKey[]): void {
    if (this.#closed) throw new Failure('closed', 'the store is closed');
    checkKeys(keys);
  }

  #get(key: StoreKey): StoreRecord | undefined {
    return this.#shelves[key.kind].get(key.space)?.records.get(key.id);
  }

  #apply({ key, record }: Change): void {
    if (record === 'delete') this.#delete(key);
    else this.#put(key, record);
    const text = keyText(key);
    for (const name of INDEXES) {
      const value = record === 'delete' ? undefined : record.indexes[name];
      if (value === undefined) this.#indexes[name].delete(text);
      else this.#indexes[name].set(text, { text: value, key });
    }
  }

  #put({ space, kind, id }: StoreKey, record: StoreRecord): void {
    let shelf = this.#shelves[kind].get(space);
    if (shelf === undefined) {
      shelf = { records: new Map(), sorted: undefined };
      this.#shelves[kind].set(space, shelf);
      if (kind === 'space') this.#spaces = undefined;
    }
    if (!shelf.records.has(id)) shelf.sorted = undefined;
    shelf.records.set(id, record);
  }

  #delete({ space, kind, id }: StoreKey): void {
    const shelf = this.#shelves[kind].get(space);
    if (!shelf?.records.delete(id)) return;
    shelf.sorted = undefined;
    if (shelf.records.size > 0) return;
    this.#shelves[kind].delete(space);
    if (kind === 'space') this.#spaces = undefined;
  }
}

/** At most `limit` of the ascending strings that are greater than `after`. */
function sliceAfter(sorted: readonly string[], after: string, limit: number): string[] {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return sorted.slice(low, low + limit);
}

export function createMemoryStore(): Store {
  return new MemoryStore();
}
