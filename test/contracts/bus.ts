import assert from 'node:assert/strict';
import type { Bus } from '../../src/ports/bus.ts';

export type BusesUnderTest = {
  /** Two instances that hear each other. */
  readonly one: Bus;
  readonly two: Bus;
  /** Lets enough time pass for every hint published so far to arrive, and whatever follows from it. */
  readonly arrive: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** The laws of `ports/bus.ts`. `open` is called for each test. */
export function busContract(open: () => Promise<BusesUnderTest>): void {
  let buses: BusesUnderTest;
  let one: Bus;
  let two: Bus;
  let arrive: () => Promise<void>;

  beforeEach(async () => {
    buses = await open();
    ({ one, two, arrive } = buses);
  });
  afterEach(() => buses.close());

  /** A watcher that counts, past the first call that a backend may begin with. */
  async function watch(bus: Bus, space: string): Promise<{ wakes: number; end: () => void }> {
    const watcher = { wakes: 0, end: () => {} };
    watcher.end = bus.watch(space, () => {
      watcher.wakes += 1;
    });
    await arrive();
    watcher.wakes = 0;
    return watcher;
  }

  it('[BU1] a hint wakes the watchers of the space at the other instance', async () => {
    const [a, b] = [await watch(two, 'board'), await watch(two, 'board')];
    one.publish('board');
    await arrive();
    assert(a.wakes >= 1 && b.wakes >= 1, `${a.wakes}, ${b.wakes}`);
  });

  it('[BU1] each later hint wakes again, in either direction', async () => {
    const [ofOne, ofTwo] = [await watch(one, 'board'), await watch(two, 'board')];
    for (let round = 1; round <= 3; round++) {
      const before = [ofOne.wakes, ofTwo.wakes];
      one.publish('board');
      await arrive();
      assert(ofTwo.wakes > (before[1] ?? 0), `round ${round}`);
      two.publish('board');
      await arrive();
      assert(ofOne.wakes > (before[0] ?? 0), `round ${round}`);
    }
  });

  it('[BU2] an instance does not wake itself', async () => {
    const own = await watch(one, 'board');
    one.publish('board');
    await arrive();
    one.publish('board');
    await arrive();
    assert.equal(own.wakes, 0);
  });

  it('[BU3] other spaces are not woken, however alike their names are', async () => {
    const others = [];
    for (const space of ['boar', 'board1', 'board:', 'Board', 'x'.repeat(128)]) others.push(await watch(two, space));
    one.publish('board');
    await arrive();
    assert.deepEqual(
      others.map(({ wakes }) => wakes),
      [0, 0, 0, 0, 0],
    );
  });

  it('[BU3] long names that differ at their end are told apart', async () => {
    const [mine, other] = [await watch(two, `${'x'.repeat(127)}1`), await watch(two, `${'x'.repeat(127)}2`)];
    one.publish(`${'x'.repeat(127)}1`);
    await arrive();
    assert(mine.wakes >= 1);
    assert.equal(other.wakes, 0);
  });

  it('[BU4] publish returns before anybody is woken', async () => {
    const watcher = await watch(two, 'board');
    one.publish('board');
    assert.equal(watcher.wakes, 0);
    await arrive();
    assert(watcher.wakes >= 1);
  });

  it('[BU5] a watch that ended is not woken; the others are, and the space can be watched again', async () => {
    const [ended, stays] = [await watch(two, 'board'), await watch(two, 'board')];
    ended.end();
    ended.end();
    one.publish('board');
    await arrive();
    assert.equal(ended.wakes, 0);
    assert(stays.wakes >= 1);
    stays.end();
    const again = await watch(two, 'board');
    one.publish('board');
    await arrive();
    assert(again.wakes >= 1);
  });

  it('[BU5] the same function may watch twice, and one end ends one watch', async () => {
    let wakes = 0;
    const wake = (): void => {
      wakes += 1;
    };
    const end = two.watch('board', wake);
    two.watch('board', wake);
    end();
    await arrive();
    wakes = 0;
    one.publish('board');
    await arrive();
    assert(wakes >= 1);
  });

  it('[BU6] a hint from before the watch is nothing that the watcher waits for twice', async () => {
    one.publish('board');
    await arrive();
    const watcher = await watch(two, 'board');
    await arrive();
    assert.equal(watcher.wakes, 0);
  });

  it('[BU7] after close nothing is woken, and calls do no harm', async () => {
    const watcher = await watch(two, 'board');
    await two.close();
    await two.close();
    one.publish('board');
    two.publish('board');
    const end = two.watch('board', () => assert.fail('woken after close'));
    await arrive();
    end();
    assert.equal(watcher.wakes, 0);
  });

  it('[BU8] many hints of many spaces all arrive', async () => {
    const spaces = Array.from({ length: 250 }, (_, i) => `space-${i}`);
    const woken = new Set<string>();
    for (const space of spaces) two.watch(space, () => woken.add(space));
    await arrive();
    woken.clear();
    for (const space of spaces) one.publish(space);
    await arrive();
    assert.equal(woken.size, 250);
  });
}
