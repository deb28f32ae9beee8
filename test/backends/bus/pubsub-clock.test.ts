import assert from 'node:assert/strict';
import { createPubsubBus } from '../../../src/backends/bus/pubsub.ts';
import type { PubsubDriver, PubsubMessage } from '../../../src/backends/bus/pubsub-driver.ts';
import { NOT_FOUND, RpcError, UNAVAILABLE } from '../../../src/backends/grpc/rpc-error.ts';
import type { Bus } from '../../../src/ports/bus.ts';
import { FakeClock, settle } from '../../support/clocks.ts';
import { RecordedLog } from '../../support/recorded-log.ts';

const AWAY = new RpcError(UNAVAILABLE, 'away');

/** Pub/Sub as the test wants it, and what was asked of it. */
class ScriptedDriver implements PubsubDriver {
  readonly asked: { readonly what: string; readonly at: number }[] = [];
  readonly published: { readonly at: number; readonly spaces: readonly (readonly string[])[] }[] = [];
  failing: RpcError | undefined;
  /** Answers to `publish` and `subscribe` are kept until `release`. */
  holding = false;
  release: (() => void)[] = [];
  /** Of the stream that is open. */
  end: ((error: RpcError) => void) | undefined;
  take: ((message: PubsubMessage) => void) | undefined;
  /** Streams end at once. */
  refusing: RpcError | undefined;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async publish(messages: readonly PubsubMessage[]): Promise<void> {
    const spaces = messages.map(({ data }) => JSON.parse(data.toString()));
    this.published.push({ at: this.#clock.monotonic(), spaces });
    if (this.holding) await new Promise<void>((resolve) => void this.release.push(resolve));
    if (this.failing) throw this.failing;
  }

  async subscribe(name: string): Promise<void> {
    await this.#ask(`subscribe ${name}`);
    if (this.holding) await new Promise<void>((resolve) => void this.release.push(resolve));
  }

  unsubscribe(name: string): Promise<void> {
    return this.#ask(`unsubscribe ${name}`);
  }

  listen(_name: string, take: (message: PubsubMessage) => void, ended: (error: RpcError) => void): () => void {
    this.#note('listen');
    this.take = take;
    this.end = ended;
    if (this.refusing) ended(this.refusing);
    return () => this.#note('stop');
  }

  async close(): Promise<void> {
    this.#note('close');
  }

  times(what: string): number[] {
    return this.asked.filter((one) => one.what.startsWith(what)).map(({ at }) => at);
  }

  async #ask(what: string): Promise<void> {
    this.#note(what);
    if (this.failing) throw this.failing;
  }

  #note(what: string): void {
    this.asked.push({ what, at: this.#clock.monotonic() });
  }
}

describe('Pub/Sub bus on the clock', () => {
  let clock: FakeClock;
  let driver: ScriptedDriver;
  let log: RecordedLog;
  let bus: Bus;

  beforeEach(() => {
    clock = new FakeClock();
    driver = new ScriptedDriver(clock);
    log = new RecordedLog();
  });
  afterEach(async () => {
    for (const release of driver.release) release();
    await bus.close();
  });

  function make(): void {
    const random = { fraction: () => 1, id: () => 'me' };
    bus = createPubsubBus({ topic: 'hints', driver, clock, random, log });
  }
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      await settle();
      clock.advance(Math.min(10, left));
    }
    await settle();
  }
  function counted(space: string): { wakes: number } {
    const watcher = { wakes: 0 };
    bus.watch(space, () => {
      watcher.wakes += 1;
    });
    return watcher;
  }
  const levels = (): string[] => log.lines.map(({ level }) => level);

  it('[BU22] the first hint goes at once, then one message per 50 ms with every space that changed, the last not lost', async () => {
    make();
    for (let ms = 0; ms < 120; ms += 10) {
      bus.publish('a');
      bus.publish(ms === 20 ? 'b' : 'a');
      await pass(10);
    }
    await pass(200);
    assert.deepEqual(driver.published, [
      { at: 0, spaces: [['a']] },
      { at: 50, spaces: [['a', 'b']] },
      { at: 100, spaces: [['a']] },
      { at: 150, spaces: [['a']] },
    ]);
  });

  it('[BU22] a message holds 1,000 spaces at most, and a request with all of them goes once', async () => {
    make();
    for (let i = 0; i < 2_500; i++) bus.publish(`space-${i}`);
    await pass(10);
    assert.deepEqual(
      driver.published.map(({ spaces }) => spaces.map(({ length }) => length)),
      [[1_000, 1_000, 500]],
    );
  });

  it('[BU23] while the service does not answer, four requests wait at most, and no more than 10,000 spaces', async () => {
    make();
    await pass(10);
    driver.holding = true;
    for (let ms = 0; ms < 1_000; ms += 10) {
      for (let i = 0; i < 150; i++) bus.publish(`space-${ms}-${i}`);
      await pass(10);
    }
    assert.equal(driver.published.length, 4);
    driver.holding = false;
    for (const release of driver.release.splice(0)) release();
    await pass(100);
    const last = driver.published.at(-1);
    assert.equal(driver.published.length, 5);
    assert.equal(last?.spaces.flat().length, 10_000);
  });

  it('[BU23] after a failure the next request is 1 s later, and it is said once that hints fail and once that they do not', async () => {
    make();
    await pass(1_100);
    driver.failing = AWAY;
    for (let ms = 0; ms < 2_500; ms += 50) {
      bus.publish('board');
      await pass(50);
    }
    // The first failure shows when the clock has gone on by its 10 ms.
    assert.deepEqual(
      driver.published.map(({ at }) => at - 1_110),
      [-10, 1_000, 2_000],
    );
    driver.failing = undefined;
    await pass(1_000);
    assert.deepEqual(
      log.lines.map(({ level, message }) => [level, message]),
      [
        ['info', 'Pub/Sub brings hints'],
        ['warn', 'Pub/Sub does not take hints; other instances learn by their sweep'],
        ['info', 'Pub/Sub takes hints again'],
      ],
    );
  });

  it('[BU24] a hint wakes the spaces it names, once each, and never those of the instance itself', async () => {
    make();
    await pass(10);
    const [a, b, c] = [counted('a'), counted('b'), counted('c')];
    const data = Buffer.from('["a","b"]');
    driver.take?.({ data, attributes: { from: 'another' } });
    driver.take?.({ data, attributes: { from: 'me' } });
    assert.deepEqual([a.wakes, b.wakes, c.wakes], [1, 1, 0]);
  });

  it('[BU31] the end of a stream that lasted is nothing: another subscription takes over at once and wakes every watcher', async () => {
    make();
    await pass(1_000);
    const watcher = counted('board');
    driver.end?.(AWAY);
    await settle();
    assert.deepEqual(
      driver.asked.map(({ what }) => what),
      ['subscribe longshore-me-0', 'listen', 'unsubscribe longshore-me-0', 'subscribe longshore-me-1', 'listen'],
    );
    assert.equal(watcher.wakes, 1);
    assert.deepEqual(levels(), ['info']);
  });

  it('[BU31] streams that do not last are opened less and less often, up to every 10 s, and told of once', async () => {
    make();
    driver.refusing = AWAY;
    await pass(60_000);
    const gaps = driver.times('subscribe').map((at, i, all) => at - (all[i - 1] ?? at));
    assert.deepEqual(gaps.slice(1), [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000, 10_000]);
    assert.deepEqual(levels(), ['warn']);
    driver.refusing = undefined;
    await pass(12_000);
    assert.deepEqual(levels(), ['warn', 'info']);
    assert.deepEqual(driver.times('unsubscribe'), [], 'a subscription that serves is kept');
  });

  it('[BU31] a subscription that cannot be made is tried again, with the time between attempts as it was at first', async () => {
    make();
    for (let outage = 0; outage < 2; outage++) {
      await pass(1_000);
      driver.failing = AWAY;
      driver.end?.(AWAY);
      const from = driver.times('subscribe').length;
      await pass(700);
      const [first = 0, ...later] = driver.times('subscribe').slice(from);
      assert.deepEqual(
        later.map((at) => at - first),
        [200, 600],
      );
      driver.failing = undefined;
      await pass(2_000);
    }
    assert.deepEqual(levels(), ['info', 'warn', 'info', 'warn', 'info']);
  });

  it('[BU31] a topic that is gone for a post brings another subscription', async () => {
    make();
    await pass(1_000);
    driver.failing = new RpcError(NOT_FOUND, 'no such topic');
    bus.publish('board');
    await pass(10);
    assert.deepEqual(
      driver.asked.slice(2).map(({ what }) => what),
      ['stop', 'unsubscribe longshore-me-0', 'subscribe longshore-me-1'],
    );
  });

  it('[BU21] close stops the stream, sends what waits, removes the subscription, and leaves no timer', async () => {
    make();
    bus.publish('a');
    await pass(10);
    bus.publish('b');
    await bus.close();
    assert.deepEqual(driver.published.at(-1)?.spaces, [['b']]);
    assert.deepEqual(
      driver.asked.map(({ what }) => what),
      ['subscribe longshore-me-0', 'listen', 'stop', 'unsubscribe longshore-me-0', 'close'],
    );
    assert.equal(clock.waiting, 0);
  });

  it('[BU21] close waits for a subscription that is just being made, and removes it', async () => {
    driver.holding = true;
    make();
    await pass(10);
    const closing = bus.close();
    await pass(10);
    assert.deepEqual(driver.times('unsubscribe'), []);
    for (const release of driver.release) release();
    await closing;
    assert.deepEqual(
      driver.asked.map(({ what }) => what),
      ['subscribe longshore-me-0', 'unsubscribe longshore-me-0', 'close'],
    );
  });

  it('[BU7] a message that comes while it closes wakes nobody', async () => {
    make();
    await pass(10);
    const watcher = counted('a');
    driver.holding = true;
    bus.publish('b');
    const closing = bus.close();
    driver.take?.({ data: Buffer.from('["a"]'), attributes: { from: 'another' } });
    for (const release of driver.release) release();
    await closing;
    assert.equal(watcher.wakes, 0);
  });

  it('[BU21] a close while the next attempt is waited for sends what waits and leaves no timer', async () => {
    make();
    driver.failing = AWAY;
    bus.publish('a');
    await pass(50);
    bus.publish('b');
    await bus.close();
    assert.equal(clock.waiting, 0);
    assert.equal(driver.published.length, 2);
  });

  it('[BU29] close does not wait longer than 300 ms for an answer', async () => {
    make();
    await pass(10);
    driver.holding = true;
    bus.publish('a');
    await pass(10);
    let closed = false;
    const closing = bus.close().then(() => {
      closed = true;
    });
    await pass(290);
    assert.equal(closed, false);
    await pass(10);
    assert.equal(closed, true);
    await closing;
  });
});
