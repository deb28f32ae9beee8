import { RpcError } from '../../../src/backends/grpc/rpc-error.ts';
import type { Stored, Write } from '../../../src/backends/store/datastore-codec.ts';
import type { DatastoreDriver } from '../../../src/backends/store/datastore-driver.ts';
import type { Transaction } from '../../../src/backends/store/datastore-lookup.ts';
import { keyText } from '../../../src/backends/store/guards.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { StoreKey } from '../../../src/ports/store.ts';

/** What becomes of a request: `undefined` goes through, `lost` goes through but its answer does not come. */
export type Fate = RpcError | 'lost' | undefined;

/** A Datastore of its own, without transactions that collide, whose answers a test can spoil. */
export class ScriptedDriver implements DatastoreDriver {
  readonly entities = new Map<string, Stored>();
  /** Ids of the records in each commit that was sent, in order. */
  readonly commits: string[][] = [];
  readonly lookups: string[][] = [];
  readonly rolledBack: Transaction[] = [];
  /** Requests under way, and the most there were at once. */
  underWay = 0;
  mostUnderWay = 0;
  begun = 0;
  onLookup: () => Fate = () => undefined;
  onCommit: (writes: readonly Write[]) => Fate = () => undefined;

  async lookup(keys: readonly StoreKey[]): Promise<ReadonlyMap<string, Stored>> {
    this.lookups.push(keys.map(({ id }) => id));
    return this.#send(this.onLookup(), () => {
      const found = new Map<string, Stored>();
      for (const key of keys.map(keyText)) {
        const entity = this.entities.get(key);
        if (entity !== undefined) found.set(key, entity);
      }
      return found;
    });
  }

  async begin(keys: readonly StoreKey[]): Promise<{ found: ReadonlyMap<string, Stored>; transaction: Transaction }> {
    const found = await this.lookup(keys);
    return { found, transaction: `transaction ${++this.begun}` };
  }

  async commit(_transaction: Transaction, writes: readonly Write[], tag: string): Promise<void> {
    this.commits.push(writes.map(({ key }) => key.id));
    await this.#send(this.onCommit(writes), () => {
      for (const { key, record } of writes) {
        if (record === 'delete') this.entities.delete(keyText(key));
        else this.entities.set(keyText(key), { record, tag });
      }
    });
  }

  async rollback(transaction: Transaction): Promise<void> {
    this.rolledBack.push(transaction);
  }

  async query(): Promise<StoreKey[]> {
    return [];
  }

  async close(): Promise<void> {}

  async #send<T>(fate: Fate, apply: () => T): Promise<T> {
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay--;
    if (fate instanceof RpcError) throw fate;
    const answer = apply();
    if (fate === 'lost') throw new RpcError(14, 'the connection broke');
    return answer;
  }
}

/** Time that passes by sleeping only, and then at once. Deadlines therefore come without waiting for them. */
export class HastyClock implements Clock {
  #time = 0;

  now(): number {
    return 1_700_000_000_000 + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(): () => void {
    return () => {};
  }

  async sleep(ms: number): Promise<void> {
    this.#time += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
