import assert from 'node:assert/strict';
import { MAX_STREAM_BUFFER_BYTES } from '../../src/protocol/limits.ts';
import type { Transport, Watch } from '../support/transport-clients.ts';
import { TransportWorld, until } from '../support/transport-world.ts';
import { mustAnswer, Replica } from './transport.ts';

const VALUE_BYTES = 200_000;
/** More than the kernel keeps for one connection. */
const MAX_POSTS = 400;

/** What holds besides, where one connection carries many answers. */
export function streamContract(transport: Transport): void {
  let world: TransportWorld;
  const watches: Watch[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
  });
  afterEach(async () => {
    for (const watch of watches.splice(0)) watch.cut();
    await world.stop();
  });

  const open = (ask: Parameters<Transport['open']>[1] = {}): Watch => {
    const watch = transport.open(world.port, ask);
    watches.push(watch);
    return watch;
  };

  /** Posts, each after the one before was sent, until so much waits here that the watch is held. How many it took. */
  const fill = async (post: () => Promise<unknown>): Promise<number> => {
    for (let posts = 1; ; posts++) {
      assert.ok(posts < MAX_POSTS, 'the kernel takes everything');
      const sent = world.counts.get('stream_answers');
      await post();
      await until(() => world.counts.get('stream_answers') !== sent);
      if (world.waitingBytes > MAX_STREAM_BUFFER_BYTES) return posts;
    }
  };

  it('[TR10] a ticket opens one connection; the second is 401', async () => {
    const ticket = world.ticket();
    mustAnswer(await open({ ticket }).next());
    const again = await open({ ticket }).next();
    assert.ok('problem' in again, JSON.stringify(again));
    assert.deepEqual([again.problem.status, again.problem.code], [401, 'unauthenticated']);
    assert.match(again.problem.detail, /used before/);
    const none = await open({ ticket: 'nonsense' }).next();
    assert.equal('problem' in none && none.problem.status, 401);
  });

  it('[TR11] a client that takes nothing is asked nothing new for, holds little here, and goes on with newest states', async function () {
    this.timeout(30_000);
    const replica = new Replica();
    const watch = open();
    replica.take(mustAnswer(await watch.next()));
    await until(() => world.parked === 1);
    watch.pause();
    let posts = 0;
    const post = () => world.post('a', `${++posts}`.padEnd(VALUE_BYTES, 'x'));
    await fill(post);
    await until(() => world.parked === 0);
    const held = world.waitingBytes;
    assert.ok(held <= MAX_STREAM_BUFFER_BYTES + VALUE_BYTES + 2_000, `${held} bytes`);
    for (let i = 0; i < 50; i++) await post();
    assert.ok(world.waitingBytes <= held, 'nothing is added for it');
    watch.resume();
    while (!String(replica.valueOf('a')).startsWith(`${posts}x`)) replica.take(mustAnswer(await watch.next()));
    assert.ok(replica.answers < posts - 40, `${replica.answers} answers of ${posts} posts`);
    assert.equal(world.counts.get('streams_resynced'), 1);
    await world.post('a', 'last');
    replica.take(mustAnswer(await watch.next()));
    assert.equal(replica.valueOf('a'), 'last');
  });

  it('[TR12] one that goes away while it takes nothing leaves nothing behind', async function () {
    this.timeout(30_000);
    const watch = open();
    mustAnswer(await watch.next());
    watch.pause();
    let posts = 0;
    await fill(() => world.post('a', `${++posts}`.padEnd(VALUE_BYTES, 'x')));
    watch.cut();
    await until(() => world.connections.size === 0 && world.parked === 0);
    for (const gauge of ['event_streams', 'sockets']) assert.equal(world.counts.get(gauge) ?? 0, 0);
  });
}
