import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { News } from '../../src/client/events.ts';
import { HttpClient, NoAnswerError } from '../../src/client/http-client.ts';
import type { Space } from '../../src/client/space.ts';
import { TextDocument } from '../../src/client/text/text.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { World } from './world.ts';

const ROUNDS = 2_000;

/** All signals that anybody has listened to. */
class Heard {
  readonly #signals = new Set<AbortSignal>();
  readonly #add = AbortSignal.prototype.addEventListener;

  constructor() {
    const [add, signals] = [this.#add, this.#signals];
    AbortSignal.prototype.addEventListener = function (this: AbortSignal, ...given: Parameters<typeof add>): void {
      signals.add(this);
      add.apply(this, given);
    } as typeof add;
  }

  /** Listeners of those that may still abort. */
  get count(): number {
    const live = [...this.#signals].filter(({ aborted }) => !aborted);
    return live.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0);
  }

  stop(): void {
    AbortSignal.prototype.addEventListener = this.#add;
  }
}

describe('what listens to a signal', function () {
  this.timeout(60_000);
  let heard: Heard;
  const own = new AbortController();

  beforeEach(() => {
    heard = new Heard();
  });
  afterEach(() => heard.stop());

  it('[SDK108] stops when it is over: updates, locks, listeners, waits and polls over thousands of rounds', async () => {
    const world = new World();
    const { space, net } = world.client({ signal: own.signal });
    net.locks = () => ({ fence: 7, ttlMs: 9_000 });
    const { signal } = own;
    const round = async (n: number): Promise<void> => {
      const card = space.item('card');
      const changes = space.changes({ signal });
      const change = changes.next();
      space.on('change', () => undefined, signal)();
      card.on('news', () => undefined, signal)();
      const all = [change, card.set(n, { signal }), card.lock({ signal }), space.ready(signal), space.flush(signal)];
      let isOver = false;
      void Promise.all(all)
        .then(() => Promise.all([changes.return(), card.release(signal)]))
        .then(() => {
          isOver = true;
        });
      await world.until(() => isOver, 'the round is over');
      if (n % 50 === 0) world.server.lose();
    };
    for (let n = 1; n <= 20; n++) await round(n);
    const before = heard.count;
    for (let n = 21; n <= ROUNDS; n++) await round(n);
    const after = heard.count;
    world.close();
    assert(after <= before + 2, `${before} listeners after 20 rounds, ${after} after ${ROUNDS}`);
    assert.equal(getEventListeners(own.signal, 'abort').length, 0);
  });

  it('[SDK108] stops with the space: a signal may close many, one after another', async () => {
    const world = new World();
    for (let n = 0; n < 100; n++) {
      const { space } = world.client({ signal: own.signal });
      await world.pass(10);
      space.close();
    }
    assert.equal(getEventListeners(own.signal, 'abort').length, 0);
  });

  it('[SDK108] stops with each request of the one that is asked call by call, also where its clock gives it up', async () => {
    const clock = new FakeClock();
    const answers = [Response.json({ items: [] })];
    const silence = new Promise<Response>(() => undefined);
    const client = new HttpClient({ url: 'http://server', clock, fetch: async () => answers.pop() ?? silence });
    await client.getUpdates('s', {}, own.signal);
    assert.deepEqual([heard.count, clock.waiting], [0, 0]);
    const givenUp = assert.rejects(client.getUpdates('s', {}, own.signal), NoAnswerError);
    await settle();
    assert.deepEqual([getEventListeners(own.signal, 'abort').length, clock.waiting], [1, 1]);
    clock.advance(65_000);
    await givenUp;
    assert.deepEqual([heard.count, clock.waiting], [0, 0]);
  });

  it('[SDK108] stops when a text has waited for others after a loss', async () => {
    const clock = new FakeClock();
    let tell: (news: News) => void = () => undefined;
    const item = {
      ...{ id: 'text', version: 0, confirmed: '', value: '', restoring: false, unanswered: undefined },
      on: (_name: string, listener: typeof tell) => {
        tell = listener;
      },
    };
    const space = { item: () => item, loaded: async () => true, ready: async () => undefined, on: () => undefined };
    const text = await TextDocument.open(space as unknown as Space, 'text', { clock });
    let waits = 0;
    for (let n = 1; n <= ROUNDS; n++) {
      Object.assign(item, { version: n, confirmed: `text ${n}` });
      const base = { id: 'text', kind: 'text', version: n, durableVersion: n, updatedAt: '', value: item.confirmed };
      tell({ answer: { ...base, rolledBack: { from: n - 1, to: n } }, epoch: 'e1' });
      waits += clock.waiting;
      clock.advance(3_000);
      await settle();
    }
    assert.deepEqual([waits, text.shown.toString()], [ROUNDS - 1, `text ${ROUNDS}`]);
    assert.equal(heard.count, 0);
    text.close();
  });
});
