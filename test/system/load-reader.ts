import { setTimeout as sleep } from 'node:timers/promises';
import { KINDS } from '../../src/kinds/registry.ts';
import { type GetUpdatesResponse, getUpdatesResponseSchema } from '../../src/protocol/get-updates.ts';
import { ReaderModel } from '../simulation/reader-model.ts';
import { get, type Problem, readItem } from './calls.ts';
import type { Load } from './load.ts';

const MAX_PAUSE_MS = 250;
const CATCH_UP_MS = 30_000;

/** A client that follows the space along one marker chain, each request on any server. */
export class LoadReader {
  readonly model: ReaderModel;
  /** Why it had to begin again, each time. */
  readonly resets: string[] = [];
  readonly #load: Load;

  constructor(name: string, load: Load) {
    this.#load = load;
    this.model = new ReaderModel(name, load.space, load.history, KINDS);
  }

  async live(): Promise<void> {
    while (!this.#load.stopped) await this.poll(1 + this.#load.random.int(3), this.#load.stopping);
  }

  /** Polls until it is up to date, has every value, and one more poll brings nothing. */
  async catchUp(): Promise<void> {
    const end = performance.now() + CATCH_UP_MS;
    for (let firm = false; performance.now() < end; ) {
      const answer = await this.poll(0);
      if (answer?.upToDate && firm && answer.items.length === 0) return;
      firm = answer?.upToDate === true && this.model.wanted.size === 0;
    }
    this.#load.history.found('C11 stuck', `${this.model.name} did not catch up in ${CATCH_UP_MS} ms`);
  }

  async poll(wait: number, signal?: AbortSignal): Promise<GetUpdatesResponse | undefined> {
    const { history, space, random } = this.#load;
    const { marker } = this.model;
    const limit = random.chance(0.3) ? 2 : 500;
    const ask = marker === undefined ? { wait: 0, limit } : { marker, wait, limit };
    const reply = await get(this.#load.anyServer(), space, ask, signal);
    if (reply === undefined) {
      if (signal?.aborted) return undefined;
      history.count('polls without answer');
      await sleep(random.fraction() * MAX_PAUSE_MS);
      return undefined;
    }
    if (reply.status !== 200) {
      history.count('polls refused');
      const { code } = reply.body as unknown as Problem;
      if (reply.status !== 503 || reply.headers.get('Retry-After') === null) {
        history.found('answer', `a poll was answered ${reply.status} ${code}`);
      }
      await sleep(random.fraction() * MAX_PAUSE_MS);
      return undefined;
    }
    return this.#take(reply.body, marker === undefined, reply.ms, wait);
  }

  async #take(body: unknown, snapshot: boolean, ms: number, wait: number): Promise<GetUpdatesResponse | undefined> {
    const { history } = this.#load;
    const parsed = getUpdatesResponseSchema.safeParse(body);
    if (!parsed.success) {
      history.found('answer', `not of the documented form: ${parsed.error.message}`);
      return undefined;
    }
    const answer = parsed.data;
    history.count('polls');
    if (ms > wait * 1000 + 15_000) history.found('C11 stuck', `a poll with wait=${wait} took ${Math.round(ms)} ms`);
    if (answer.mustReset) this.resets.push(answer.mustReset.reason);
    this.model.take(answer, snapshot, () => true);
    for (const item of [...this.model.wanted.keys()]) await this.#fetch(item);
    return answer;
  }

  async #fetch(item: string): Promise<void> {
    try {
      const held = await readItem(this.#load.anyServer(), this.#load.space, item);
      this.model.takeWhole(item, held && { ...held, kind: 'register', value: held.value as never });
    } catch {
      // Still wanted: the next answer asks again.
    }
  }
}
