import assert from 'node:assert/strict';
import { Recurring } from '../../src/core/recurring.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { RecordedLog } from '../support/recorded-log.ts';

const EVERY_MS = 1_000;

/** Work whose rounds end when told. */
class Rounds {
  readonly clock = new FakeClock();
  readonly log = new RecordedLog();
  readonly asked: boolean[] = [];
  readonly #open: PromiseWithResolvers<number>[] = [];
  readonly work = new Recurring<number>(this, {
    name: 'the counting',
    everyMs: EVERY_MS,
    once: (asked) => {
      this.asked.push(asked);
      const round = Promise.withResolvers<number>();
      this.#open.push(round);
      return round.promise;
    },
  });

  /** How many rounds run now. */
  get running(): number {
    return this.#open.length;
  }

  async end(): Promise<void> {
    this.#open.shift()?.resolve(this.asked.length);
    await settle();
  }

  async fail(): Promise<void> {
    this.#open.shift()?.reject(new Error('away'));
    await settle();
  }
}

describe('work that recurs', () => {
  it('[SW22] goes by time from its start on, and not before', async () => {
    const { clock, work } = new Rounds();
    clock.advance(EVERY_MS);
    assert.equal(clock.waiting, 0);
    work.start();
    assert.equal(clock.waiting, 1);
  });

  it('[SW22] comes once in its time, and is not told to be asked for', async () => {
    const rounds = new Rounds();
    rounds.work.start();
    rounds.clock.advance(EVERY_MS - 1);
    assert.deepEqual(rounds.asked, []);
    for (let time = 0; time < 3; time++) {
      rounds.clock.advance(time === 0 ? 1 : EVERY_MS);
      await rounds.end();
    }
    assert.deepEqual(rounds.asked, [false, false, false]);
  });

  it('[SW22] a round whose time comes while one runs is left out; the next comes in its time', async () => {
    const rounds = new Rounds();
    rounds.work.start();
    rounds.clock.advance(3 * EVERY_MS);
    assert.deepEqual([rounds.asked.length, rounds.running], [1, 1]);
    await rounds.end();
    rounds.clock.advance(EVERY_MS);
    assert.deepEqual([rounds.asked.length, rounds.running], [2, 1]);
  });

  it('[SW4] whoever asks gets a round at once, or the one that runs, whoever began it', async () => {
    const rounds = new Rounds();
    const first = [rounds.work.run(), rounds.work.run()];
    assert.deepEqual(rounds.asked, [true]);
    await rounds.end();
    assert.deepEqual(await Promise.all(first), [1, 1]);
    rounds.work.start();
    rounds.clock.advance(EVERY_MS);
    const second = rounds.work.run();
    assert.deepEqual(rounds.asked, [true, false]);
    await rounds.end();
    assert.equal(await second, 2);
  });

  it('[SW22] a round by time that fails is logged, and the next comes as ever', async () => {
    const rounds = new Rounds();
    rounds.work.start();
    rounds.clock.advance(EVERY_MS);
    await rounds.fail();
    assert.deepEqual(rounds.log.lines, [
      { level: 'warn', fields: { error: 'Error: away' }, message: 'the counting failed' },
    ]);
    rounds.clock.advance(EVERY_MS);
    assert.equal(rounds.running, 1);
  });

  it('[SW22] whoever asked is told that the round failed, and nothing is logged', async () => {
    const rounds = new Rounds();
    const asked = rounds.work.run();
    const told = assert.rejects(asked, /away/);
    await rounds.fail();
    await told;
    assert.deepEqual(rounds.log.lines, []);
    void rounds.work.run();
    assert.equal(rounds.running, 1);
  });

  it('[SW23] a stop ends the times, tells the round that runs, and waits for it', async () => {
    const rounds = new Rounds();
    rounds.work.start();
    rounds.clock.advance(EVERY_MS);
    let stopped = false;
    const stop = rounds.work.stop().then(() => {
      stopped = true;
    });
    assert.deepEqual([rounds.work.isStopped, rounds.clock.waiting], [true, 0]);
    await settle();
    assert.equal(stopped, false);
    await rounds.end();
    await stop;
    rounds.clock.advance(5 * EVERY_MS);
    assert.equal(rounds.asked.length, 1);
  });

  it('[SW23] a stop waits for a round that fails, too, and where nothing runs for nothing', async () => {
    const rounds = new Rounds();
    rounds.work.start();
    rounds.clock.advance(EVERY_MS);
    const stop = rounds.work.stop();
    await rounds.fail();
    await stop;
    await new Rounds().work.stop();
  });

  it('[SW22] rounds with nothing to wait for are all made, and what throws in one is not held back', () => {
    const [clock, log] = [new FakeClock(), new RecordedLog()];
    let made = 0;
    const once = () => {
      if (++made === 4) throw new Error('a bug');
    };
    const work = new Recurring({ clock, log }, { name: 'the ticking', everyMs: EVERY_MS, once });
    work.start();
    clock.advance(3 * EVERY_MS);
    assert.equal(made, 3);
    assert.throws(() => clock.advance(EVERY_MS), /a bug/);
    assert.deepEqual(log.lines, []);
    clock.advance(EVERY_MS);
    assert.equal(made, 5);
  });
});
