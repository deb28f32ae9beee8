import type { Cache, CacheEntry, CacheKey, CasOutcome, CasToken } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import { MAX_RECORD_BYTES } from '../../protocol/limits.ts';
import { checkKey, checkSamePlace, checkSize, checkTtl } from './guards.ts';

export type MemoryCacheOptions = {
  readonly clock: Clock;
  /** Bytes of keys, values and bookkeeping together; unbounded when absent. */
  readonly maxBytes?: number;
  /** May this record be dropped for want of room? No record may, when absent. */
  readonly evictable?: (key: CacheKey) => boolean;
};

/** Rough cost of one record beside its key and value. */
const RECORD_OVERHEAD_BYTES = 200;
/** Records with a time to live that each write of another one looks at. */
const EXPIRY_CHECKS_PER_WRITE = 2;
/** The same, where room has to be made; all of them before a write is refused. */
const EXPIRY_CHECKS_WHEN_FULL = 16;
const NEVER = Number.POSITIVE_INFINITY;

/** One life of one value. Never changed once it is in the map, so it serves as its own entry and its own token. */
class MemoryRecord implements CacheEntry {
  readonly value: Buffer;
  readonly expiresAt: number;
  /** Holds `value` at its start and free room behind it, where this record has grown by appending. */
  readonly room: Buffer | undefined;

  constructor(value: Buffer, expiresAt: number, room?: Buffer) {
    this.value = value;
    this.expiresAt = expiresAt;
    this.room = room;
  }

  get token(): CasToken {
    return this as unknown as CasToken;
  }
}

/**
 * Cache inside the process, for the embedded mode and for tests. Every operation happens at once, between its call and
 * its return; the promise it answers is already settled.
 *
 * - Buffers are neither copied on the way in nor on the way out. Appending copies only when the room behind a value is
 *   used up; what was handed out before keeps its length, hence its content.
 * - A record whose time is over is never seen again. Unread ones are dropped bit by bit as others are written, so that
 *   they never outnumber the living ones for long.
 * - With `maxBytes`, room is made by dropping what `evictable` allows, least recently used first. Where that is not
 *   enough the write is refused with `cacheFull`, and the record it was for stays as it was.
 */
export class MemoryCache implements Cache {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #evictable: ((key: CacheKey) => boolean) | undefined;
  readonly #records = new Map<CacheKey, MemoryRecord>();
  /** Keys that may be evicted, least recently used first; empty without a bound. */
  readonly #idle = new Set<CacheKey>();
  /** Keys with a time to live, next to be looked at first. */
  readonly #mortal = new Set<CacheKey>();
  #bytes = 0;
  #closed = false;

  constructor(options: MemoryCacheOptions) {
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes ?? NEVER;
    this.#evictable = options.maxBytes === undefined ? undefined : options.evictable;
  }

  /** Records held, among them some whose time is over. */
  get size(): number {
    return this.#records.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets everything, as a restart would; tokens handed out before are refused. */
  clear(): void {
    this.#records.clear();
    this.#idle.clear();
    this.#mortal.clear();
    this.#bytes = 0;
  }

  async get(keys: readonly CacheKey[]): Promise<(CacheEntry | undefined)[]> {
    this.#begin(keys);
    return keys.map((key) => this.#find(key));
  }

  async add(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<CasToken | undefined> {
    this.#begin([key], value, ttlSeconds);
    if (this.#find(key) !== undefined) return undefined;
    return this.#put(key, new MemoryRecord(value, this.#expiry(ttlSeconds)));
  }

  async cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): Promise<CasOutcome> {
    this.#begin([key], value, ttlSeconds);
    return this.#cas(key, value, token, ttlSeconds);
  }

  async casThenGet(key: CacheKey, value: Buffer, token: CasToken, then: readonly CacheKey[]) {
    this.#begin([key, ...then], value);
    checkSamePlace(key, then);
    const cas = this.#cas(key, value, token);
    return { cas, read: then.map((other) => this.#find(other)) };
  }

  async append(key: CacheKey, value: Buffer): Promise<boolean> {
    this.#begin([key], value);
    const old = this.#find(key);
    if (old === undefined || old.value.length + value.length > MAX_RECORD_BYTES) return false;
    this.#put(key, extend(old, value));
    return true;
  }

  async delete(key: CacheKey, token?: CasToken): Promise<boolean> {
    this.#begin([key]);
    const old = this.#find(key);
    if (old === undefined || (token !== undefined && old.token !== token)) return false;
    this.#drop(key, old);
    return true;
  }

  async set(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<void> {
    this.#begin([key], value, ttlSeconds);
    this.#put(key, new MemoryRecord(value, this.#expiry(ttlSeconds)));
  }

  async ping(): Promise<void> {
    this.#begin([]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.clear();
  }

  #begin(keys: readonly CacheKey[], value?: Buffer, ttlSeconds?: number): void {
    if (this.#closed) throw new Failure('closed', 'the cache is closed');
    for (const key of keys) checkKey(key);
    if (value !== undefined) checkSize(value);
    checkTtl(ttlSeconds);
  }

  #expiry(ttlSeconds: number | undefined): number {
    return ttlSeconds === undefined ? NEVER : this.#clock.monotonic() + ttlSeconds * 1000;
  }

  #find(key: CacheKey): MemoryRecord | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    if (record.expiresAt !== NEVER && record.expiresAt <= this.#clock.monotonic()) {
      this.#drop(key, record);
      return undefined;
    }
    if (this.#isFilling() && this.#idle.delete(key)) this.#idle.add(key);
    return record;
  }

  #cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): CasOutcome {
    const old = this.#find(key);
    if (old === undefined) return { status: 'missing' };
    if (old.token !== token) return { status: 'conflict' };
    return { status: 'stored', token: this.#put(key, new MemoryRecord(value, this.#expiry(ttlSeconds))) };
  }

  #put(key: CacheKey, record: MemoryRecord): CasToken {
    const old = this.#records.get(key);
    const growth = costOf(key, record) - (old === undefined ? 0 : costOf(key, old));
    if (this.#bytes + growth > this.#maxBytes) this.#makeRoom(key, growth);
    this.#bytes += growth;
    this.#records.set(key, record);
    if (this.#evictable?.(key)) {
      if (this.#isFilling()) this.#idle.delete(key);
      this.#idle.add(key);
    }
    this.#mortal.delete(key);
    if (record.expiresAt !== NEVER) {
      this.#dropSomeExpired(EXPIRY_CHECKS_PER_WRITE);
      this.#mortal.add(key);
    }
    return record.token;
  }

  /** Who was used last matters only once the end of the room is in sight; till then nobody keeps count. */
  #isFilling(): boolean {
    return this.#bytes > this.#maxBytes / 2;
  }

  #makeRoom(forKey: CacheKey, growth: number): void {
    this.#dropSomeExpired(EXPIRY_CHECKS_WHEN_FULL, forKey);
    for (const key of this.#idle) {
      if (this.#bytes + growth <= this.#maxBytes) return;
      const record = this.#records.get(key);
      if (key !== forKey && record !== undefined) this.#drop(key, record);
    }
    if (this.#bytes + growth <= this.#maxBytes) return;
    this.#dropSomeExpired(this.#mortal.size, forKey);
    if (this.#bytes + growth > this.#maxBytes) throw new Failure('cacheFull', 'no room in the cache');
  }

  /** Looks at the next `count` records that have a time to live; the living ones move to the end of the row. */
  #dropSomeExpired(count: number, except?: CacheKey): void {
    const now = this.#clock.monotonic();
    let left = count;
    for (const key of this.#mortal) {
      if (left-- === 0) return;
      const record = this.#records.get(key);
      this.#mortal.delete(key);
      if (record !== undefined && record.expiresAt <= now && key !== except) this.#drop(key, record);
      else this.#mortal.add(key);
    }
  }

  #drop(key: CacheKey, record: MemoryRecord): void {
    this.#records.delete(key);
    this.#idle.delete(key);
    this.#mortal.delete(key);
    this.#bytes -= costOf(key, record);
  }
}

export function createMemoryCache(options: MemoryCacheOptions): MemoryCache {
  return new MemoryCache(options);
}

function costOf(key: CacheKey, record: MemoryRecord): number {
  return RECORD_OVERHEAD_BYTES + key.length + (record.room ?? record.value).length;
}

/**
 * The record with more at its end, in the room behind its value where there is enough. Only the newest record of a key
 * is ever extended, so that room is written once.
 */
function extend(old: MemoryRecord, more: Buffer): MemoryRecord {
  const length = old.value.length + more.length;
  let room = old.room;
  if (room === undefined || room.length < length) {
    room = Buffer.allocUnsafeSlow(Math.min(2 * length, MAX_RECORD_BYTES));
    old.value.copy(room);
  }
  more.copy(room, old.value.length);
  return new MemoryRecord(room.subarray(0, length), old.expiresAt, room);
}
