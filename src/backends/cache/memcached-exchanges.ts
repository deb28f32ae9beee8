import type { Response } from 'memjs';
import type { CacheEntry, CacheKey, CasToken } from '../../ports/cache.ts';
import { Failure } from '../../ports/failure.ts';
import { encodeMultiGet, encodeRequest, OPCODE, type RequestFields, STATUS } from './memcached-frames.ts';

/** What the answers on one connection are read with. */
export type Reading = {
  /** Names the connection. */
  readonly generation: object;
  readonly detach: (value: Buffer) => Buffer;
};

/** Valid on the connection it came over: memcached counts from the start again after a restart. */
export type MemcachedToken = { readonly generation: object; readonly high: number; readonly low: number };

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
  abstract accept(response: Response, reading: Reading): boolean;

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
  readonly #read: (status: number, response: Response, reading: Reading) => T;

  constructor(
    fields: Omit<RequestFields, 'opaque'>,
    read: (status: number, response: Response, reading: Reading) => T,
  ) {
    super();
    this.mutates = fields.opcode !== OPCODE.noop;
    this.#fields = fields;
    this.#read = read;
  }

  encode(opaque: number): Buffer {
    return encodeRequest({ ...this.#fields, opaque });
  }

  accept(response: Response, reading: Reading): boolean {
    try {
      this.resolve(this.#read(response.header.status, response, reading));
    } catch (error) {
      this.fail(error as Error);
    }
    return true;
  }
}

/** Gets many keys: memcached answers the hits, in the order of the keys, and then the noop. */
export class MultiGetExchange extends Exchange<(CacheEntry | undefined)[]> {
  readonly mutates = false;
  readonly #keys: readonly CacheKey[];
  readonly #found: (CacheEntry | undefined)[];
  #at = 0;
  #failure: Failure | undefined;

  constructor(keys: readonly CacheKey[]) {
    super();
    this.#keys = keys;
    this.#found = new Array(keys.length).fill(undefined);
  }

  encode(opaque: number): Buffer {
    return encodeMultiGet(this.#keys, opaque);
  }

  accept(response: Response, reading: Reading): boolean {
    const { opcode, status } = response.header;
    if (opcode === OPCODE.noop) {
      if (this.#failure === undefined) this.resolve(this.#found);
      else this.fail(this.#failure);
      return true;
    }
    if (status === STATUS.ok) this.#take(response, reading);
    else this.#failure = refusal(status);
    return false;
  }

  #take(response: Response, reading: Reading): void {
    const key = response.key.toString('latin1');
    while (this.#at < this.#keys.length && this.#keys[this.#at] !== key) this.#at++;
    if (this.#at === this.#keys.length) throw new Error('memcached answered a key that was not asked');
    try {
      this.#found[this.#at++] = { value: reading.detach(response.val), token: readToken(response, reading) };
    } catch (error) {
      this.#failure = error as Failure;
    }
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

  accept(response: Response): boolean {
    const { status, keyLength } = response.header;
    if (status === STATUS.ok && keyLength > 0) {
      this.#values.set(response.key.toString('latin1'), response.val.toString('latin1'));
      return false;
    }
    if (status === STATUS.ok) this.resolve(this.#values);
    else this.fail(refusal(status));
    return true;
  }
}

export function readToken(response: Response, reading: Reading): CasToken {
  const { cas } = response.header;
  const high = cas.readUInt32BE(0);
  const low = cas.readUInt32BE(4);
  // A request with token 0 is carried out unchecked.
  if (high === 0 && low === 0) {
    throw new Failure('cacheUnavailable', 'memcached runs without cas (option -C)', { unclear: true });
  }
  const token: MemcachedToken = { generation: reading.generation, high, low };
  return token as unknown as CasToken;
}

/** What an answer means that is none of the outcomes of its command. */
export function refusal(status: number): Failure {
  if (status === STATUS.tooLarge) return new Failure('tooLarge', 'memcached does not take values of this size');
  if (status === STATUS.outOfMemory) return new Failure('cacheFull', 'memcached is out of memory');
  const message = `memcached refused with status 0x${status.toString(16)}`;
  return new Failure('cacheUnavailable', message, { unclear: status === STATUS.internalError });
}
