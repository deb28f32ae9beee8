import type { Engine, PollOutcome } from '../../src/core/engine-types.ts';
import { joinResponseSchema } from '../../src/protocol/clients.ts';
import { type GetUpdatesResponse, getUpdatesResponseSchema } from '../../src/protocol/get-updates.ts';
import type { ClientId, SpaceId } from '../../src/protocol/ids.ts';
import type { Request } from './fleet.ts';
import { SPACES, type World } from './world.ts';

const SPACE = SPACES[0] as SpaceId;

export const LEASE_MS = 6_000;
/** A request that was given up has arrived by now, or never does. */
const GIVEN_UP_MS = 15_000;
export const ME = { subject: 'sim' };
type Shown = NonNullable<GetUpdatesResponse['clients']>[number];

/** One client that joins, polls, says something, falls silent, leaves and joins again; it believes what it is told of the others. */
export class SimClient {
  readonly id: string;
  readonly #world: World;
  #marker: string | undefined;
  generation = 0;
  /** What it last said, once that was taken. */
  said: unknown;
  /** Since when it has been here without a break, as it was told; `undefined`: it is not here. */
  hereSince: number | undefined;
  /** When an answer last came. */
  heardAt = 0;
  /** How often it found, while it was here, that it was not here for the others. */
  evicted = 0;
  #missingSince: number | undefined;
  /** When a request was last given up: it may still be under way. */
  #gaveUpAt = Number.NEGATIVE_INFINITY;
  readonly others = new Map<string, Shown>();

  constructor(id: string, world: World) {
    this.id = id;
    this.#world = world;
  }

  async live(turns: number): Promise<void> {
    const { random, scheduler } = this.#world;
    for (let turn = 0; turn < turns; turn++) {
      if (this.hereSince === undefined) await this.join();
      const what = random.int(12);
      if (what < 7) await this.poll(random.int(4));
      else if (what < 9) await this.say(random.int(1_000));
      else if (what === 9) await scheduler.sleep(random.int(20_000), `${this.id} is silent`);
      else if (what === 10) await this.leave(this.generation);
      else this.leaveLate();
    }
  }

  async join(): Promise<void> {
    const began = this.#world.scheduler.now;
    const losses = this.#losses();
    const reply = await this.#ask('join', (engine) =>
      engine.clients.join(SPACE, { clientId: this.id, data: this.said as never }, ME),
    );
    if (reply === undefined) return;
    const answer = joinResponseSchema.parse(JSON.parse(reply.toString()));
    if (answer.generation <= this.generation) this.#found(`joined as ${answer.generation} after ${this.generation}`);
    const isIn = answer.clients?.some(({ id }) => id === this.id);
    if (!isIn && this.#losses() === losses) this.#found('is not in the answer to its own join');
    this.generation = answer.generation;
    this.hereSince = began;
    this.others.clear();
    this.#take(answer);
  }

  async poll(wait: number): Promise<boolean> {
    const query = {
      limit: 500,
      durable: false,
      wait,
      clientId: this.id,
      ...(this.#marker ? { marker: this.#marker } : {}),
    };
    const reply = await this.#ask(
      'poll',
      (engine, onGiveUp) =>
        new Promise<PollOutcome>((resolve) => {
          onGiveUp(engine.poll(SPACE, query, resolve, ME));
        }),
      wait * 1_000 + 4_000,
    );
    if (reply && 'problem' in reply && reply.problem.code === 'superseded') this.#judgeSuperseded();
    if (!reply || !('answer' in reply)) return false;
    this.#take(getUpdatesResponseSchema.parse(JSON.parse(reply.answer.body.toString())));
    return true;
  }

  async say(data: unknown): Promise<boolean> {
    const done = await this.#ask('say', (engine) =>
      engine.clients.patch(SPACE, this.id as ClientId, data as never, ME).then(() => true),
    );
    if (done) this.said = data;
    return done === true;
  }

  async leave(generation: number): Promise<boolean> {
    this.hereSince = undefined;
    const ask = () =>
      this.#ask('leave', (engine) => engine.clients.leave(SPACE, this.id as ClientId, generation, ME).then(() => true));
    return (await ask()) === true;
  }

  /** A word of an older life that was long on its way. */
  leaveLate(): void {
    const { scheduler, random } = this.#world;
    const old = this.generation - 1;
    if (old < 1) return;
    const send = () =>
      void this.#ask('late leave', (engine) => engine.clients.leave(SPACE, this.id as ClientId, old, ME));
    scheduler.schedule(random.int(8_000), `${this.id} leaves late`, send);
  }

  #take(answer: GetUpdatesResponse): void {
    const { scheduler } = this.#world;
    this.heardAt = scheduler.now;
    if (answer.mustReset) this.others.clear();
    this.#marker = answer.marker;
    for (const each of answer.clients ?? []) {
      if (each.state !== 'left') this.others.set(each.id, each);
      else this.others.delete(each.id);
    }
    if (this.others.has(this.id)) this.#missingSince = undefined;
    else this.#missingSince ??= scheduler.now;
    // A list that was lost is mended within a third of a lease; whoever is still not in it has left in the eyes of the others.
    if (this.hereSince === undefined || this.#missingSince === undefined) return;
    if (scheduler.now - this.#missingSince < LEASE_MS) return;
    this.evicted++;
    scheduler.note(`${this.id} is not here for the others`);
    this.hereSince = undefined;
    this.#missingSince = undefined;
  }

  /** It polls one after the other: only a poll that it gave up may have come later. */
  #judgeSuperseded(): void {
    const { history, scheduler } = this.#world;
    history.count('superseded');
    if (scheduler.now - this.#gaveUpAt > GIVEN_UP_MS) this.#found('was told that it has a newer poll');
  }

  /** Times when a record of the roster may have been lost. */
  #losses(): number {
    const { counters } = this.#world.history;
    return (counters.get('evictRoster') ?? 0) + (counters.get('restartCache') ?? 0);
  }

  async #ask<T>(
    label: string,
    send: (engine: Engine, onGiveUp: (call: () => void) => void) => Promise<T>,
    patienceMs = 5_000,
  ) {
    const { fleet, scheduler, random } = this.#world;
    const request: Request<T> = {
      label: `${this.id} ${label}`,
      patienceMs,
      send: (engine, onGiveUp) => send(engine as Engine, onGiveUp),
    };
    const reply = await fleet.call(fleet.any(), request);
    if (reply.kind === 'answered') return reply.value;
    this.#gaveUpAt = scheduler.now;
    await scheduler.sleep(random.int(300), `${this.id} tries again`);
    return undefined;
  }

  #found(detail: string): void {
    this.#world.history.found('answer', `${this.id} ${detail}`);
  }
}
