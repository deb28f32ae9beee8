import { LRUCache } from 'lru-cache';
import { fromProblem, ProblemError } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import type { ItemId, SpaceId } from '../protocol/ids.ts';
import { DEFAULT_ITEMS_PER_ANSWER, DEFAULT_WAIT_SECONDS, WAIT_JITTER } from '../protocol/limits.ts';
import type { LockRequest } from '../protocol/locks.ts';
import type { OpsQuery, OpsResponse } from '../protocol/ops.ts';
import {
  checkPostUpdate,
  type PostUpdateRequest,
  type PostUpdateResponse,
  type Update,
  type UpdateResult,
} from '../protocol/post-update.ts';
import { Answers } from './answers.ts';
import { Dirtiness } from './dirtiness.ts';
import type {
  Answer,
  Caller,
  Engine,
  EngineStats,
  ItemState,
  LockAnswer,
  PollOutcome,
  PostOptions,
  Standing,
} from './engine-types.ts';
import { filterOf } from './filter.ts';
import { Flusher, type FlushParts } from './flusher.ts';
import { Heads } from './heads.ts';
import { openArchive } from './history/archive.ts';
import { OpsFollower } from './history/follow-ops.ts';
import { OpsReader } from './history/read-ops.ts';
import { ItemQueue } from './item-queue.ts';
import { LockFlow } from './lock-flow.ts';
import { type LockParts, Locks } from './locks.ts';
import { Markers } from './marker.ts';
import { Observer } from './observe.ts';
import { openMarker } from './open-marker.ts';
import type { ClientRecords } from './people-types.ts';
import { PictureReads } from './pictures/picture-reads.ts';
import { Pictures } from './pictures/pictures.ts';
import { type PostParts, postUpdates } from './post-update.ts';
import type { EngineParts } from './presence/engine-parts.ts';
import { Presence, ROUNDS_MS } from './presence/presence.ts';
import { RosterReader } from './presence/roster-reader.ts';
import { type Question, questionKey } from './question.ts';
import { type ReadItemParts, readItem, readStanding } from './read-item.ts';
import { UpdateReader } from './read-updates.ts';
import { Renderer } from './render.ts';
import { Rounds } from './rounds.ts';
import { ShardReader } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { IdleSpaces } from './spaces/idle-spaces.ts';
import { type SpaceDeps, settingsSource } from './spaces/settings.ts';
import { SpacesHere } from './spaces-here.ts';
import { Sweeps, type Swept } from './sweeps.ts';
import { compareHere, Unfolder } from './unfold.ts';
import { Values } from './values.ts';
import { problemOf } from './waiters.ts';
import { UpdateWriter } from './write-update.ts';

const WAITER_SWEEP_MS = 250;
const PICTURES_MS = 250;

type Deliver = (outcome: PollOutcome) => void;

/** Puts the flows together. */
export function createEngine(deps: SpaceDeps & LockParts, parts: EngineParts = {}): Engine {
  return new LongshoreEngine(deps, parts);
}

class LongshoreEngine implements Engine {
  readonly #deps: SpaceDeps;
  readonly #spaces: SpacesHere;
  readonly #heads: Heads;
  readonly #values: Values;
  readonly #dirtiness: Dirtiness;
  readonly #writer: UpdateWriter;
  readonly #reader: UpdateReader;
  readonly #flusher: Flusher;
  readonly #markers: Markers;
  readonly #post: PostParts;
  readonly #locks: LockFlow;
  readonly #sweeps: Sweeps;
  readonly #readParts: ReadItemParts;
  readonly #opsReader: OpsReader;
  readonly #ops: OpsFollower;
  readonly #pictures: Pictures | undefined;
  readonly clients: Presence;
  readonly pictures: PictureReads;
  readonly #rounds: Rounds;
  #stopping = false;

  constructor(deps: SpaceDeps & LockParts, parts: EngineParts) {
    this.#deps = deps;
    this.#spaces = new SpacesHere(deps, () => this.#reader);
    const hint = (space: SpaceState) => this.#spaces.hint(space);
    this.#values = new Values(deps);
    this.#dirtiness = new Dirtiness(deps);
    this.#heads = new Heads(deps, this.#values, this.#dirtiness);
    // Locks ask who is here, and whoever leaves is asked for their locks: each meets the other only later.
    const clients: ClientRecords = deps.clients ?? {
      hold: (...asked) => this.clients.hold(...asked),
      heldBy: (...asked) => this.clients.heldBy(...asked),
      drop: (...asked) => this.clients.drop(...asked),
    };
    const headOf = async (space: SpaceState, item: string) => (await this.#heads.forWrite(space, item, true)).held.head;
    const locks = new Locks(deps, { clients, settings: settingsSource(deps) }, headOf);
    const archive = openArchive(deps);
    this.#opsReader = new OpsReader({ deps, heads: this.#heads, values: this.#values, files: archive?.files });
    this.#pictures = deps.painting && new Pictures(deps, this.#opsReader, deps.painting);
    this.#readParts = { deps, heads: this.#heads, values: this.#values, pictures: this.#pictures };
    this.#writer = new UpdateWriter(deps, this.#values, this.#heads, locks, this.#pictures);
    const recommit = async (space: SpaceState, item: string): Promise<number> => {
      const written = await this.#writer.write(space, { item, now: deps.clock.now() });
      hint(space);
      return written.done ? written.version : 0;
    };
    this.#heads.recommit = recommit;
    const shards = new ShardReader();
    this.#markers = new Markers(deps.config.secrets);
    const space = (id: string) => this.#spaces.use(id).state;
    this.clients = new Presence({
      deps,
      settings: settingsSource(deps),
      locks: { release: (...left) => this.#locks.release(...left) },
      ...parts,
      space,
      hint,
      snapshot: (id) => this.#snapshot(id),
      admit: () => this.#refuseIfStopping(),
      beforeDropping: async (id, isStillEmpty) => this.#pictures?.tidy(space(id), isStillEmpty),
    });
    this.pictures = new PictureReads({ pictures: this.#pictures, space, admit: () => this.#refuseIfStopping() });
    const observer = new Observer(deps, this.#heads, shards, new RosterReader(deps, this.clients));
    const answers = new Answers(deps, new Renderer(this.#values, this.#heads, this.#pictures), this.#markers);
    this.#reader = new UpdateReader(deps, observer, answers, shards);
    const close: FlushParts = { deps, values: this.#values, heads: this.#heads, dirtiness: this.#dirtiness, hint };
    this.#flusher = new Flusher(close, recommit);
    this.#sweeps = new Sweeps({
      deps,
      items: {
        ...close,
        recommit,
        space,
        knownSpaces: () => this.#spaces.states,
        sightings: new LRUCache({ max: 10_000 }),
      },
      clients: this.clients,
      idle: new IdleSpaces(deps, this),
      spaces: this.#spaces,
      lifeEnds: [this.#pictures, archive?.files].filter((one) => one !== undefined),
      rest: [...(archive?.sweeps ?? []), ...(this.#pictures?.sweeps ?? [])],
    });
    const unfolder = new Unfolder(deps, this.#heads, this.#values, deps.compare ?? compareHere);
    this.#post = { deps, writer: this.#writer, dirtiness: this.#dirtiness, queue: new ItemQueue(), unfolder, hint };
    this.#locks = new LockFlow(this.#post);
    this.#ops = new OpsFollower({
      deps,
      reader: this.#opsReader,
      space,
      poll: (...asked) => this.poll(...asked),
    });
    this.#flusher.start();
    this.#rounds = new Rounds(deps.clock);
    this.#rounds.every(WAITER_SWEEP_MS, () => this.#sweepWaiters());
    this.#rounds.every(ROUNDS_MS, () => this.clients.run());
    if (this.#pictures) this.#rounds.every(PICTURES_MS, () => this.#pictures?.tick());
    this.#rounds.every(deps.config.sweepMs, () => void this.#sweeps.run().catch(() => undefined));
  }

  async postUpdate(
    space: SpaceId,
    request: PostUpdateRequest,
    caller: Caller,
    how?: PostOptions,
  ): Promise<PostUpdateResponse> {
    this.#refuseIfStopping();
    checkPostUpdate(request);
    const { state } = this.#spaces.use(space);
    const results = await postUpdates(this.#post, state, request, caller, how);
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
    return this.#locks.lock(this.#spaces.use(space).state, item, ask, caller, admin);
  }

  async unlock(space: SpaceId, item: ItemId, client: string, caller: Caller, admin: boolean): Promise<void> {
    this.#refuseIfStopping();
    return this.#locks.unlock(this.#spaces.use(space).state, item, client, caller, admin);
  }

  async freeLocks(
    space: SpaceId,
    name: Caller & { readonly client: string },
    held: Readonly<Record<string, string>>,
  ): Promise<void> {
    return this.#locks.release(this.#spaces.use(space).state, name, held);
  }

  poll(space: SpaceId, query: GetUpdatesQuery, deliver: Deliver, caller?: Caller): () => void {
    try {
      this.#refuseIfStopping();
      const entry = this.#spaces.use(space);
      if (this.#spaces.waiting.polls >= this.#deps.config.maxParkedPolls) {
        throw new ProblemError('overloaded', 'too many polls are parked here', { retryAfterMs: 2_000 });
      }
      this.#spaces.watch(entry);
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
      const until = this.#deps.clock.monotonic() + waitMs;
      const park = (to: Deliver) => entry.waiters.add(key, question, to, until);
      if (query.clientId === undefined || !caller) return park(deliver);
      return this.clients.poll(space, { subject: caller.subject, client: query.clientId }, deliver, park);
    } catch (error) {
      deliver({ problem: problemOf(error, this.#deps) });
      return () => undefined;
    }
  }

  #snapshot(space: SpaceId): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.poll(space, { limit: DEFAULT_ITEMS_PER_ANSWER, durable: false }, (outcome) =>
        'answer' in outcome ? resolve(outcome.answer) : reject(fromProblem(outcome.problem)),
      );
    });
  }

  ops(space: SpaceId, item: ItemId, query: OpsQuery, deliver: Deliver): () => void {
    return this.#ops.follow(space, item, query, deliver);
  }

  readItem(space: SpaceId, item: ItemId): Promise<ItemState | undefined> {
    return readItem(this.#readParts, this.#spaces.use(space).state, item);
  }

  readStanding(space: SpaceId, item: ItemId): Promise<Standing | undefined> {
    return readStanding(this.#readParts, this.#spaces.use(space).state, item);
  }

  async readOps(space: SpaceId, item: ItemId, query: OpsQuery): Promise<OpsResponse> {
    return (await this.#opsReader.read(this.#spaces.use(space).state, item, query)).answer;
  }

  sweep(): Promise<Swept> {
    return this.#sweeps.run(true);
  }

  stats(): EngineStats {
    const lag = this.#dirtiness.lag();
    const { polls: parkedPolls, coldReads } = this.#spaces.waiting;
    return { parkedPolls, coldReads, resyncs: this.#reader.resyncs.inUse, watchedSpaces: this.#spaces.size, ...lag };
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    this.#rounds.stop();
    this.#flusher.stop();
    const { problem } = new ProblemError('stopping', 'this instance is stopping; another one goes on', {
      retryAfterMs: Math.round(this.#deps.random.fraction() * 1_000),
    });
    this.#spaces.refuse(problem);
    await this.#flusher.drain(this.#deps.clock.monotonic() + deadlineMs);
  }

  #sweepWaiters(): void {
    const dirty = new Set<SpaceState>();
    for (const item of this.#dirtiness.items()) dirty.add(item.space);
    this.#spaces.sweep(dirty);
  }

  #refuseIfStopping(): void {
    if (this.#stopping)
      throw new ProblemError('stopping', 'this instance is stopping; another one goes on', { retryAfterMs: 500 });
  }
}
