import assert from 'node:assert/strict';
import { createPubsubBus, type PubsubOptions } from '../../../src/backends/bus/pubsub.ts';
import type { Bus } from '../../../src/ports/bus.ts';
import { systemRandom } from '../../../src/server/system.ts';
import { busContract } from '../../contracts/bus.ts';
import { realClock, runningMs } from '../../support/clocks.ts';
import type { JavaEmulator } from '../../support/java-emulator.ts';
import { skipFor } from '../../support/need.ts';
import { PUBSUB_PROJECT, PubsubAdmin, startPubsubEmulator } from '../../support/pubsub-emulator.ts';
import { RecordedLog } from '../../support/recorded-log.ts';
import { eventually } from '../../system/calls.ts';

const STEADY_MS = 60;
/** As long as `close` waits for the service. */
const CLOSE_MS = 300;
const HEARS = 'Pub/Sub brings hints';
const HEARS_AGAIN = 'Pub/Sub brings hints again';
const DEAF = 'Pub/Sub brings no hints; parked polls look by themselves';
const TAKES_NOT = 'Pub/Sub does not take hints; other instances learn by their sweep';
const TAKES_AGAIN = 'Pub/Sub takes hints again';

/** An instance, with the spaces that it was woken for. */
class Instance {
  readonly log = new RecordedLog();
  readonly bus: Bus;
  closed = false;
  readonly #open: Bus;

  constructor(topic: string, options: Partial<PubsubOptions>) {
    const parts = { clock: realClock, random: systemRandom, log: this.log };
    this.#open = createPubsubBus({ projectId: PUBSUB_PROJECT, topic, steadyMs: STEADY_MS, ...parts, ...options });
    this.bus = {
      publish: (space) => this.#open.publish(space),
      watch: (space, wake) => this.#open.watch(space, wake),
      close: () => {
        this.closed = true;
        return this.#open.close();
      },
    };
  }

  messages(): string[] {
    return this.log.lines.map(({ message }) => message);
  }

  async logged(message: string): Promise<void> {
    if (this.log.count(message) === 0) await this.log.next(message);
  }

  /** Settles when the space is woken here. */
  woken(space: string): Promise<void> {
    return new Promise((resolve) => {
      const end = this.bus.watch(space, () => {
        end();
        resolve();
      });
    });
  }
}

let fences = 0;

/** What each published up to now has reached all others: hints of one turn share a message. */
async function arrive(instances: readonly Instance[]): Promise<void> {
  const open = instances.filter(({ closed }) => !closed);
  const arrived = open.flatMap((from) => {
    const fence = `fence-${fences++}`;
    const others = open.filter((other) => other !== from).map((other) => other.woken(fence));
    from.bus.publish(fence);
    return others;
  });
  await Promise.all(arrived);
}

describe('Pub/Sub bus', function () {
  this.timeout(90_000);
  let emulator: JavaEmulator;
  let admin: PubsubAdmin;
  let topic: string;
  let topics = 0;
  const made: Instance[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(error);

  before(async function () {
    const started = await startPubsubEmulator();
    if ('missing' in started) return skipFor(this, started.missing);
    emulator = started;
    admin = new PubsubAdmin(emulator.host);
    process.on('unhandledRejection', onUnhandled);
  });
  after(async () => {
    process.off('unhandledRejection', onUnhandled);
    await admin?.close();
    await emulator?.stop();
  });
  beforeEach(async () => {
    topic = `hints-${topics++}`;
    await admin.createTopic(topic);
  });
  afterEach(async () => {
    await Promise.all(made.splice(0).map(({ bus }) => bus.close()));
    assert.deepEqual(unhandled, []);
  });

  function make(options: Partial<PubsubOptions> = {}): Instance {
    const instance = new Instance(topic, { emulatorHost: emulator.host, ...options });
    made.push(instance);
    return instance;
  }
  async function hearing(count: number): Promise<Instance[]> {
    const instances = Array.from({ length: count }, () => make());
    await Promise.all(instances.map((instance) => instance.logged(HEARS)));
    return instances;
  }
  async function pair(): Promise<[Instance, Instance]> {
    const [one, two] = await hearing(2);
    assert(one && two);
    return [one, two];
  }

  describe('contract', () => {
    busContract(async () => {
      // The third hears what the others publish when one of them has closed.
      const instances = await hearing(3);
      const [one, two] = instances;
      assert(one && two);
      const close = async (): Promise<void> => void (await Promise.all(instances.map(({ bus }) => bus.close())));
      return { one: one.bus, two: two.bus, arrive: () => arrive(instances), close };
    });
  });

  it('[BU20] each instance has one subscription of its own, that expires after a day without a listener', async () => {
    await hearing(2);
    const names = await admin.subscriptions(topic);
    assert.equal(new Set(names).size, 2);
    for (const name of names) {
      assert.match(name, /^longshore-/);
      const { expirationPolicy, messageRetentionDuration } = await admin.describe(name);
      assert.equal(Number(expirationPolicy?.ttl?.seconds), 86_400);
      assert.equal(Number(messageRetentionDuration?.seconds), 600);
    }
  });

  it('[BU21] close removes the subscription, also one that is just being made', async () => {
    const [one, two] = await pair();
    assert.equal((await admin.subscriptions(topic)).length, 2);
    // A removal that was sent may be carried out after its answer was waited for.
    const left = (count: number) =>
      eventually(`${count} are left`, async () => (await admin.subscriptions(topic)).length === count || undefined);
    await one.bus.close();
    await left(1);
    await two.bus.close();
    await left(0);
    const early = make();
    const ms = await runningMs(() => early.bus.close());
    // Where the service did not answer at once, it stays until it expires.
    if (ms < CLOSE_MS - 50) await left(0);
  });

  it('[BU21] a hint that waits when the instance closes still arrives', async () => {
    const [one, two] = await pair();
    const woken = two.woken('board');
    one.bus.publish('other');
    one.bus.publish('board');
    await one.bus.close();
    await woken;
  });

  it('[BU25] what is no message of ours wakes nobody and harms nobody', async () => {
    const [one, two] = await pair();
    two.bus.watch('board', () => assert.fail('woken'));
    for (const text of ['board', '{"board":1}', '[1,null,["board"]]', '\xff']) {
      await admin.publish(topic, Buffer.from(text, 'latin1'));
    }
    await arrive([one, two]);
    assert.deepEqual([...one.messages(), ...two.messages()], [HEARS, HEARS]);
  });

  it('[BU26] without a topic it says so once, and works when there is one', async () => {
    topic = 'made-later';
    const [one, two] = [make(), make()];
    await Promise.all([one.logged(DEAF), two.logged(DEAF)]);
    const [line] = one.log.lines;
    assert.equal(line?.fields.topic, 'made-later');
    assert.match(String(line?.fields.detail), /NOT_FOUND/);
    one.bus.publish('board');
    await one.logged(TAKES_NOT);
    await admin.createTopic(topic);
    await Promise.all([one.logged(HEARS_AGAIN), two.logged(HEARS_AGAIN)]);
    await arrive([one, two]);
    await one.logged(TAKES_AGAIN); // others may hear of it before its answer comes
    assert.deepEqual(one.messages().sort(), [DEAF, HEARS_AGAIN, TAKES_NOT, TAKES_AGAIN].sort());
    assert.deepEqual(two.messages().slice(0, 2), [DEAF, HEARS_AGAIN]);
  });

  it('[BU26] a topic that was deleted and made again is heard again', async () => {
    const [one, two] = await pair();
    await admin.deleteTopic(topic);
    for (const { bus } of [one, two]) bus.publish('board');
    await Promise.all([one.logged(DEAF), two.logged(DEAF)]);
    await admin.createTopic(topic);
    await Promise.all([one.logged(HEARS_AGAIN), two.logged(HEARS_AGAIN)]);
    await arrive([one, two]);
  });

  it('[BU27] a subscription that was deleted behind its back is made again, and every watcher is woken', async () => {
    const [one, two] = await pair();
    const woken = [two.woken('board'), two.woken('other')];
    const before = await admin.subscriptions(topic);
    for (const name of before) await admin.deleteSubscription(name);
    await Promise.all(woken);
    const after = await eventually('there are two again', async () => {
      const names = await admin.subscriptions(topic);
      return names.length === 2 ? names : undefined;
    });
    assert.deepEqual(
      after.filter((name) => before.includes(name)),
      [],
    );
    await arrive([one, two]);
    assert.deepEqual(two.messages(), [HEARS], 'nothing that an operator need know');
  });

  it('[BU28] a service that is gone and comes back is one line each, wakes every watcher, and is heard again', async () => {
    const [one, two] = await pair();
    await emulator.stop();
    try {
      await Promise.all([one.logged(DEAF), two.logged(DEAF)]);
      one.bus.publish('board');
      await one.logged(TAKES_NOT);
      for (let i = 0; i < 100; i++) one.bus.publish(`space-${i}`);
    } finally {
      await emulator.startAgain();
    }
    const woken = [two.woken('board'), two.woken('other')];
    await admin.createTopic(topic);
    await Promise.all(woken);
    await Promise.all([one.logged(HEARS_AGAIN), two.logged(HEARS_AGAIN)]);
    await arrive([one, two]);
    await one.logged(TAKES_AGAIN);
    assert.deepEqual(one.messages().sort(), [HEARS, DEAF, HEARS_AGAIN, TAKES_NOT, TAKES_AGAIN].sort());
    assert.deepEqual(
      two.messages().filter((message) => message !== TAKES_NOT && message !== TAKES_AGAIN),
      [HEARS, DEAF, HEARS_AGAIN],
    );
  });

  it('[BU29] close ends in time while the service stands still', async () => {
    const [one] = await pair();
    emulator.pause();
    try {
      one.bus.publish('board');
      const ms = await runningMs(() => one.bus.close());
      assert(ms < 1_000, `${ms} ms`);
    } finally {
      emulator.resume();
    }
  });

  it('[BU30] without credentials it says so once, and publish and close do no harm', async () => {
    const saved = process.env.GOOGLE_APPLICATION_CREDENTIALS;
    process.env.GOOGLE_APPLICATION_CREDENTIALS = '/nowhere/credentials.json';
    try {
      const log = new RecordedLog();
      const bus = createPubsubBus({ projectId: 'none', topic, clock: realClock, random: systemRandom, log });
      const [deaf, refused] = [log.next(DEAF), log.next(TAKES_NOT)];
      bus.publish('board');
      await Promise.all([deaf, refused]);
      for (let i = 0; i < 100; i++) bus.publish(`space-${i}`);
      await bus.close();
      assert.deepEqual(log.lines.map(({ message }) => message).sort(), [DEAF, TAKES_NOT].sort());
    } finally {
      if (saved === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
      else process.env.GOOGLE_APPLICATION_CREDENTIALS = saved;
    }
  });
});
