import { LRUCache } from 'lru-cache';
import { ProblemError } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import type { ItemId, SpaceId } from '../protocol/ids.ts';
import { DEFAULT_WAIT_SECONDS, WAIT_JITTER } from '../protocol/limits.ts';
import type { LockRequest } from '../protocol/locks.ts';
import {
  checkPostUpdate,
  type PostUpdateRequest,
  type PostUpdateResponse,
  type Update,
  type UpdateResult,
} from '../protocol/post-update.ts';
import type { CloseParts } from './close-item.ts';
import type { Deps } from './context.ts';
import { Dirtiness } from './dirtiness.ts';
import type { Caller, Engine, EngineStats, ItemState, LockAnswer, PollOutcome } from './engine-types.ts';
import { filterOf } from './filter.ts';
import { Flusher } from './flusher.ts';
import { Heads } from './heads.ts';
import { ItemQueue } from './item-queue.ts';
import { LockFlow } from './lock-flow.ts';
import { type LockParts, Locks } from './locks.ts';
import { Markers } from './marker.ts';
import { Observer } from './observe.ts';
import { openMarker } from './open-marker.ts';
import { type PostParts, postUpdates } from './post-update.ts';
import type { Question } from './question.ts';
import { readItem } from './read-item.ts';
import { UpdateReader } from './read-updates.ts';
import { Renderer } from './render.ts';
import { ShardReader } from './shard-log.ts';
import { SpaceState } from './space-state.ts';
import { pruneTombstones, type SweepParts, sweepItems } from './sweeper.ts';
import { Values } from './values.ts';
import { type Parked, problemOf, questionKey, SpaceWaiters } from './waiters.ts';
import { UpdateWriter } from './write-update.ts';

const WAITER_SWEEP_MS = 250;
/** Of the sweeps that go by time, one in so many looks for old tombstones. */
const SWEEPS_PER_PRUNING = 30;
/** A space without polls and dirty items is forgotten after this long. */
const FORGET_MS = 60_000;

type Entry = {
  readonly state: SpaceState;
  readonly waiters: SpaceWaiters;
  usedAt: number;
  unwatch: (() => void) | undefined;
};

/** Puts the flows together. */
export function createEngine(deps: Deps & LockParts): Engine {
  return new LongshoreEngine(deps);
}

class LongshoreEngine implements Engine {
  readonly #deps: Deps;
  readonly #spaces = new Map<string, Entry>();
  readonly #heads: Heads;
  readonly #values: Values;
  readonly #dirtiness: Dirtiness;
  readonly #writer: UpdateWriter;
  readonly #reader: UpdateReader;
  readonly #flusher: Flusher;
  readonly #markers: Markers;
  readonly #post: PostParts;
  readonly #locks: LockFlow;
  readonly #sweepParts: SweepParts;
  readonly #timers: (() => void)[] = [];
  readonly #waiting: Parked = { polls: 0 };
  #stopping = false;
  #sweeping: Promise<{ swept: number; pruned: number }> | undefined;

  constructor(deps: Deps & LockParts) {
    this.#deps = deps;
    this.#values = new Values(deps);
    this.#dirtiness = new Dirtiness(deps);
    this.#heads = new Heads(deps, this.#values, this.#dirtiness);
    this.#writer = new UpdateWriter(deps, this.#values, this.#heads, new Locks(deps, deps));
    const recommit = async (space: SpaceState, item: string): Promise<number> => {
      const written = await this.#writer.write(space, { item, now: deps.clock.now() });
      this.#hint(space);
      return written.done ? written.version : 0;
    };
    this.#heads.recommit = recommit;
    const shards = new ShardReader();
    this.#markers = new Markers(deps.config.secrets);
    const observer = new Observer(deps, this.#heads, shards);
    this.#reader = new UpdateReader(deps, observer, new Renderer(this.#values, this.#heads), this.#markers, shards);
    const hint = (space: SpaceState) => this.#hint(space);
    const close: CloseParts = { deps, values: this.#values, heads: this.#heads, dirtiness: this.#dirtiness, hint };
    this.#flusher = new Flusher(close, recommit);
    this.#sweepParts = {
      ...close,
      recommit,
      space: (id) => this.#entry(id).state,
      knownSpaces: () => this.#states(),
      sightings: new LRUCache({ max: 10_000 }),
    };
    this.#post = { deps, writer: this.#writer, dirtiness: this.#dirtiness, queue: new ItemQueue(), hint };
    this.#locks = new LockFlow(this.#post);
    this.#flusher.start();
    this.#every(WAITER_SWEEP_MS, () => this.#sweepWaiters());
    let sweeps = 0;
    this.#every(
      deps.config.sweepMs,
      () => void this.#sweepOnce(sweeps++ % SWEEPS_PER_PRUNING === 0).catch(() => undefined),
    );
  }

  async postUpdate(space: SpaceId, request: PostUpdateRequest, caller: Caller): Promise<PostUpdateResponse> {
    this.#refuseIfStopping();
    checkPostUpdate(request);
    const { state } = this.#entry(space);
    const results = await postUpdates(this.#post, state, request, caller);
    return { epoch: state.epoch, results };
  }

  async update(space: SpaceId, update: Update, caller: Caller): Promise<UpdateResult> {
    const { results } = await this.postUpdate(space, { updates: [update] }, caller);
    const [result] = results;
    if (!result) throw new Error('one update has one result');
    return result;
  }

  async lock(space: SpaceId, item: ItemId, ask: LockRequest, caller: Caller, admin: boolean): Promise<LockAnswer> {
    this.#refuseIfStopping();
    return this.#locks.lock(this.#entry(space).state, item, ask, caller, admin);
  }

  async unlock(space: SpaceId, item: ItemId, client: string, caller: Caller, admin: boolean): Promise<void> {
    this.#refuseIfStopping();
    return this.#locks.unlock(this.#entry(space).state, item, client, caller, admin);
  }

  async freeLocks(
    space: SpaceId,
    name: Caller & { readonly client: string },
    held: Readonly<Record<string, string>>,
  ): Promise<void> {
    return this.#locks.release(this.#entry(space).state, name, held);
  }

  poll(space: SpaceId, query: GetUpdatesQuery, deliver: (outcome: PollOutcome) => void): () => void {
    try {
      this.#refuseIfStopping();
      const entry = this.#entry(space);
      if (this.#waiting.polls >= this.#deps.config.maxParkedPolls) {
        throw new ProblemError('overloaded', 'too many polls are parked here', { retryAfterMs: 2_000 });
      }
      this.#watch(entry);
      const filter = filterOf(query);
      const seconds = query.wait ?? (query.marker ? DEFAULT_WAIT_SECONDS : 0);
      const waitMs = seconds * 1_000 * (1 - WAIT_JITTER * this.#deps.random.fraction());
      const shape = { filter, limit: query.limit, durable: query.durable };
      const key = questionKey(query.marker ?? '', shape) + (query.known ? JSON.stringify(query.known) : '');
      const question = (): Question => ({
        ...shape,
        known: query.known,
        ...openMarker(this.#markers, space, query.marker, filter.hash),
      });
      return entry.waiters.add(key, question, deliver, this.#deps.clock.monotonic() + waitMs);
    } catch (error) {
      deliver({ problem: problemOf(error, this.#deps) });
      return () => undefined;
    }
  }

  readItem(space: SpaceId, item: ItemId): Promise<ItemState | undefined> {
    return readItem(this.#deps, this.#values, this.#heads, this.#entry(space).state, item);
  }

  sweep(): Promise<{ swept: number; pruned: number }> {
    return this.#sweepOnce(true);
  }

  #sweepOnce(prune: boolean): Promise<{ swept: number; pruned: number }> {
    this.#sweeping ??= this.#sweep(prune).finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  stats(): EngineStats {
    const lag = this.#dirtiness.lag();
    return { parkedPolls: this.#waiting.polls, watchedSpaces: this.#spaces.size, ...lag };
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    for (const cancel of this.#timers.splice(0)) cancel();
    this.#flusher.stop();
    const { problem } = new ProblemError('stopping', 'this instance is stopping; another one goes on', {
      retryAfterMs: Math.round(this.#deps.random.fraction() * 1_000),
    });
    for (const entry of this.#spaces.values()) {
      entry.waiters.refuse(problem);
      entry.unwatch?.();
    }
    await this.#flusher.drain(this.#deps.clock.monotonic() + deadlineMs);
  }

  async #sweep(prune: boolean): Promise<{ swept: number; pruned: number }> {
    const swept = await sweepItems(this.#sweepParts);
    return { swept, pruned: prune ? await pruneTombstones(this.#sweepParts) : 0 };
  }

  #entry(id: string): Entry {
    let entry = this.#spaces.get(id);
    if (!entry) {
      const state = new SpaceState(id);
      entry = {
        state,
        waiters: new SpaceWaiters(this.#deps, this.#reader, state, this.#waiting),
        usedAt: 0,
        unwatch: undefined,
      };
      this.#spaces.set(id, entry);
    }
    entry.usedAt = this.#deps.clock.monotonic();
    return entry;
  }

  #states(): SpaceState[] {
    return [...this.#spaces.values()].map((entry) => entry.state);
  }

  #watch(entry: Entry): void {
    entry.unwatch ??= this.#deps.bus.watch(entry.state.id, () => entry.waiters.hint());
  }

  #hint(space: SpaceState): void {
    this.#spaces.get(space.id)?.waiters.hint();
    this.#deps.bus.publish(space.id);
  }

  #sweepWaiters(): void {
    const now = this.#deps.clock.monotonic();
    const dirty = new Set<SpaceState>();
    for (const item of this.#dirtiness.items()) dirty.add(item.space);
    for (const [id, entry] of this.#spaces) {
      entry.waiters.sweep(now);
      if (entry.waiters.count > 0 || dirty.has(entry.state)) entry.usedAt = now;
      else if (now - entry.usedAt > FORGET_MS) {
        entry.unwatch?.();
        this.#spaces.delete(id);
      }
    }
    const stats = this.stats();
    this.#deps.metrics.gauge('parked_polls', stats.parkedPolls);
    this.#deps.metrics.gauge('dirty_items', stats.dirtyItems);
    this.#deps.metrics.gauge('oldest_dirty_ms', stats.oldestDirtyMs);
    this.#deps.metrics.gauge('watched_spaces', stats.watchedSpaces);
  }

  #every(ms: number, call: () => void): void {
    const slot = this.#timers.length;
    const arm = () => {
      this.#timers[slot] = this.#deps.clock.after(ms, () => {
        if (this.#stopping) return;
        arm();
        call();
      });
    };
    arm();
  }

  #refuseIfStopping(): void {
    if (this.#stopping)
      throw new ProblemError('stopping', 'this instance is stopping; another one goes on', { retryAfterMs: 500 });
  }
}
