import assert from 'node:assert/strict';
import { systemClock } from '../../../src/server/system.ts';
import { Seeded } from '../../simulation/seeded.ts';
import { TransportWorld } from '../../support/transport-world.ts';
import { Tab, Writer } from './documents.ts';

const WRITERS = 3;
const STEPS = 150;

/** A network on which requests and answers are lost and late. */
class BadNet {
  isGood = false;
  readonly #random: Seeded;

  constructor(random: Seeded) {
    this.#random = random;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const fate = this.isGood ? 1 : this.#random.fraction();
    if (fate < 0.05) throw new TypeError('the request was lost');
    const answer = await fetch(input, init);
    if (fate < 0.15) throw new TypeError('the answer was lost');
    if (fate < 0.3) await systemClock.sleep(this.#random.int(40));
    return answer;
  };
}

describe('texts of the client library on a bad network', function () {
  this.timeout(60_000);
  let world: TransportWorld;
  let seats: { readonly tab: Tab; writer: Writer; before: string[] }[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
  });
  afterEach(async () => {
    for (const { writer } of seats) writer.close();
    seats = [];
    await world.stop();
  });

  /** Every character that is written is another one, so that each can be counted. Ends when all is calm. */
  async function write(seed: number, onStep: (step: number, random: Seeded, net: BadNet) => Promise<void>) {
    const random = new Seeded(seed);
    const net = new BadNet(random);
    const open = (tab: Tab) =>
      // Tries again after tens of milliseconds, not seconds.
      Writer.open(`http://127.0.0.1:${world.port}`, tab, {
        ...{ fetch: net.fetch, webSocket: undefined, transport: 'longPoll', fraction: () => 0 },
      });
    for (let n = 0; n < WRITERS; n++) {
      const tab = new Tab();
      seats.push({ tab, writer: await open(tab), before: [] });
    }
    let written = 0;
    for (let step = 0; step < STEPS; step++) {
      const seat = seats[random.int(WRITERS)];
      assert(seat);
      if (random.int(25) === 0 && reopens) {
        seat.before.push(...seat.writer.lost);
        seat.writer.close();
        seat.writer = await open(seat.tab);
      }
      const { document } = seat.writer;
      if (document.isThere) {
        const keys = Array.from({ length: 1 + random.int(3) }, () => String.fromCharCode(0x4e00 + written++));
        seat.writer.write(random.int(document.shown.length + 1), keys.join(''));
      }
      await onStep(step, random, net);
      await systemClock.sleep(random.int(15));
    }
    net.isGood = true;
    const texts = () => seats.map(({ writer: { document } }) => (document.isSynced ? String(document.shown) : ''));
    for (let calm = 0, last = ''; calm < 20; await systemClock.sleep(20)) {
      const now = texts();
      const isOne = now[0] !== '' && now.every((text) => text === now[0]);
      calm = isOne && now[0] === last ? calm + 1 : 0;
      last = now[0] ?? '';
    }
    return {
      written,
      text: texts()[0] ?? '',
      lost: seats.flatMap(({ before, writer }) => [...before, ...writer.lost]),
    };
  }
  let reopens = true;

  const timesOf = (text: string) => {
    const times = new Map<string, number>();
    for (const key of text) times.set(key, (times.get(key) ?? 0) + 1);
    return times;
  };

  for (const seed of [1, 2, 3]) {
    it(`[ED8] every key is in the text of all once, or was handed back: seed ${seed}`, async () => {
      reopens = true;
      const { written, text, lost } = await write(seed, async () => undefined);
      const times = timesOf(text + lost.join(''));
      const answer = await fetch(`http://127.0.0.1:${world.port}/v1/spaces/board/items/text`);
      assert.equal(await answer.json(), text);
      // How much of it depends on how fast the machine is.
      assert(text.length > 0 && lost.length > 0, `${text.length} of ${written}, ${lost.length} handed back`);
      for (let n = 0; n < written; n++) {
        const key = String.fromCharCode(0x4e00 + n);
        assert.equal(times.get(key), 1, `key ${n} is there ${times.get(key) ?? 0} times`);
      }
    });

    it(`[ED9] the same where the cache is lost meanwhile: seed ${seed}`, async () => {
      reopens = false;
      const { written, text, lost } = await write(seed, async (step) => {
        if (step === 60 || step === 110) world.restartCache();
      });
      const times = timesOf(text + lost.join(''));
      const missing: number[] = [];
      for (let n = 0; n < written; n++) {
        const key = String.fromCharCode(0x4e00 + n);
        if (!times.has(key)) missing.push(n);
        else assert.equal(times.get(key), 1, `key ${n} is there ${times.get(key) ?? 0} times`);
      }
      assert.deepEqual(missing, []);
    });
  }
});
