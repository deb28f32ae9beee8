import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type Problem, ProblemError } from '../../src/protocol/errors.ts';
import {
  type Answered,
  type App,
  JSON_TYPE,
  type Listening,
  listen,
  makeApp,
  ORIGIN,
  postJson,
  send,
  sendTo,
} from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';

describe('GET updates', () => {
  let app: App;
  let refusal: Problem | undefined;
  let server: Listening;
  let port: number;

  beforeEach(async () => {
    refusal = undefined;
    app = makeApp({ refusal: () => refusal });
    server = await listen(app.listener);
    ({ port } = server);
  });

  afterEach(() => server.close());

  it('[HT32] answers a snapshot at once', async () => {
    await postJson(app.listener, UPDATES, { updates: [{ item: 'a', op: { set: { x: 1 } } }] });
    const { status, json, headers } = await sendTo(port, { path: UPDATES });
    assert.equal(status, 200);
    assert.deepEqual(
      json.items.map(({ id, value }: { id: string; value: unknown }) => [id, value]),
      [['a', { x: 1 }]],
    );
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  });

  it('[HT32] parks until the engine answers, and gives all who asked the same the same bytes', async () => {
    const answers: Promise<Answered>[] = [];
    for (let i = 0; i < 2; i++) {
      const waiting = app.engine.nextParked();
      answers.push(sendTo(port, { path: `${UPDATES}?marker=m1` }));
      await waiting;
    }
    const answer = app.engine.snapshot();
    for (const poll of app.engine.polls) poll.deliver({ answer });
    for (const { text } of await Promise.all(answers)) assert.equal(text, answer.body.toString());
  });

  it('[HT33] frees the waiter when the client goes away', async () => {
    const waiting = app.engine.nextParked();
    const outgoing = request({ host: '127.0.0.1', port, path: `${UPDATES}?marker=m1`, agent: false });
    outgoing.on('error', () => undefined);
    outgoing.end();
    const poll = await waiting;
    assert.equal(poll.cancelled, false);
    const cancelled = app.engine.nextCancelled();
    outgoing.destroy();
    assert.equal(await cancelled, poll);
    poll.deliver({ answer: app.engine.snapshot() }); // too late, and harmless
  });

  it('[HT33] frees the waiter of the JSON form too', async () => {
    const waiting = app.engine.nextParked();
    const options = {
      host: '127.0.0.1',
      port,
      path: `${UPDATES}:get`,
      method: 'POST',
      headers: JSON_TYPE,
      agent: false,
    };
    const outgoing = request(options);
    outgoing.on('error', () => undefined);
    outgoing.end('{"marker":"m1"}');
    const poll = await waiting;
    const cancelled = app.engine.nextCancelled();
    outgoing.destroy();
    assert.equal(await cancelled, poll);
  });

  it('[HT34] takes the same as JSON, with known versions', async () => {
    const body = { wait: 0, ids: ['a*'], known: { a1: 3 } };
    const { status } = await postJson(app.listener, `${UPDATES}:get`, body);
    assert.equal(status, 200);
    assert.deepEqual(app.engine.polls[0]?.query, { ...body, limit: 500, durable: false });
    const refused = await postJson(app.listener, `${UPDATES}:get`, { known: { 'a/b': 1 } });
    assert.deepEqual([refused.status, refused.json.code], [400, 'badId']);
    assert.match(refused.json.detail, /^known\.a\/b: /);
  });

  it('[HT35] answers the problem that the engine delivers, with Retry-After', async () => {
    const waiting = app.engine.nextParked();
    const answered = sendTo(port, { path: `${UPDATES}?marker=m1` });
    const poll = await waiting;
    poll.deliver({ problem: new ProblemError('stopping', 'going', { retryAfterMs: 1 }).problem });
    const { status, json, headers } = await answered;
    assert.deepEqual([status, json.code, headers['retry-after']], [503, 'stopping', '1']);
  });

  it('[HT36] asks whether it may serve before parking and again before answering', async () => {
    const waiting = app.engine.nextParked();
    const answered = sendTo(port, { path: `${UPDATES}?marker=m1` });
    const poll = await waiting;
    refusal = new ProblemError('notReady', 'not the owner', { retryAfterMs: 2_000 }).problem;
    poll.deliver({ answer: app.engine.snapshot() });
    assert.equal((await answered).json.code, 'notReady');
    assert.equal((await sendTo(port, { path: UPDATES })).status, 503);
    assert.equal(app.engine.polls.length, 1);
  });

  it('[HT37] carries the request id and CORS like every other answer', async () => {
    const headers = { Origin: ORIGIN, 'X-Request-Id': 'mine-1' };
    const fast = await send(app.listener, { path: UPDATES, headers });
    const slow = await send(app.listener, { path: '/v1/spaces/board/items/none', headers });
    for (const { headers: got } of [fast, slow]) {
      assert.equal(got['x-request-id'], 'mine-1');
      assert.equal(got['access-control-allow-origin'], ORIGIN);
      assert.equal(got.vary, 'Origin');
      assert.match(String(got['access-control-expose-headers']), /Retry-After.*ETag.*Longshore-Durable-Version/);
    }
    const own = (one: typeof fast) =>
      Object.keys(one.headers).filter((name) => !/^(date|content-|etag|longshore)/.test(name));
    assert.deepEqual(own(fast).sort(), own(slow).sort());
  });
});
