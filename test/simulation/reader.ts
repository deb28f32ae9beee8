import type { PollOutcome } from '../../src/core/engine-types.ts';
import {
  type GetUpdatesQuery,
  type GetUpdatesResponse,
  getUpdatesResponseSchema,
} from '../../src/protocol/get-updates.ts';
import type { ItemId, SpaceId } from '../../src/protocol/ids.ts';
import type { Fleet, Instance } from './fleet.ts';
import { kindOf } from './items.ts';
import { ReaderModel, type Whole } from './reader-model.ts';
import { Restorer } from './restorer.ts';
import type { World } from './world.ts';

export type Filter = { readonly ids?: string[]; readonly kinds?: string[] };

/** Filters a reader may use; the first shows everything. */
const FILTERS: readonly Filter[] = [{}, { ids: ['j*'] }, { kinds: ['register'] }, { ids: ['j0', 'r1'] }];

/** More pages than this before `upToDate` cannot be explained by the items there are. */
const MAX_PAGES = 12;

/** A client that follows a space along one marker chain, on whichever instance. */
export class SimReader {
  readonly model: ReaderModel;
  readonly space: SpaceId;
  readonly #world: World;
  readonly #restorer: Restorer;
  readonly #limit: number;
  readonly #known: boolean;
  readonly #fromNow: boolean;
  #filter: Filter = {};

  constructor(name: string, world: World, space: SpaceId, cold = false) {
    const { random, config } = world;
    this.#world = world;
    this.space = space;
    this.model = new ReaderModel(name, space, world.history, world.kinds);
    this.#restorer = new Restorer(world, space, name, { next: () => undefined, givenUp: () => {} });
    this.#limit = cold || random.chance(0.5) ? 500 : 1 + random.int(2);
    this.#known = !cold && random.chance(config.work.known);
    this.#fromNow = !cold && random.chance(config.work.fromNow);
  }

  async live(): Promise<void> {
    const { random, config } = this.#world;
    for (let turn = 0; turn < config.work.polls; turn++) {
      if (random.chance(config.work.filters)) this.#filter = random.pick(FILTERS);
      await this.poll(this.#world.fleet.any(), random.chance(0.5) ? 0 : 1 + random.int(4));
      await this.#restorer.restoreLost(this.model.chains);
      await this.#world.pauseBetweenRequests();
    }
  }

  /**
   * Polls until an answer says `upToDate`, every whole value that was needed is there, and one more poll brings nothing. Where nothing can change, not
   * even by a sweep, that one has to be empty.
   */
  async catchUp(turns: number, quiet = false): Promise<boolean> {
    let firm = false;
    for (let turn = 0; turn < turns; turn++) {
      const answer = await this.poll(this.#world.fleet.any(), 0);
      if (!answer) await this.#world.scheduler.sleep(100 + this.#world.random.int(400));
      else if (answer.upToDate && firm && answer.items.length === 0) return true;
      else if (quiet && firm && this.model.news > 0) {
        this.#world.history.found(
          'not firm',
          `${this.model.name} was up to date, then was told of ${answer.items.map(({ id }) => id)}`,
        );
      }
      if (answer) firm = answer.upToDate && this.model.wanted.size === 0;
    }
    return false;
  }

  /** Back to seeing everything: the server refuses the old marker, so the chain begins again. */
  showAll(): void {
    this.#filter = {};
  }

  async poll(instance: Instance, wait: number): Promise<GetUpdatesResponse | undefined> {
    const query = this.#query(wait);
    const began = this.#world.scheduler.now;
    const reply = await this.#world.fleet.call(instance, {
      label: `poll of ${this.model.name}`,
      patienceMs: wait * 1000 + 10_000,
      send: (engine, onGiveUp) =>
        new Promise<PollOutcome>((resolve) => onGiveUp(engine.poll(this.space, query, resolve))),
    });
    if (reply.kind === 'lost') return undefined;
    if (reply.kind === 'failed') {
      this.#world.history.found('answer', `a poll failed with ${String(reply.error)}`);
      return undefined;
    }
    return this.#take(reply.value, query, began);
  }

  async #take(outcome: PollOutcome, query: GetUpdatesQuery, began: number): Promise<GetUpdatesResponse | undefined> {
    const { history, scheduler } = this.#world;
    if ('problem' in outcome) {
      const { code, status, retryAfterMs } = outcome.problem;
      history.count('polls refused');
      if (code === 'filterChanged') this.model.restart();
      else if (status !== 503) history.found('answer', `a poll was answered ${code}: ${outcome.problem.detail}`);
      await scheduler.sleep(retryAfterMs ?? 100);
      return undefined;
    }
    const answer = this.#parse(outcome.answer.body);
    if (!answer) return undefined;
    if (scheduler.now - began > 60_000) history.found('C11 stuck', `a poll took ${scheduler.now - began} ms`);
    history.count('polls');
    scheduler.note(`${this.model.name} ${told(query)} was told ${told(answer)}`);
    if (query.marker === 'now') this.model.beginAtNow(scheduler.now);
    this.model.take(answer, query.marker === undefined, (item) => inFilter(query, item));
    if (query.marker === 'now' && query.wait === 0 && answer.items.length > 0)
      history.found('answer', 'marker=now was answered with items');
    if (this.model.pagesSinceUpToDate > MAX_PAGES * 5)
      history.found('starved', `${this.model.name} gets page after page`);
    await this.#fetchWanted();
    return answer;
  }

  #parse(body: Buffer): GetUpdatesResponse | undefined {
    const json: unknown = JSON.parse(body.toString());
    if (!this.#world.random.chance(0.1)) return json as GetUpdatesResponse;
    const checked = getUpdatesResponseSchema.safeParse(json);
    if (!checked.success) this.#world.history.found('answer', `not of the documented form: ${checked.error.message}`);
    return checked.data;
  }

  async #fetchWanted(): Promise<void> {
    for (const item of [...this.model.wanted.keys()]) await this.#fetch(item);
  }

  async #fetch(item: string): Promise<void> {
    for (let turn = 0; turn < 30 && this.model.wanted.has(item); turn++) {
      const state = await readItem(this.#world.fleet, this.space, item);
      if (state === 'failed') await this.#world.scheduler.sleep(100 + this.#world.random.int(300));
      else this.model.takeWhole(item, state);
    }
  }

  #query(wait: number): GetUpdatesQuery {
    const marker = this.model.marker ?? (this.#fromNow && this.model.isNew ? 'now' : undefined);
    const known = Object.fromEntries([...this.model.held].map(([item, { version }]) => [item, version]));
    return {
      limit: this.#limit,
      durable: this.#world.random.chance(0.2),
      wait: marker === undefined ? 0 : wait,
      ...(marker === undefined ? {} : { marker }),
      ...(this.#known ? { known } : {}),
      ...this.#filter,
    };
  }
}

/** For the trace: without the bytes of values and markers. */
function told(message: object): string {
  return JSON.stringify(message, (key, value: unknown) =>
    key === 'marker' ? String(value).slice(-6) : typeof value === 'string' ? value.split('~')[0] : value,
  );
}

/** The item as the server tells it; `failed` where it would not say. */
export async function readItem(
  fleet: Fleet,
  space: SpaceId,
  item: string,
  instance = fleet.any(),
): Promise<Whole | undefined | 'failed'> {
  const reply = await fleet.call(instance, {
    label: `read ${item}`,
    patienceMs: 10_000,
    send: (engine) => engine.readItem(space, item as ItemId),
  });
  if (reply.kind !== 'answered') return 'failed';
  const state = reply.value;
  return state && { ...state, value: state.deleted ? undefined : (state.value ?? null) };
}

export function inFilter(filter: Pick<GetUpdatesQuery, 'ids' | 'kinds'>, item: string): boolean {
  const byId = filter.ids?.some((id) => (id.endsWith('*') ? item.startsWith(id.slice(0, -1)) : item === id)) ?? true;
  return byId && (filter.kinds?.includes(kindOf(item)) ?? true);
}
