import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type Server } from 'node:http';
import { connect } from 'node:net';
import { DEFAULT_LIMITS, type LimitsConfig } from '../../src/core/limits/limits-config.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { FakeClock } from '../support/clocks.ts';
import { castRoles } from '../support/roles.ts';
import { JSON_TYPE, listen, makeApp, makeLimits, postJson, send } from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';
const POST = { updates: [{ item: 'a', op: { set: 1 } }] };

function limitsOf(
  budgets: Partial<LimitsConfig['budgets']>,
  more: Partial<LimitsConfig> = {},
  clock = new FakeClock(),
) {
  const config = { ...DEFAULT_LIMITS, addressFactor: 1, ...more, budgets: { ...DEFAULT_LIMITS.budgets, ...budgets } };
  return { clock, limits: makeLimits(config, clock) };
}

describe('budgets over HTTP', () => {
  it('[LI10] a burst of posts is 429 with Retry-After once the budget is used up, and taken again later', async () => {
    const { limits, clock } = limitsOf({ post: 3 });
    const { listener, engine } = makeApp({ limits });
    for (let i = 0; i < 3; i++) assert.equal((await postJson(listener, UPDATES, POST)).status, 200);
    const refused = await postJson(listener, UPDATES, POST);
    assert.deepEqual([refused.status, refused.json.code, refused.headers['retry-after']], [429, 'rateLimited', '10']);
    assert.match(refused.json.detail, /at most 3 /);
    assert.equal(engine.requests.length, 3);
    clock.advance(refused.json.retryAfterMs);
    assert.equal((await postJson(listener, UPDATES, POST)).status, 200);
  });

  it('[LI10] every update of a request counts, and a refused body is not read', async () => {
    const { limits } = limitsOf({ post: 5 });
    const { listener } = makeApp({ limits });
    const many = { updates: Array.from({ length: 5 }, (_, i) => ({ item: `i${i}`, op: { set: 1 } })) };
    assert.equal((await postJson(listener, UPDATES, many)).status, 200);
    const sent = { method: 'POST', path: UPDATES, headers: JSON_TYPE, body: '{"not":' };
    assert.equal((await send(listener, sent)).status, 429);
  });

  it('[LI11] posts, polls and snapshots have budgets apart', async () => {
    const { limits } = limitsOf({ post: 1, poll: 1, snapshot: 1 });
    const { listener } = makeApp({ limits });
    const snapshot = () => send(listener, { path: UPDATES });
    const poll = () => send(listener, { path: `${UPDATES}?marker=m1&wait=0` });
    assert.deepEqual([(await snapshot()).status, (await snapshot()).status], [200, 429]);
    assert.deepEqual([(await poll()).status, (await poll()).status], [200, 429]);
    assert.deepEqual(
      [(await postJson(listener, UPDATES, POST)).status, (await postJson(listener, UPDATES, POST)).status],
      [200, 429],
    );
  });

  it('[LI11] each other call uses up the budget of its kind', async () => {
    const item = '/v1/spaces/board/items/a';
    const body = { headers: JSON_TYPE, body: '{}' };
    const calls = [
      ['post', { method: 'PUT', path: item, ...body }],
      ['post', { method: 'PATCH', path: item, ...body }],
      ['post', { method: 'DELETE', path: item }],
      ['post', { method: 'POST', path: '/v1/spaces/board/tickets' }],
      ['post', { method: 'PUT', path: '/v1/spaces/board', ...body }],
      ['post', { method: 'DELETE', path: '/v1/spaces/board' }],
      ['poll', { path: item }],
      ['poll', { path: '/v1/spaces/board' }],
      ['snapshot', { path: '/v1/spaces' }],
      ['snapshot', { method: 'POST', path: `${UPDATES}:get`, ...body }],
    ] as const;
    for (const [budget, sent] of calls) {
      const { limits } = limitsOf({ [budget]: 1 });
      const { listener, engine } = makeApp({ limits });
      engine.items.set('a', { kind: 'register', version: 1, value: {}, deleted: false });
      const statuses = [(await send(listener, sent)).status, (await send(listener, sent)).status];
      assert.notEqual(statuses[0], 429, JSON.stringify(sent));
      assert.equal(statuses[1], 429, JSON.stringify(sent));
    }
  });

  it('[LI12] resets have a budget of their own, and those who have used it up come back at different times', async () => {
    const { limits } = limitsOf({ resync: 1 });
    const { listener, engine } = makeApp({ limits });
    const snapshot = engine.snapshot.bind(engine);
    engine.snapshot = () => ({ ...snapshot(), reset: true });
    const poll = () => send(listener, { path: `${UPDATES}?marker=m1&wait=0` });
    assert.equal((await poll()).status, 200);
    const refused = await poll();
    assert.deepEqual([refused.status, refused.json.code], [429, 'rateLimited']);
    // The window of 10 s, half as long again by the random number of the fixture.
    assert.equal(refused.json.retryAfterMs, 15_000);
  });

  it('[LI15] a stream that has used up its resets ends, and is told when to come back', async () => {
    const { limits } = limitsOf({ resync: 1 });
    const { listener, engine } = makeApp({ limits });
    const snapshot = engine.snapshot.bind(engine);
    engine.snapshot = () => ({ ...snapshot(), reset: true });
    assert.equal((await send(listener, { path: `${UPDATES}?marker=m1&wait=0` })).status, 200);
    const refused = await send(listener, { path: `${UPDATES}/stream` });
    assert.deepEqual([refused.status, refused.json.code], [429, 'rateLimited']);
    assert.equal(refused.json.retryAfterMs, 15_000);
    assert.equal(limits.parked, 0);
  });

  it('[LI13] known callers have a budget each wherever they come from, the anonymous one for each address', async () => {
    const cast = await castRoles('key');
    const { limits } = limitsOf({ poll: 1 });
    const { listener } = makeApp({ limits, access: cast.access });
    const ask = (role: 'reader' | 'writer') =>
      send(listener, { path: '/v1/spaces/board/updates?marker=m1&wait=0', headers: cast.headers(role) });
    assert.deepEqual(
      [(await ask('reader')).status, (await ask('writer')).status, (await ask('reader')).status],
      [200, 200, 429],
    );
  });

  it('[LI13] only as many proxies are believed as there are', async () => {
    const from = async (proxyHops: number, first: string, second: string) => {
      const { limits } = limitsOf({ poll: 1 });
      const { listener } = makeApp({ limits, proxyHops });
      const ask = (forwarded: string) =>
        send(listener, { path: `${UPDATES}?marker=m1&wait=0`, headers: { 'X-Forwarded-For': forwarded } });
      assert.equal((await ask(first)).status, 200);
      return (await ask(second)).status;
    };
    assert.equal(await from(0, '1.1.1.1', '2.2.2.2'), 429, 'nobody is believed');
    assert.equal(await from(1, '1.1.1.1', '2.2.2.2'), 200);
    assert.equal(await from(1, '9.9.9.9, 1.1.1.1', '8.8.8.8, 1.1.1.1'), 429, 'what the client sent itself');
    assert.equal(await from(2, '9.9.9.9, 1.1.1.1, 7.7.7.7', '9.9.9.9, 2.2.2.2, 7.7.7.7'), 200);
    assert.equal(await from(1, 'nonsense', 'other nonsense'), 429, 'no address');
    assert.equal(await from(1, '2001:db8:1:2:3::4', '2001:db8:1:2:aaaa:b:c:d'), 429, 'one host');
    assert.equal(await from(1, '2001:db8:1:2::4', '2001:db8:1:3::4'), 200);
  });
});

describe('admission', () => {
  it('[LI40] polls of one caller that wait are bounded, and make room when they end', async () => {
    const { limits } = limitsOf({}, { parkedEach: 1 });
    const { listener, engine } = makeApp({ limits });
    const parked = engine.nextParked();
    const first = send(listener, { path: `${UPDATES}?marker=m1` });
    const poll = await parked;
    const refused = await send(listener, { path: `${UPDATES}?marker=m1` });
    assert.deepEqual([refused.status, refused.json.code], [503, 'overloaded']);
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    poll.deliver({ answer: engine.snapshot() });
    assert.equal((await first).status, 200);
    assert.equal((await send(listener, { path: `${UPDATES}?marker=m1&wait=0` })).status, 200);
    assert.equal(limits.parked, 0);
  });

  it('[LI41] writing requests in flight are bounded, items included', async () => {
    const { limits } = limitsOf({}, { posts: 1 });
    const { listener } = makeApp({ limits });
    limits.posts.enter();
    const put = { method: 'PUT', path: '/v1/spaces/board/items/a', headers: JSON_TYPE, body: '1' };
    for (const answer of [await postJson(listener, UPDATES, POST), await send(listener, put)]) {
      assert.deepEqual([answer.status, answer.json.code], [503, 'overloaded']);
    }
    limits.posts.leave();
    assert.equal((await postJson(listener, UPDATES, POST)).status, 200);
  });

  it('[LI42] bodies that are being read are bounded together', async () => {
    const { limits } = limitsOf({}, { bodyBytes: 2_000 });
    const { listener } = makeApp({ limits });
    const large = { updates: [{ item: 'a', op: { set: 'x'.repeat(3_000) } }] };
    assert.equal((await postJson(listener, UPDATES, large)).json.code, 'overloaded');
    assert.equal((await postJson(listener, UPDATES, POST)).status, 200);
    assert.equal(limits.bodies.inUse, 0);
  });

  it('[LI43] after clients that vanish, bad bodies and failures of every kind all counts are 0', async () => {
    const { limits } = limitsOf({});
    const { listener, engine } = makeApp({ limits });
    engine.script = ({ item }) => {
      if (item === 'fail') throw new Error('unforeseen');
      if (item === 'problem') throw new ProblemError('cacheUnavailable', 'away', { retryAfterMs: 1_000 });
      return undefined;
    };
    const { server, port, close } = await listen(listener);
    for (let round = 0; round < 20; round++) {
      await vanishWhileSending(server, port);
      await vanishWhileWaiting(engine, port);
      for (const item of ['fail', 'problem', 'a'])
        await postJson(listener, UPDATES, { updates: [{ item, op: { set: 1 } }] });
      await send(listener, { method: 'POST', path: UPDATES, headers: JSON_TYPE, body: '{"not":' });
      await send(listener, {
        method: 'POST',
        path: UPDATES,
        headers: { ...JSON_TYPE, 'Content-Encoding': 'gzip' },
        body: 'no gzip',
      });
      await send(listener, { method: 'PUT', path: '/v1/spaces/board/items/fail', headers: JSON_TYPE, body: '1' });
      engine.failure = new Error('unforeseen');
      await send(listener, { path: `${UPDATES}?marker=m1` });
      engine.failure = undefined;
    }
    await close();
    assert.deepEqual([limits.parked, limits.posts.inUse, limits.bodies.inUse], [0, 0, 0]);
    assert.equal(limits.address('127.0.0.1').parked, 0);
  });
});

/** Half a body, then nobody is there any more. Settles when the server has noticed. */
async function vanishWhileSending(server: Server, port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const head = `POST ${UPDATES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n`;
  const request = once(server, 'request');
  socket.write(`${head}{"updates":`);
  const [incoming] = await request;
  const closed = once(incoming, 'close');
  socket.destroy();
  await closed.catch(() => undefined); // its error says that the client went away
}

async function vanishWhileWaiting(engine: ReturnType<typeof makeApp>['engine'], port: number): Promise<void> {
  const parked = engine.nextParked();
  const cancelled = engine.nextCancelled();
  const outgoing = get({ host: '127.0.0.1', port, path: `${UPDATES}?marker=m1`, agent: false });
  outgoing.on('error', () => undefined);
  await parked;
  outgoing.destroy();
  await cancelled;
}
