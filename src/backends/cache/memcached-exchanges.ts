import type { CacheEntry, CacheKey, CasOutcome } from '../../ports/cache.ts';
import { Failure } from '../../ports/failure.ts';
import type { MemcachedAnswer } from './memcached-answers.ts';
import { encodeCasThenGet, encodeGet, encodeRequest, OPCODE, type RequestFields, STATUS } from './memcached-frames.ts';
import { type MemcachedToken, readToken } from './memcached-token.ts';
import type { RecentEntries } from './recent-entries.ts';

/** What the answers on one connection are read with. */
export type Reading = {
  /** Names the connection. */
  readonly generation: object;
  readonly recent: RecentEntries;
};

/**
 * A request and what becomes of its answers. Settles once: with a result, or with a failure. The link that carries it
 * keeps it in a row by `next`.
 */
export abstract class Exchange<T> {
  opaque = 0;
  deadline = 0;
  sent = false;
  next: Exchange<unknown> | undefined;
  readonly result: Promise<T>;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: Error) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** May memcached have carried out something that stays, when the answer is lost? */
  abstract readonly mutates: boolean;
  abstract encode(opaque: number): Buffer;
  /** True when this was the last answer. An answer that cannot belong here throws. */
  abstract accept(answer: MemcachedAnswer, reading: Reading): boolean;

  resolve(value: T): void {
    this.#resolve(value);
  }

  fail(failure: Error): void {
    this.#reject(failure);
  }
}

/** One request, one answer, whatever its status. */
export class SingleExchange<T> extends Exchange<T> {
  readonly mutates: boolean;
  readonly #fields: Omit<RequestFields, 'opaque'>;
  readonly #read: (status: number, answer: MemcachedAnswer, reading: Reading) => T;

  constructor(
    fields: Omit<RequestFields, 'opaque'>,
    read: (status: number, answer: MemcachedAnswer, reading: Reading) => T,
  ) {
    super();
    this.mutates = fields.opcode !== OPCODE.noop;
    this.#fields = fields;
    this.#read = read;
  }

  encode(opaque: number): Buffer {
    return encodeRequest({ ...this.#fields, opaque });
  }

  accept(answer: MemcachedAnswer, reading: Reading): boolean {
    try {
      this.resolve(this.#read(answer.status, answer, reading));
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }
}

/** Gets keys, one or many: memcached answers the hits, in the order of the keys, and then the noop. */
export class GetExchange extends Exchange<(CacheEntry | undefined)[]> {
  readonly mutates = false;
  readonly #keys: readonly CacheKey[];
  readonly #found: FoundEntries;

  constructor(keys: readonly CacheKey[]) {
    super();
    this.#keys = keys;
    this.#found = new FoundEntries(keys);
  }

  encode(opaque: number): Buffer {
    return encodeGet(this.#keys, opaque);
  }

  accept(answer: MemcachedAnswer, reading: Reading): boolean {
    if (!this.#found.accept(answer, reading)) return false;
    if (this.#found.failure === undefined) this.resolve(this.#found.entries);
    else this.fail(this.#found.failure);
    return true;
  }
}

type CasThenGot = { readonly cas: CasOutcome; readonly read: (CacheEntry | undefined)[] };

/** A `cas`, and gets that memcached carries out after it: two requests that travel as one. */
export class CasThenGetExchange extends Exchange<CasThenGot> {
  readonly mutates = true;
  readonly #key: CacheKey;
  readonly #value: Buffer;
  readonly #token: MemcachedToken;
  readonly #then: readonly CacheKey[];
  readonly #found: FoundEntries;
  #cas: CasOutcome | Failure | undefined;

  constructor(key: CacheKey, value: Buffer, token: MemcachedToken, then: readonly CacheKey[]) {
    super();
    this.#key = key;
    this.#value = value;
    this.#token = token;
    this.#then = then;
    this.#found = new FoundEntries(then);
  }

  encode(opaque: number): Buffer {
    return encodeCasThenGet(this.#key, this.#value, this.#token, this.#then, opaque);
  }

  accept(answer: MemcachedAnswer, reading: Reading): boolean {
    if (this.#cas === undefined) {
      this.#cas = attempt(() => readCas(answer, reading));
      return false;
    }
    if (!this.#found.accept(answer, reading)) return false;
    if (this.#cas instanceof Failure) this.fail(this.#cas);
    else if (this.#found.failure === undefined) this.resolve({ cas: this.#cas, read: this.#found.entries });
    else this.fail(new Failure(this.#found.failure.code, this.#found.failure.message, { unclear: true }));
    return true;
  }
}

/** What REPLACE with a token was answered. */
export function readCas(answer: MemcachedAnswer, reading: Reading): CasOutcome {
  if (answer.status === STATUS.ok) return { status: 'stored', token: readToken(answer, reading.generation) };
  if (answer.status === STATUS.exists) return { status: 'conflict' };
  if (answer.status === STATUS.notFound || answer.status === STATUS.notStored) return { status: 'missing' };
  throw refusal(answer.status);
}

/** The entries of the keys asked for, as their answers come. */
class FoundEntries {
  readonly entries: (CacheEntry | undefined)[];
  failure: Failure | undefined;
  readonly #keys: readonly CacheKey[];
  #at = 0;

  constructor(keys: readonly CacheKey[]) {
    this.#keys = keys;
    this.entries = new Array(keys.length).fill(undefined);
  }

  /** True when this was the last answer. */
  accept(answer: MemcachedAnswer, reading: Reading): boolean {
    const { opcode, status } = answer;
    if (opcode === OPCODE.noop) return true;
    if (status === STATUS.ok) this.#take(opcode === OPCODE.get ? (this.#keys[0] ?? '') : answer.key, answer, reading);
    else if (opcode !== OPCODE.get || status !== STATUS.notFound) this.failure = refusal(status);
    return opcode === OPCODE.get;
  }

  #take(key: CacheKey, answer: MemcachedAnswer, reading: Reading): void {
    while (this.#at < this.#keys.length && this.#keys[this.#at] !== key) this.#at++;
    if (this.#at === this.#keys.length) throw new Error('memcached answered a key that was not asked');
    const entry = attempt(() => reading.recent.entry(key, answer));
    if (entry instanceof Failure) this.failure = entry;
    else this.entries[this.#at++] = entry;
  }
}

/** A group of memcached's statistics; '' is the general one. */
export class StatExchange extends Exchange<ReadonlyMap<string, string>> {
  readonly mutates = false;
  readonly #group: string;
  readonly #values = new Map<string, string>();

  constructor(group: string) {
    super();
    this.#group = group;
  }

  encode(opaque: number): Buffer {
    return encodeRequest({ opcode: OPCODE.stat, opaque, key: this.#group });
  }

  accept(answer: MemcachedAnswer): boolean {
    const { status, key } = answer;
    if (status === STATUS.ok && key !== '') {
      this.#values.set(key, answer.value.toString('latin1'));
      return false;
    }
    if (status === STATUS.ok) this.resolve(this.#values);
    else this.fail(refusal(status));
    return true;
  }
}

/** What an answer means that is none of the outcomes of its command. */
export function refusal(status: number): Failure {
  if (status === STATUS.tooLarge) return new Failure('tooLarge', 'memcached does not take values of this size');
  if (status === STATUS.outOfMemory) return new Failure('cacheFull', 'memcached is out of memory');
  const message = `memcached refused with status 0x${status.toString(16)}`;
  return new Failure('cacheUnavailable', message, { unclear: status === STATUS.internalError });
}

/** What it settles to, a `Failure` as a value. */
function attempt<T>(read: () => T): T | Failure {
  try {
    return read();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
