import assert from 'node:assert/strict';
import type { JavaEmulator } from '../support/java-emulator.ts';
import { skipFor } from '../support/need.ts';
import { PUBSUB_PROJECT, PubsubAdmin, startPubsubEmulator } from '../support/pubsub-emulator.ts';
import { eventually, get, must200, post, shortest, told, update } from './calls.ts';
import { Cluster, isReady } from './cluster.ts';
import { parked } from './load.ts';
import type { ServerProcess } from './server-process.ts';

const TOPIC = 'hints';
/** A parked poll looks by itself 2 s after its last look. */
const SWEEP_MS = 2_000;
const ROUNDS = 4;
/** Of a poll that was woken. */
const WOKEN_MS = SWEEP_MS / 2;

describe('two servers with Pub/Sub between them', function () {
  this.timeout(120_000);
  let pubsub: JavaEmulator;
  let admin: PubsubAdmin;
  let cluster: Cluster;
  let a: ServerProcess;
  let b: ServerProcess;
  let crossings = 0;

  before(async function () {
    const started = await startPubsubEmulator();
    if ('missing' in started) return skipFor(this, started.missing);
    pubsub = started;
    admin = new PubsubAdmin(pubsub.host);
    await admin.createTopic(TOPIC);
    cluster = await Cluster.start(this, {
      name: 'pubsub',
      servers: 2,
      args: ['--bus', `pubsub:${PUBSUB_PROJECT}/${TOPIC}`],
      env: { PUBSUB_EMULATOR_HOST: pubsub.host },
    });
    const [first, second] = cluster.servers;
    assert(first && second);
    [a, b] = [first, second];
  });
  after(async () => {
    await cluster?.stop();
    await admin?.close();
    await pubsub?.stop();
  });
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  /** How long a poll at the second server waits for a post to the first, ms, and how long the post takes. */
  async function cross(space: string): Promise<{ wakeMs: number; postMs: number }> {
    const n = ++crossings;
    const { marker } = await eventually(`${space} is quiet at both`, async () => {
      await update(a, space, { item: 'x', op: { set: -n } });
      const answer = await told(b, space);
      return answer.items.length > 0 ? answer : undefined;
    });
    const poll = get(b, space, { marker, wait: 20 });
    await parked(b, 1);
    const began = performance.now();
    const posted = await post(a, space, { updates: [{ item: 'x', op: { set: n } }] });
    const { items } = must200(await poll);
    assert.deepEqual(
      items.map((item) => ('value' in item ? item.value : undefined)),
      [n],
    );
    return { wakeMs: performance.now() - began, postMs: posted?.ms ?? Number.NaN };
  }

  async function areWoken(space: string): Promise<void> {
    for (let round = 1; round <= ROUNDS; round++) {
      const wakeMs = await shortest(WOKEN_MS, async () => (await cross(space)).wakeMs);
      assert(wakeMs < WOKEN_MS, `woken after ${wakeMs} ms`);
    }
  }

  it('[BU32] wake a poll that is parked at the other one, long before it looks by itself', async () => {
    await Promise.all([a.logged('Pub/Sub brings hints'), b.logged('Pub/Sub brings hints')]);
    await areWoken('wake');
  });

  it('[BU33] stay ready while Pub/Sub is away: posts are as fast, and polls look by themselves', async () => {
    await pubsub.stop();
    await b.logged('Pub/Sub brings no hints; parked polls look by themselves');
    const wakeMs = await shortest(SWEEP_MS + 1_500, async () => (await cross('away')).wakeMs);
    assert(wakeMs < SWEEP_MS + 1_500, `answered after ${wakeMs} ms`);
    const postMs = await shortest(1_000, async () => (await cross('away')).postMs);
    assert(postMs < 1_000, `posted in ${postMs} ms`);
    assert(await isReady(a));
    assert(await isReady(b));
  });

  it('[BU33] wake each other again when it is back', async () => {
    await pubsub.startAgain();
    await admin.createTopic(TOPIC);
    const again = 'Pub/Sub brings hints again';
    await Promise.all([a.logged(again), b.logged(again)]);
    // What was posted meanwhile may have been refused; the next request goes a second later at most.
    await eventually('a hint crosses', async () => ((await cross('back')).wakeMs < WOKEN_MS ? true : undefined));
    await areWoken('back');
  });

  it('[BU34] leave no subscription behind when they are stopped, and end with 0', async () => {
    assert.equal((await admin.subscriptions(TOPIC)).length, 2);
    const exits = await Promise.all([a.terminate(), b.terminate()]);
    assert.deepEqual(
      exits.map(({ code }) => code),
      [0, 0],
    );
    assert.deepEqual(await admin.subscriptions(TOPIC), []);
  });
});
