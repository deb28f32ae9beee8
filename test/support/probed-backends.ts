import type { Cache, CacheKey, CasToken } from '../../src/ports/cache.ts';
import { Failure } from '../../src/ports/failure.ts';
import type {
  Change,
  Decision,
  IndexedKind,
  Store,
  StoreIndex,
  StoreKey,
  StoreKind,
  StoreRecord,
} from '../../src/ports/store.ts';

export type CacheCall = { readonly name: string; readonly keys: readonly CacheKey[] };

/** A cache as one instance sees it: every call is written down, and can be delayed, refused, or carried out without an answer. */
export class ProbedCache implements Cache {
  readonly calls: CacheCall[] = [];
  /** Every call fails, nothing is carried out. */
  down = false;
  /** The process is gone: nothing settles any more. */
  dead = false;
  /** Runs before a call is carried out. */
  before: ((call: CacheCall) => void | Promise<void>) | undefined;
  /** The calls it names are carried out, but their answer is lost. */
  loses: ((call: CacheCall) => boolean) | undefined;
  readonly #inner: Cache;
  readonly #keys: Set<CacheKey>;

  /** `keys` collects every key that was ever written. */
  constructor(inner: Cache, keys: Set<CacheKey>) {
    this.#inner = inner;
    this.#keys = keys;
  }

  get = (keys: readonly CacheKey[]) => this.#run('get', keys, () => this.#inner.get(keys));
  add = (key: CacheKey, value: Buffer, ttl?: number) => this.#run('add', [key], () => this.#inner.add(key, value, ttl));
  cas = (key: CacheKey, value: Buffer, token: CasToken, ttl?: number) =>
    this.#run('cas', [key], () => this.#inner.cas(key, value, token, ttl));
  casThenGet = (key: CacheKey, value: Buffer, token: CasToken, then: readonly CacheKey[]) =>
    this.#run('casThenGet', [key, ...then], () => this.#inner.casThenGet(key, value, token, then));
  append = (key: CacheKey, value: Buffer) => this.#run('append', [key], () => this.#inner.append(key, value));
  delete = (key: CacheKey, token?: CasToken) => this.#run('delete', [key], () => this.#inner.delete(key, token));
  set = (key: CacheKey, value: Buffer, ttl?: number) => this.#run('set', [key], () => this.#inner.set(key, value, ttl));
  ping = () => this.#run('ping', [], () => this.#inner.ping());
  close = () => this.#inner.close();

  async #run<T>(name: string, keys: readonly CacheKey[], action: () => Promise<T>): Promise<T> {
    const call = { name, keys };
    this.calls.push(call);
    if (this.dead) return forever();
    if (this.down) throw new Failure('cacheUnavailable', 'the cache is away');
    if (this.before) await this.before(call);
    for (const key of keys) this.#keys.add(key);
    const result = await action();
    if (this.dead) return forever();
    if (this.loses?.(call)) throw new Failure('cacheUnavailable', 'no answer', { unclear: true });
    return result;
  }
}

/** A store as one instance sees it. */
export class ProbedStore implements Store {
  /** The changes of each transaction that changed something. */
  readonly writes: (readonly Change[])[] = [];
  reads = 0;
  down = false;
  dead = false;
  /** Runs before a transaction is carried out. */
  before: ((keys: readonly StoreKey[]) => void | Promise<void>) | undefined;
  /** Records that will never be taken. */
  refuses: ((key: StoreKey) => boolean) | undefined;
  /** The transactions it names are carried out, but their answer is lost. */
  loses: ((keys: readonly StoreKey[]) => boolean) | undefined;
  readonly #inner: Store;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]> {
    this.reads++;
    return this.#run(() => this.#inner.read(keys));
  }

  transact<T>(
    keys: readonly StoreKey[],
    decide: (records: readonly (StoreRecord | undefined)[]) => Decision<T>,
  ): Promise<T> {
    return this.#run(async () => {
      if (this.before) await this.before(keys);
      let changes: readonly Change[] = [];
      const result = await this.#inner.transact(keys, (records) => {
        const decision = decide(records);
        changes = decision.changes;
        if (changes.some(({ key }) => this.refuses?.(key))) throw new Failure('storeRefused', 'never this record');
        return decision;
      });
      if (changes.length > 0) this.writes.push(changes);
      if (this.loses?.(keys)) throw new Failure('storeUnavailable', 'no answer', { unclear: true });
      return result;
    });
  }

  list = (space: string, kind: StoreKind, after: string, limit: number) =>
    this.#run(() => this.#inner.list(space, kind, after, limit));
  spaces = (after: string, limit: number) => this.#run(() => this.#inner.spaces(after, limit));
  query = (index: StoreIndex, from: string, to: string, limit: number, kind?: IndexedKind) =>
    this.#run(() => this.#inner.query(index, from, to, limit, kind));
  ping = () => this.#run(() => this.#inner.ping());
  close = () => this.#inner.close();

  async #run<T>(action: () => Promise<T>): Promise<T> {
    if (this.dead) return forever();
    if (this.down) throw new Failure('storeUnavailable', 'the store is away');
    const result = await action();
    return this.dead ? forever() : result;
  }
}

function forever(): Promise<never> {
  return new Promise(() => {});
}
