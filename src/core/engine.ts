import { must } from '../base/assert.ts';
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
import type {
  Answer,
  Caller,
  Clients,
  Engine,
  EngineStats,
  ItemState,
  LockAnswer,
  PictureAnswers,
  PollOutcome,
  PostOptions,
  Standing,
} from './engine-types.ts';
import { filterOf } from './filter.ts';
import { type Flows, openFlows } from './flows.ts';
import type { LockParts } from './locks.ts';
import { openMarker } from './open-marker.ts';
import { postUpdates } from './post-update.ts';
import type { EngineParts } from './presence/engine-parts.ts';
import { ROUNDS_MS } from './presence/presence.ts';
import { type Question, questionKey } from './question.ts';
import { readItem, readStanding } from './read-item.ts';
import { Recurring } from './recurring.ts';
import type { SpaceState } from './space-state.ts';
import type { SpaceDeps } from './spaces/settings.ts';
import type { SpacesHere } from './spaces-here.ts';
import type { Swept } from './sweeps.ts';
import { problemOf } from './waiters.ts';

const WAITER_SWEEP_MS = 250;
const PICTURES_MS = 250;

type Deliver = (outcome: PollOutcome) => void;

export function createEngine(deps: SpaceDeps & LockParts, parts: EngineParts = {}): Engine {
  return new LongshoreEngine(deps, parts);
}

/** The flows behind one door, from the start of what goes by time to the stop. */
class LongshoreEngine implements Engine {
  readonly #deps: SpaceDeps;
  readonly #flows: Flows;
  readonly #spaces: SpacesHere;
  readonly clients: Clients;
  readonly pictures: PictureAnswers;
  readonly #rounds: readonly Pick<Recurring<unknown>, 'start' | 'stop'>[];
  #stopping = false;

  constructor(deps: SpaceDeps & LockParts, parts: EngineParts) {
    this.#deps = deps;
    this.#flows = openFlows(deps, parts, {
      postUpdate: (...asked) => this.postUpdate(...asked),
      poll: (...asked) => this.poll(...asked),
      snapshot: (space) => this.#snapshot(space),
      admit: () => this.#refuseIfStopping(),
    });
    const { spaces, clients, pictures, pictureReads, flusher, sweeps } = this.#flows;
    this.#spaces = spaces;
    this.clients = clients;
    this.pictures = pictureReads;
    const every = (everyMs: number, name: string, once: () => void) => new Recurring(deps, { name, everyMs, once });
    this.#rounds = [
      flusher.ticks,
      every(WAITER_SWEEP_MS, 'the look at waiting polls', () => this.#sweepWaiters()),
      every(ROUNDS_MS, 'the look at clients', () => clients.run()),
      ...(pictures ? [every(PICTURES_MS, 'the look at pictures', () => pictures.tick())] : []),
      sweeps.rounds,
    ];
    for (const round of this.#rounds) round.start();
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
    const results = await postUpdates(this.#flows.post, state, request, caller, how);
    return { epoch: state.epoch, results };
  }

  async update(space: SpaceId, update: Update, caller: Caller): Promise<UpdateResult> {
    const { results } = await this.postUpdate(space, { updates: [update] }, caller);
    return must(results[0], 'one update has one result');
  }

  async lock(space: SpaceId, item: ItemId, ask: LockRequest, caller: Caller, admin: boolean): Promise<LockAnswer> {
    this.#refuseIfStopping();
    return this.#flows.locks.lock(this.#spaces.use(space).state, item, ask, caller, admin);
  }

  async unlock(space: SpaceId, item: ItemId, client: string, caller: Caller, admin: boolean): Promise<void> {
    this.#refuseIfStopping();
    return this.#flows.locks.unlock(this.#spaces.use(space).state, item, client, caller, admin);
  }

  async freeLocks(
    space: SpaceId,
    name: Caller & { readonly client: string },
    held: Readonly<Record<string, string>>,
  ): Promise<void> {
    return this.#flows.locks.release(this.#spaces.use(space).state, name, held);
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
        ...openMarker(this.#flows.markers, space, query.marker, filter.hash),
      });
      const until = this.#deps.clock.monotonic() + waitMs;
      const park = (to: Deliver) => entry.waiters.add(key, question, to, until);
      if (query.clientId === undefined || !caller) return park(deliver);
      return this.#flows.clients.poll(space, { subject: caller.subject, client: query.clientId }, deliver, park);
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
    return this.#flows.ops.follow(space, item, query, deliver);
  }

  readItem(space: SpaceId, item: ItemId): Promise<ItemState | undefined> {
    return readItem(this.#flows.readItem, this.#spaces.use(space).state, item);
  }

  readStanding(space: SpaceId, item: ItemId): Promise<Standing | undefined> {
    return readStanding(this.#flows.readItem, this.#spaces.use(space).state, item);
  }

  async readOps(space: SpaceId, item: ItemId, query: OpsQuery): Promise<OpsResponse> {
    return (await this.#flows.opsReader.read(this.#spaces.use(space).state, item, query)).answer;
  }

  sweep(): Promise<Swept> {
    return this.#flows.sweeps.rounds.run();
  }

  stats(): EngineStats {
    const lag = this.#flows.dirtiness.lag();
    const { polls: parkedPolls, coldReads } = this.#spaces.waiting;
    return {
      parkedPolls,
      coldReads,
      resyncs: this.#flows.reader.resyncs.inUse,
      watchedSpaces: this.#spaces.size,
      ...lag,
    };
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    const ended = this.#rounds.map((round) => round.stop());
    const { problem } = new ProblemError('stopping', 'this instance is stopping; another one goes on', {
      retryAfterMs: Math.round(this.#deps.random.fraction() * 1_000),
    });
    this.#spaces.refuse(problem);
    const { clock } = this.#deps;
    const { flusher, pictures } = this.#flows;
    const until = clock.monotonic() + deadlineMs;
    const storeAll = async (): Promise<void> => {
      await flusher.drain(until);
      await pictures?.storeAll(until - deadlineMs / 2); // what was begun then has time to end
    };
    await Promise.race([Promise.all([storeAll(), ...ended]), clock.sleep(deadlineMs)]);
  }

  #sweepWaiters(): void {
    const dirty = new Set<SpaceState>();
    for (const item of this.#flows.dirtiness.items()) dirty.add(item.space);
    this.#spaces.sweep(dirty);
  }

  #refuseIfStopping(): void {
    if (this.#stopping)
      throw new ProblemError('stopping', 'this instance is stopping; another one goes on', { retryAfterMs: 500 });
  }
}
