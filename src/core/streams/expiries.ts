import { endsAt, type LogConfig } from '../../kinds/log/state.ts';
import { encodeExpiryNote } from '../../model/expiry-note.ts';
import { expiryRowKey, shardOf } from '../../model/keys.ts';
import { coarse, STORE_SHARDS } from '../../model/row.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log as Logger } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { Store, StoreKey } from '../../ports/store.ts';
import type { ItemId, SpaceId } from '../../protocol/ids.ts';
import { Recurring } from '../recurring.ts';
import type { Log, StreamReader } from './read-stream.ts';
import type { StreamPlace } from './stream-path.ts';

type ExpiryParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly reader: Pick<StreamReader, 'find'>;
  /** Deletes it, if it has expired by then; one that forks read from stays for them alone. */
  readonly end: (log: Log) => Promise<void>;
};

const SWEEP_MS = 60_000;
/** A log that is being created is not taken for one that is gone, ms. */
const CREATING_MS = 600_000;
/** Notes of one shard in one sweep; the next one goes on. */
const PAGE = 100;

/**
 * Ends the logs that expire without being asked for. A note in the store says when somebody has to look at the log; it is written before the log is, and moved
 * when the log turns out to have been used since: one write per life of the TTL, however much it is read. Whoever asks for an expired log ends it as ever.
 */
export class Expiries {
  /** Each tells how many logs were ended. */
  readonly sweeps: Recurring<number>;
  readonly #parts: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    const once = () => this.#sweep();
    this.sweeps = new Recurring(parts, { name: 'the sweep of streams', everyMs: SWEEP_MS, once });
  }

  /** Before a log with this configuration is created. */
  async note({ space, item }: Pick<StreamPlace, 'space' | 'item'>, config: LogConfig): Promise<void> {
    const now = this.#parts.clock.now();
    const at = endsAt({ config, touched: now });
    if (at === Number.POSITIVE_INFINITY) return;
    const key = expiryRowKey(space, item);
    const record = this.#record(key, Math.max(at, now + CREATING_MS));
    await this.#parts.store.transact([key], () => ({ changes: [{ key, record }], result: 0 }));
  }

  #record(key: StoreKey, at: number) {
    const shard = shardOf(`${key.space}/${key.id}`, STORE_SHARDS);
    return encodeExpiryNote(this.#parts.random.id(), `${shard}/${coarse(at)}`);
  }

  async #sweep(): Promise<number> {
    const { store, clock, log } = this.#parts;
    let ended = 0;
    for (let shard = 0; shard < STORE_SHARDS && !this.sweeps.isStopped; shard++) {
      const due = await store.query('due', `${shard}/`, `${shard}/${coarse(clock.now())}`, PAGE, 'expiry');
      for (const key of due) {
        if (this.sweeps.isStopped) break;
        try {
          if (await this.#look(key)) ended++;
        } catch (error) {
          log.warn({ space: key.space, item: key.id, error: String(error) }, 'a stream could not be looked at');
        }
      }
    }
    return ended;
  }

  /** Whether it was ended here. */
  async #look(key: StoreKey): Promise<boolean> {
    const { store, clock, reader, end } = this.#parts;
    const [seen] = await store.read([key]);
    if (!seen) return false;
    const find = () => reader.find(key.space as SpaceId, key.id as ItemId);
    const found = await find();
    const isDue = found !== undefined && endOf(found) <= clock.now();
    if (isDue) await end(found);
    const log = isDue ? await find() : found;
    const at = endOf(log);
    const record = at === Number.POSITIVE_INFINITY ? 'delete' : this.#record(key, at);
    // Another log may be about to begin under this name: its note stays.
    await store.transact([key], ([now]) => ({
      changes: now?.data === seen.data ? [{ key, record }] : [],
      result: 0,
    }));
    return isDue && !(log?.born === found.born && !log.state.gone);
  }
}

/** Of one that is not there, or has gone but for its forks: never. */
function endOf(log: Log | undefined): number {
  return log && !log.state.gone ? endsAt(log.state) : Number.POSITIVE_INFINITY;
}
