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
import { MAX_ROW_BYTES } from '../../src/protocol/limits.ts';
import type { StoreFaults } from './faults.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';

type Records = readonly (StoreRecord | undefined)[];

/** The one store behind all instances. */
export class StoreWorld {
  readonly scheduler: Scheduler;
  readonly random: Seeded;
  faults: StoreFaults;
  downUntil = 0;
  /** Is told of every record that is written, and of the one before. */
  committed: (key: StoreKey, before: StoreRecord | undefined, record: StoreRecord | 'delete') => void = () => {};
  readonly #records = new Map<string, { readonly key: StoreKey; readonly record: StoreRecord }>();

  constructor(scheduler: Scheduler, random: Seeded, faults: StoreFaults) {
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
  }

  read(keys: readonly StoreKey[]): Records {
    return keys.map((key) => this.#records.get(nameOf(key))?.record);
  }

  commit(keys: readonly StoreKey[], changes: readonly Change[]): void {
    const allowed = new Set(keys.map(nameOf));
    for (const { key, record } of changes) {
      if (!allowed.has(nameOf(key))) throw new Error(`a transaction changed ${nameOf(key)}, which it did not read`);
      if (record !== 'delete' && Buffer.byteLength(record.data) > MAX_ROW_BYTES)
        throw new Failure('storeRefused', 'too large');
    }
    for (const { key, record } of changes) {
      this.committed(key, this.#records.get(nameOf(key))?.record, record);
      if (record === 'delete') this.#records.delete(nameOf(key));
      else this.#records.set(nameOf(key), { key, record: { ...record } }); // a copy: it has to be decoded
    }
  }

  list(space: string, kind: StoreKind, after: string, limit: number): string[] {
    const ids = this.#keys()
      .filter((key) => key.space === space && key.kind === kind && key.id > after)
      .map((key) => key.id);
    return ids.sort(byCodeUnit).slice(0, limit);
  }

  spaces(after: string, limit: number): string[] {
    const names = this.#keys().filter((key) => key.kind === 'space' && key.space > after);
    return names
      .map((key) => key.space)
      .sort(byCodeUnit)
      .slice(0, limit);
  }

  query(index: StoreIndex, from: string, to: string, limit: number, kind: IndexedKind = 'item'): StoreKey[] {
    const hits: [text: string, key: StoreKey][] = [];
    for (const { key, record } of this.#records.values()) {
      const text = record.indexes[index];
      if (key.kind === kind && text !== undefined && text >= from && text < to) hits.push([text, key]);
    }
    hits.sort((a, b) => byCodeUnit(a[0], b[0]) || byCodeUnit(nameOf(a[1]), nameOf(b[1])));
    return hits.slice(0, limit).map(([, key]) => key);
  }

  #keys(): StoreKey[] {
    return [...this.#records.values()].map(({ key }) => key);
  }
}

/** The store as one instance sees it: slow, refusing, or silent about whether it has committed. */
export class SimStore implements Store {
  readonly #world: StoreWorld;
  readonly #process: SimProcess;
  #closed = false;

  constructor(world: StoreWorld, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  read(keys: readonly StoreKey[]): Promise<(StoreRecord | undefined)[]> {
    return this.#ask(`store read ${keys.map(nameOf).join(' ')}`, () => [...this.#world.read(keys)]);
  }

  async transact<T>(keys: readonly StoreKey[], decide: (records: Records) => Decision<T>): Promise<T> {
    const { random, faults } = this.#world;
    const label = `store transact ${keys.map(nameOf).join(' ')}`;
    if (random.chance(faults.again)) await this.#ask(`${label}: try`, () => void decide(this.#world.read(keys)));
    if (!random.chance(faults.unclear)) return this.#ask(label, () => this.#decide(keys, decide, true));
    const how = random.int(3);
    const seen = await this.#ask(`${label}: unclear ${how}`, () => {
      const before = this.#world.read(keys);
      return { before, decision: this.#decideOn(keys, decide, how === 1) };
    });
    if (how === 2) this.#commitLate(label, keys, seen.before, seen.decision.changes);
    throw new Failure('storeUnavailable', 'the answer of the commit was lost', { unclear: true });
  }

  list(space: string, kind: StoreKind, after: string, limit: number): Promise<string[]> {
    return this.#ask(`store list ${space}`, () => this.#world.list(space, kind, after, limit));
  }

  spaces(after: string, limit: number): Promise<string[]> {
    return this.#ask('store spaces', () => this.#world.spaces(after, limit));
  }

  query(index: StoreIndex, from: string, to: string, limit: number, kind?: IndexedKind): Promise<StoreKey[]> {
    return this.#ask(`store query ${index}`, () => this.#world.query(index, from, to, limit, kind));
  }

  ping(): Promise<void> {
    return this.#ask('store ping', () => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #decide<T>(keys: readonly StoreKey[], decide: (records: Records) => Decision<T>, commit: boolean): T {
    return this.#decideOn(keys, decide, commit).result;
  }

  #decideOn<T>(keys: readonly StoreKey[], decide: (records: Records) => Decision<T>, commit: boolean): Decision<T> {
    const decision = decide(this.#world.read(keys));
    if (commit) this.#world.commit(keys, decision.changes);
    return decision;
  }

  /** A commit still on its way when its sender stopped waiting; refused where a record it read has changed. */
  #commitLate(label: string, keys: readonly StoreKey[], before: Records, changes: readonly Change[]): void {
    const { scheduler, random } = this.#world;
    const carryOut = () => {
      const now = this.#world.read(keys);
      if (now.every((record, i) => record === before[i])) this.#world.commit(keys, changes);
    };
    scheduler.schedule(random.int(1_500), `${label}: late`, carryOut, { sender: this.#process });
  }

  #ask<T>(label: string, carryOut: () => T): Promise<T> {
    const { scheduler, random, faults } = this.#world;
    const process = this.#process;
    const delay = () => random.int(faults.latencyMs) + (random.chance(faults.slow) ? random.int(faults.slowMs) : 0);
    return new Promise<T>((resolve, reject) => {
      const answer = (text: string, settle: () => void) =>
        scheduler.schedule(delay(), `${label}: ${text}`, settle, { process });
      const fail = (why: string) => answer(why, () => reject(new Failure('storeUnavailable', why)));
      if (this.#closed) return reject(new Failure('closed', label));
      if (random.chance(faults.refused)) return void fail('refused');
      scheduler.schedule(
        delay(),
        label,
        () => {
          if (this.#world.downUntil > scheduler.now) return void fail('down');
          try {
            const value = carryOut();
            answer('answered', () => resolve(value));
          } catch (error) {
            answer('failed', () => reject(error));
          }
        },
        { sender: process },
      );
    });
  }
}

function nameOf(key: StoreKey): string {
  return `${key.space}/${key.kind}/${key.id}`;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
