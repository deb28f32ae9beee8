import assert from 'node:assert/strict';
import {
  type Ask,
  call,
  eventually,
  get,
  metric,
  must200,
  patiently,
  post,
  type Reply,
  type Target,
  told,
} from './calls.ts';
import { Cluster } from './cluster.ts';
import { parked } from './load.ts';

type Problem = { readonly code: string };

function send<Body>(target: Target, method: string, path: string, body?: unknown): Promise<Reply<Body> | undefined> {
  const json =
    body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  return patiently(() => call<Body>(target, path, { method, ...json }));
}

describe('people at several servers on one cache and one store', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'people', servers: 2 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[PR15] a newer poll of a client at one server ends its older one at the other', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    const joined = await send<{ marker: string }>(a, 'POST', '/v1/spaces/two/clients', { clientId: 'ann' });
    assert.equal(joined?.status, 201);
    const ask: Ask = { marker: joined.body.marker, wait: 30, clientId: 'ann' };
    const older = get(a, 'two', ask);
    // Of two that begin within half a second of each other either may end: not until the first is claimed is it the older one.
    await eventually('it is claimed', async () => ((await metric(a, 'polls_claimed_total')) === 1 ? true : undefined));
    const began = performance.now();
    const newer = get(b, 'two', ask);
    const ended = (await older) as Reply<unknown> | undefined;
    assert(ended);
    assert.deepEqual([ended.status, (ended.body as Problem).code], [409, 'superseded'], JSON.stringify(ended.body));
    assert(performance.now() - began < 10_000, `${Math.round(performance.now() - began)} ms`);
    await post(a, 'two', { updates: [{ item: 'x', op: { set: 1 } }] });
    assert.equal(must200(await newer).items.length, 1);
  });

  it('[SE34] a space with locks in it is deleted, and the other server’s polls see it', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    const space = '/v1/spaces/locked';
    await send(a, 'POST', `${space}/clients`, { clientId: 'ann' });
    const grab = { clientId: 'ann', seq: 1, updates: [{ item: 'x', op: { set: 1 }, grab: true }] };
    const held = await patiently(() => post(a, 'locked', grab));
    assert.equal(held?.body.results[0]?.result, 'ok');
    const { marker } = await told(b, 'locked');
    const poll = get(b, 'locked', { marker, wait: 20 });
    await parked(b, 1);
    await eventually('it is deleted', async () => {
      const reply = await send(b, 'DELETE', space);
      return reply?.status === 204 ? true : undefined;
    });
    assert.deepEqual(
      must200(await poll).items.map(({ id, ...item }) => [id, 'deleted' in item]),
      [['x', true]],
    );
    assert.equal((await send(a, 'GET', space))?.status, 404);
  });
});
