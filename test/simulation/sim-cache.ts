import { checkKey, checkSamePlace, checkSize, checkTtl, placeOf } from '../../src/backends/cache/guards.ts';
import type { Cache, CacheEntry, CacheKey, CasOutcome, CasToken } from '../../src/ports/cache.ts';
import { Failure } from '../../src/ports/failure.ts';
import { MAX_RECORD_BYTES } from '../../src/protocol/limits.ts';
import type { CacheWorld } from './cache-world.ts';
import type { CacheFaults } from './faults.ts';
import type { SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';

/** Whoever has no answer after this long stops waiting, ms. */
const DEADLINE_MS = 300;

/** What a `CasToken` is here: a number of the cache, and the connection it was read through. */
type Token = { readonly number: number; readonly connection: number };

/** The cache as one instance sees it, over a connection that delays, loses and breaks. */
export class SimCache implements Cache {
  readonly #world: CacheWorld;
  readonly #process: SimProcess;
  /** One per node. */
  readonly #connections: number[];
  #closed = false;
  /** This instance alone does not reach the cache. */
  cutUntil = 0;

  constructor(world: CacheWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
    this.#connections = world.nodes.map(() => 1);
    world.clients.add(this);
  }

  /** Tokens read so far, from this node or from all, are refused from now on. */
  reconnect(node?: number): void {
    for (const [n, connection] of this.#connections.entries())
      if (node === undefined || node === n) this.#connections[n] = connection + 1;
  }

  async get(keys: readonly CacheKey[]): Promise<(CacheEntry | undefined)[]> {
    keys.forEach(checkKey);
    if (keys.length === 0) return [];
    const nodes = new Set(keys.map((key) => this.#nodeOf(key)));
    const answers = await Promise.all([...nodes].map((node) => this.#getFrom(node, keys)));
    const found = new Map(answers.flat());
    return keys.map((key) => found.get(key));
  }

  async add(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<CasToken | undefined> {
    check(key, value, ttlSeconds);
    return this.#send(this.#nodeOf(key), `add ${key}`, [
      () => (this.#world.read(key) ? undefined : this.#token(key, this.#write(key, value, ttlSeconds))),
    ]);
  }

  async cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): Promise<CasOutcome> {
    check(key, value, ttlSeconds);
    if (this.#stale(key, token)) return { status: 'conflict' };
    return this.#send(this.#nodeOf(key), `cas ${key}`, [() => this.#cas(key, value, token, ttlSeconds)]);
  }

  async casThenGet(
    key: CacheKey,
    value: Buffer,
    token: CasToken,
    then: readonly CacheKey[],
  ): Promise<{ readonly cas: CasOutcome; readonly read: (CacheEntry | undefined)[] }> {
    check(key, value);
    checkSamePlace(key, then);
    const stale = this.#stale(key, token);
    let cas: CasOutcome = { status: 'conflict' };
    return this.#send(this.#nodeOf(key), `cas ${key} then ${then.join(' ')}`, [
      () => {
        if (!stale) cas = this.#cas(key, value, token);
      },
      () => ({ cas, read: then.map((other) => this.#entry(other)) }),
    ]);
  }

  async append(key: CacheKey, value: Buffer): Promise<boolean> {
    check(key, value);
    return this.#send(this.#nodeOf(key), `append ${key}`, [
      () => {
        const entry = this.#world.read(key);
        if (!entry || entry.value.length + value.length > MAX_RECORD_BYTES) return false;
        this.#world.write(key, Buffer.concat([entry.value, value]), entry.expiresAt);
        return true;
      },
    ]);
  }

  async delete(key: CacheKey, token?: CasToken): Promise<boolean> {
    checkKey(key);
    if (token && this.#stale(key, token)) return false;
    return this.#send(this.#nodeOf(key), `delete ${key}`, [
      () => {
        const entry = this.#world.read(key);
        if (!entry || (token && entry.token !== numberOf(token))) return false;
        this.#world.dropped?.(key, entry.value);
        return this.#world.remove(key);
      },
    ]);
  }

  async set(key: CacheKey, value: Buffer, ttlSeconds?: number): Promise<void> {
    check(key, value, ttlSeconds);
    return this.#send(this.#nodeOf(key), `set ${key}`, [() => void this.#write(key, value, ttlSeconds)]);
  }

  ping(): Promise<void> {
    return Promise.all([...this.#world.nodes.keys()].map((n) => this.#send(n, 'ping', [() => undefined]))).then(
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#world.clients.delete(this);
  }

  #nodeOf(key: CacheKey): number {
    return this.#world.nodeOf(placeOf(key));
  }

  #getFrom(node: number, keys: readonly CacheKey[]): Promise<[CacheKey, CacheEntry | undefined][]> {
    const own = keys.filter((key) => this.#nodeOf(key) === node);
    return this.#send(node, `get ${own.join(' ')}`, [() => own.map((key) => [key, this.#entry(key)])]);
  }

  #entry(key: CacheKey): CacheEntry | undefined {
    const entry = this.#world.read(key);
    return entry && { value: entry.value, token: this.#token(key, entry.token) };
  }

  #token(key: CacheKey, number: number): CasToken {
    const connection = this.#connections[this.#nodeOf(key)] ?? 0;
    return { number, connection } satisfies Token as unknown as CasToken;
  }

  #stale(key: CacheKey, token: CasToken): boolean {
    return (token as unknown as Token).connection !== this.#connections[this.#nodeOf(key)];
  }

  #cas(key: CacheKey, value: Buffer, token: CasToken, ttlSeconds?: number): CasOutcome {
    const entry = this.#world.read(key);
    if (!entry) return { status: 'missing' };
    if (entry.token !== numberOf(token)) return { status: 'conflict' };
    return { status: 'stored', token: this.#token(key, this.#write(key, value, ttlSeconds)) };
  }

  #write(key: CacheKey, value: Buffer, ttlSeconds?: number): number {
    const { scheduler } = this.#world;
    return this.#world.write(key, value, ttlSeconds ? scheduler.now + ttlSeconds * 1000 : Number.POSITIVE_INFINITY);
  }

  /** Carries out `stages` in order, each a step of its own; the answer is what the last one returns. */
  #send<T>(node: number, label: string, stages: readonly (() => unknown)[]): Promise<T> {
    const { scheduler, random, faults } = this.#world;
    const process = this.#process;
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      const end = (how: () => void) => {
        if (settled) return;
        settled = true;
        cancelDeadline();
        how();
      };
      const fail = (unclear: boolean) => end(() => this.#fail(node, unclear, reject));
      const cancelDeadline = scheduler.schedule(DEADLINE_MS, `${label}: no answer`, () => fail(true), { process });
      if (this.#closed) return end(() => reject(new Failure('closed', label)));
      if (this.#unreachable(node)) {
        scheduler.schedule(random.int(20), `${label}: unreachable`, () => fail(false), { process });
        return;
      }
      const { life } = this.#world.node(node);
      const plan = delays(random, faults);
      const stage = (index: number, delay: number) =>
        scheduler.schedule(
          delay,
          index === 0 ? label : `${label}: stage ${index}`,
          () => {
            if (this.#world.node(node).life !== life || this.#unreachable(node)) return;
            const answer = attempt(stages[index]);
            this.#world.carriedOut?.(process, label);
            if (index + 1 < stages.length && !answer.error)
              return stage(index + 1, random.chance(0.5) ? 0 : random.int(faults.latencyMs));
            const settleIt = () => end(() => (answer.error ? reject(answer.error) : resolve(answer.value as T)));
            scheduler.schedule(plan.back, `${label}: answered`, settleIt, { process });
          },
          { sender: process },
        );
      stage(0, plan.to);
    });
  }

  #unreachable(node: number): boolean {
    const { now } = this.#world.scheduler;
    return this.#world.node(node).downUntil > now || this.cutUntil > now;
  }

  #fail(node: number, unclear: boolean, reject: (error: Failure) => void): void {
    this.reconnect(node);
    reject(new Failure('cacheUnavailable', unclear ? 'no answer in time' : 'not reachable', { unclear }));
  }
}

function check(key: CacheKey, value: Buffer, ttlSeconds?: number): void {
  checkKey(key);
  checkSize(value);
  checkTtl(ttlSeconds);
}

function numberOf(token: CasToken): number {
  return (token as unknown as Token).number;
}

function attempt(stage: (() => unknown) | undefined): { readonly value?: unknown; readonly error?: unknown } {
  try {
    return { value: stage?.() };
  } catch (error) {
    return { error };
  }
}

/** How long an operation is on its way there and back; `Infinity`: it never arrives. */
function delays(random: Seeded, faults: CacheFaults): { readonly to: number; readonly back: number } {
  const to = random.int(faults.latencyMs);
  const back = random.int(faults.latencyMs);
  if (!random.chance(faults.unclear)) {
    return random.chance(faults.slow)
      ? { to: to + random.int(faults.slowMs), back: back + random.int(faults.slowMs) }
      : { to, back };
  }
  const how = random.int(3);
  if (how === 0) return { to: Number.POSITIVE_INFINITY, back };
  if (how === 1) return { to, back: Number.POSITIVE_INFINITY };
  return { to: DEADLINE_MS + random.int(faults.lateMs), back };
}
