import assert from 'node:assert/strict';
import { connect, type Space } from '../../src/client/connect.ts';
import { Balancer } from './balancer.ts';
import { eventually } from './calls.ts';
import { Cluster } from './cluster.ts';

describe('the client library and real servers', function () {
  this.timeout(90_000);
  let cluster: Cluster;
  const spaces: Space[] = [];

  before(async function () {
    cluster = await Cluster.start(this, { name: 'client', servers: 1, persistMs: 60_000 });
  });
  afterEach(function () {
    for (const space of spaces.splice(0)) space.close();
    cluster?.explain(this.currentTest);
  });
  after(() => cluster?.stop());

  function open(space: string): Space {
    const opened = connect({ url: 'http://balancer', space, fetch: new Balancer(cluster).fetch });
    spaces.push(opened);
    return opened;
  }

  const same = (a: Space, b: Space, item: string, value: unknown) =>
    eventually(`${item} is ${JSON.stringify(value)} for both`, async () => {
      const both = [a, b].map((space) => JSON.stringify(space.item(item).confirmed));
      return both.every((text) => text === JSON.stringify(value)) || undefined;
    });

  it('[SDK50] two clients work on while the server is killed and another takes its place', async () => {
    const [a, b] = [open('killed'), open('killed')];
    await Promise.all([a.ready(), b.ready()]);
    const outcomes = [a.item('card').set({}), b.item('other').set(0)];
    await same(a, b, 'card', {});
    for (let n = 0; n < 30; n++) {
      outcomes.push(a.item('card').merge({ [`a${n}`]: n }), b.item('card').merge({ [`b${n}`]: n }));
      if (n === 10) await cluster.killServers();
      if (n === 20) await cluster.addServer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([a.flush(), b.flush()]);
    assert(!(await Promise.all(outcomes)).some(({ result }) => result !== 'ok'));
    await eventually('both have all', async () => {
      const sizes = [a, b].map((space) => Object.keys((space.item('card').confirmed ?? {}) as object).length);
      return sizes.every((size) => size === 60) || undefined;
    });
    assert.deepEqual(a.item('card').confirmed, b.item('card').confirmed);
    await eventually('both are live', async () => [a, b].every(({ status }) => status === 'live') || undefined);
  });

  it('[SDK51] one live client that had seen it brings back what memcached and the servers have lost', async () => {
    const [a, b] = [open('lost'), open('lost')];
    await Promise.all([a.ready(), b.ready()]);
    for (const x of [1, 2, 3]) {
      await a.item('card').set({ x });
      await same(a, b, 'card', { x });
    }
    assert((await cluster.row('lost', 'card'))?.open, 'it is open');
    assert.notDeepEqual((await cluster.row('lost', 'card'))?.body, { x: 3 }, 'and not stored as it is');
    a.close();
    await Promise.all([cluster.memcached.kill(), cluster.killServers()]);
    await eventually('it is noticed', async () => b.status === 'offline' || undefined);
    const resets: string[] = [];
    b.on('reset', ({ reason }) => resets.push(reason));
    const restored = new Promise((resolve) => b.on('restored', ({ result }) => resolve(result.result)));
    await cluster.memcached.startAgain();
    await cluster.addServer();
    assert.equal(await restored, 'ok');
    const c = open('lost');
    await same(b, c, 'card', { x: 3 });
    assert.equal(resets[0], 'epoch');
  });

  it('[SDK52] a conflict carries the value of the others, on the wire as in the model', async () => {
    const [a, b] = [open('conflict'), open('conflict')];
    await Promise.all([a.ready(), b.ready()]);
    await a.item('card').set('theirs');
    const outcome = await b.item('card').set('mine', { ifVersion: 0 });
    assert.deepEqual(outcome.result === 'conflict' && [outcome.version, outcome.value], [1, 'theirs']);
    await same(a, b, 'card', 'theirs');
    await b.item('card').delete();
    await same(a, b, 'card', undefined);
  });
});
