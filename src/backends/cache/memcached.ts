import { must } from '../../base/assert.ts';
import type { Cache, CacheEntry, CacheKey, CasOutcome, CasToken } from '../../ports/cache.ts';
import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Log } from '../../ports/log.ts';
import { checkKey, checkSamePlace, checkSize, checkTtl, placeOf } from './guards.ts';
import { CasThenGetExchange, GetExchange, readCas, refusal, SingleExchange } from './memcached-exchanges.ts';
import { OPCODE, STATUS } from './memcached-frames.ts';
import type { MemcachedLink, Tally } from './memcached-link.ts';
import { MemcachedNode } from './memcached-node.ts';
import { type MemcachedReport, reportOn } from './memcached-report.ts';
import { type MemcachedToken, readToken } from './memcached-token.ts';
import { Rendezvous } from './rendezvous.ts';

export type MemcachedOptions = {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  /** SASL PLAIN, where both are given; the environment is not looked at. */
  readonly username?: string;
  readonly password?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Every operation has settled by then (and a millisecond), unless this process is held up itself. */
  readonly deadlineMs?: number;
  /** Where each connection begins to count its requests; for tests. */
  readonly firstOpaque?: number;
};

const DEFAULT_DEADLINE_MS = 400;
const MAX_KEYS_PER_BATCH = 100;

/**
 * Cache in one or several memcached, a place on each by rendezvous hashing; never a second place for a key, since that
 * would be a second truth. See `MemcachedLink` for what holds on the wire and `MemcachedNode` for what happens while a
 * node does not answer.
 *
 * - `cas` is REPLACE with a token. SET with a token deletes the old value when the new one is refused for its size or for
 *   want of memory; REPLACE keeps it. `set` is such a SET: refused, it leaves nothing.
 * - A record written with a time to live lives at least that long, and up to two seconds longer.
 * - `append` is `false`, too, where memcached has no memory left: it gives one answer for all three.
 */
export class MemcachedCache implements Cache {
  readonly #nodes: readonly MemcachedNode[];
  readonly #rendezvous: Rendezvous;
  readonly #tally: Tally = { trips: 0 };
  #closed = false;

  constructor(options: MemcachedOptions) {
    const { servers, username, password, clock, log, deadlineMs = DEFAULT_DEADLINE_MS, firstOpaque } = options;
    const tally = this.#tally;
    const common = {
      username,
      password,
      clock,
      deadlineMs,
      tally,
      ...(firstOpaque === undefined ? {} : { firstOpaque }),
    };
    this.#nodes = servers.map((server) => new MemcachedNode({ ...server, ...common }, log));
    this.#rendezvous = new Rendezvous(this.#nodes.map((node) => node.name));
  }

  get trips(): number {
    return this.#tally.trips;
  }

  async get(keys: readonly CacheKey[]): Promise<(CacheEntry | undefined)[]> {
    this.#begin(keys);
    const [first] = keys;
    if (first === undefined) return [];
    if (this.#nodes.length === 1) return getOn(this.#linkOf(first), keys);
    const groups = groupBy(keys, (key) => this.#rendezvous.choose(placeOf(key)));
    const answers = await Promise.all(
      groups.map(async (group) => getOn(this.#linkOf(group.keys[0] ?? first), group.keys)),
    );
    const entries = new Array<CacheEntry | undefined>(keys.length);
    for (const [nth, group] of groups.entries()) {
      for (const [i, index] of group.indexes.entries()) entries[index] = answers[nth]?.[i];
    }
    return entries;
  }

  async add(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<CasToken | undefined> {
    this.#begin([key], value, ttlSeconds);
    const request = { opcode: OPCODE.add, key, value, expires: expiresOf(ttlSeconds) };
    return this.#linkOf(key).send(
      new SingleExchange<CasToken | undefined>(request, (status, answer, reading) => {
        if (status === STATUS.exists) return undefined;
        if (status !== STATUS.ok) throw refusal(status);
        return readToken(answer, reading.generation);
      }),
    );
  }

  async cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): Promise<CasOutcome> {
    this.#begin([key], value, ttlSeconds);
    return casOn(this.#linkOf(key), key, value, token, expiresOf(ttlSeconds));
  }

  async casThenGet(key: CacheKey, value: Buffer, token: CasToken, then: readonly CacheKey[]) {
    this.#begin([key, ...then], value);
    checkSamePlace(key, then);
    const link = this.#linkOf(key);
    const known = token as unknown as MemcachedToken;
    const inOne = then.length > 0 && then.length <= MAX_KEYS_PER_BATCH && known.generation === link.generation;
    if (inOne) return link.send(new CasThenGetExchange(key, value, known, then));
    // Sent in this order on one connection, hence carried out in this order.
    const [cas, read] = await Promise.all([casOn(link, key, value, token, expiresOf(undefined)), getOn(link, then)]);
    return { cas, read };
  }

  async append(key: CacheKey, value: Buffer): Promise<boolean> {
    this.#begin([key], value);
    return this.#linkOf(key).send(
      new SingleExchange({ opcode: OPCODE.append, key, value }, (status) => {
        if (status === STATUS.ok) return true;
        if (status === STATUS.notStored || status === STATUS.notFound || status === STATUS.tooLarge) return false;
        throw refusal(status);
      }),
    );
  }

  async delete(key: CacheKey, token?: CasToken): Promise<boolean> {
    this.#begin([key]);
    const link = this.#linkOf(key);
    const known = token as unknown as MemcachedToken | undefined;
    if (known !== undefined && known.generation !== link.generation) return false;
    return link.send(
      new SingleExchange({ opcode: OPCODE.delete, key, ...(known && { token: known }) }, (status) => {
        if (status === STATUS.ok) return true;
        if (status === STATUS.notFound || status === STATUS.exists) return false;
        throw refusal(status);
      }),
    );
  }

  async set(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<void> {
    this.#begin([key], value, ttlSeconds);
    const request = { opcode: OPCODE.set, key, value, expires: expiresOf(ttlSeconds) };
    return this.#linkOf(key).send(
      new SingleExchange<void>(request, (status) => {
        if (status !== STATUS.ok) throw refusal(status);
      }),
    );
  }

  async ping(): Promise<void> {
    this.#begin([]);
    const noop = () => new SingleExchange({ opcode: OPCODE.noop }, () => undefined);
    await Promise.all(this.#nodes.map(async (node) => node.link().send(noop())));
  }

  /** One report per node, in the order of the servers. Fails with `cacheUnavailable` where one does not answer. */
  async inspect(): Promise<MemcachedReport[]> {
    this.#begin([]);
    return Promise.all(this.#nodes.map(async (node) => reportOn(node.name, node.link())));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#nodes.map((node) => node.close()));
  }

  #begin(keys: readonly CacheKey[], value?: Buffer, ttlSeconds?: number): void {
    if (this.#closed) throw new Failure('closed', 'the cache is closed');
    for (const key of keys) checkKey(key);
    if (value !== undefined) checkSize(value);
    checkTtl(ttlSeconds);
  }

  #linkOf(key: CacheKey): MemcachedLink {
    const index = this.#nodes.length === 1 ? 0 : this.#rendezvous.choose(placeOf(key));
    return must(this.#nodes[index], 'there is at least one memcached').link();
  }
}

export function createMemcachedCache(options: MemcachedOptions): MemcachedCache {
  return new MemcachedCache(options);
}

async function casOn(
  link: MemcachedLink,
  key: CacheKey,
  value: Buffer,
  token: CasToken,
  expires: number,
): Promise<CasOutcome> {
  const known = token as unknown as MemcachedToken;
  if (known.generation !== link.generation) return { status: 'conflict' };
  const request = { opcode: OPCODE.replace, key, value, expires, token: known };
  return link.send(new SingleExchange<CasOutcome>(request, (_status, answer, reading) => readCas(answer, reading)));
}

async function getOn(link: MemcachedLink, keys: readonly CacheKey[]): Promise<(CacheEntry | undefined)[]> {
  if (keys.length === 0) return [];
  if (keys.length <= MAX_KEYS_PER_BATCH) return link.send(new GetExchange(keys));
  const batches: Promise<(CacheEntry | undefined)[]>[] = [];
  for (let from = 0; from < keys.length; from += MAX_KEYS_PER_BATCH) {
    batches.push(link.send(new GetExchange(keys.slice(from, from + MAX_KEYS_PER_BATCH))));
  }
  return (await Promise.all(batches)).flat();
}

type Group = { readonly keys: CacheKey[]; readonly indexes: number[] };

function groupBy(keys: readonly CacheKey[], nodeOf: (key: CacheKey) => number): Group[] {
  const groups = new Map<number, Group>();
  for (const [index, key] of keys.entries()) {
    const node = nodeOf(key);
    let group = groups.get(node);
    if (group === undefined) {
      group = { keys: [], indexes: [] };
      groups.set(node, group);
    }
    group.keys.push(key);
    group.indexes.push(index);
  }
  return [...groups.values()];
}

/** memcached counts whole seconds of its own clock, so a record may die up to one second early. */
function expiresOf(ttlSeconds: number | undefined): number {
  return ttlSeconds === undefined ? 0 : Math.ceil(ttlSeconds) + 1;
}
