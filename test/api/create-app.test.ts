import assert from 'node:assert/strict';
import request from 'supertest';
import { Failure, type FailureCode } from '../../src/ports/failure.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { JSON_TYPE, makeApp, ORIGIN, postJson, send } from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';

describe('the HTTP side', () => {
  for (const path of [
    '/nope',
    '/v1',
    '/v1/spaces/a',
    '/v1/spaces/a/updates/',
    '/V1/spaces/a/updates',
    '/v1/spaces/a/updatesx',
    '/Healthz',
    '/pages/../page.js',
    '/pages/',
  ]) {
    it(`[HT40] has nothing at ${path}`, async () => {
      const answer = await send(makeApp().listener, { path });
      assert.deepEqual([answer.status, answer.json.code], [404, 'notFound']);
    });
  }

  const methods: readonly (readonly [method: string, path: string, allow: string])[] = [
    ['DELETE', UPDATES, 'GET, POST'],
    ['HEAD', UPDATES, 'GET, POST'],
    ['GET', `${UPDATES}:get`, 'POST'],
    ['POST', '/v1/spaces/board/items/a', 'GET, HEAD, PUT, PATCH, DELETE'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['PUT', '/openapi.json', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of methods) {
    it(`[HT41] answers 405 to ${method} ${path} and says what is allowed`, async () => {
      const answer = await request(makeApp().listener)[method.toLowerCase() as 'get'](path);
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, allow);
      if (method !== 'HEAD') assert.equal(answer.body.code, 'methodNotAllowed');
    });
  }

  it('[HT42] repeats a request id that is fit, and makes one otherwise', async () => {
    const { listener } = makeApp();
    const idFor = async (id: string | undefined) => {
      const headers: Record<string, string> = id === undefined ? {} : { 'X-Request-Id': id };
      return (await send(listener, { path: '/healthz', headers })).headers['x-request-id'];
    };
    assert.equal(await idFor('abc-1'), 'abc-1');
    const made = [await idFor(undefined), await idFor('a b'), await idFor('x'.repeat(200)), await idFor('')];
    for (const id of made) assert.match(String(id), /^test\.[0-9a-z]+$/);
    assert.equal(new Set(made).size, made.length);
  });

  it('[HT43] grants other origins nothing, and the listed ones what they need', async () => {
    const { listener } = makeApp();
    const preflight = { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' };
    const granted = await send(listener, { method: 'OPTIONS', path: UPDATES, headers: preflight });
    assert.equal(granted.status, 204);
    assert.equal(granted.headers['access-control-allow-origin'], ORIGIN);
    assert.match(String(granted.headers['access-control-allow-headers']), /Content-Type, If-Match, If-None-Match/);
    assert.match(String(granted.headers['access-control-allow-methods']), /PATCH/);
    for (const origin of ['https://app.example.evil', 'null', 'http://app.example', `${ORIGIN}:8443`]) {
      for (const method of ['OPTIONS', 'GET']) {
        const { headers } = await send(listener, { method, path: UPDATES, headers: { ...preflight, Origin: origin } });
        const leaked = Object.keys(headers).filter((name) => name.startsWith('access-control'));
        assert.deepEqual(leaked, [], origin);
        assert.equal(headers.vary, 'Origin');
      }
    }
  });

  it('[HT43] has no CORS headers at all where no origin is listed', async () => {
    const { listener } = makeApp({ allowedOrigins: [] });
    const { headers } = await send(listener, { path: UPDATES, headers: { Origin: ORIGIN } });
    assert.equal(headers.vary, undefined);
    assert.equal(headers['access-control-allow-origin'], undefined);
  });

  it('[HT44] does not say what it is made of', async () => {
    const { headers } = await send(makeApp().listener, { path: '/healthz' });
    assert.equal(headers['x-powered-by'], undefined);
    assert.equal(headers.server, undefined);
  });

  it('[HT45] answers an unknown failure with 500 and no detail, and logs it under the request id', async () => {
    const app = makeApp();
    app.engine.failure = new Error('password=hunter2 at /home/x');
    for (const method of ['GET', 'POST']) {
      const sent = method === 'GET' ? {} : { headers: JSON_TYPE, body: '{"updates":[{"item":"a","op":{"set":1}}]}' };
      const answer = await send(app.listener, { method, path: UPDATES, ...sent });
      assert.deepEqual([answer.status, answer.json.code], [500, 'internal']);
      assert.doesNotMatch(answer.text, /hunter2|home|Error/);
      const line = app.log.lines.at(-1);
      assert.equal(line?.level, 'error');
      assert.equal(line?.fields.requestId, answer.headers['x-request-id']);
      assert.equal(line?.fields.error, app.engine.failure);
    }
  });

  const failures: readonly (readonly [FailureCode, number, string])[] = [
    ['cacheUnavailable', 503, 'cacheUnavailable'],
    ['cacheFull', 503, 'overloaded'],
    ['storeUnavailable', 503, 'storeUnavailable'],
    ['storeOverloaded', 503, 'overloaded'],
    ['closed', 503, 'stopping'],
    ['tooLarge', 413, 'tooLarge'],
    ['storeRefused', 500, 'internal'],
  ];
  for (const [failure, status, code] of failures) {
    it(`[HT46] answers ${status} ${code} when a backend fails with ${failure}`, async () => {
      const app = makeApp();
      app.engine.failure = new Failure(failure, 'host 10.0.0.3 said no');
      const answer = await postJson(app.listener, UPDATES, { updates: [{ item: 'a', op: { set: 1 } }] });
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
      assert.equal(answer.headers['retry-after'], status === 503 ? '1' : undefined);
      assert.doesNotMatch(answer.text, /10\.0\.0\.3/);
    });
  }

  it('[HT36] refuses the whole API while it must not serve, but not the pages of operators', async () => {
    const problem = new ProblemError('notReady', 'not the owner', { retryAfterMs: 1_500 }).problem;
    const { listener, engine } = makeApp({ refusal: () => problem });
    const calls = [
      send(listener, { path: UPDATES }),
      postJson(listener, UPDATES, { updates: [{ item: 'a', op: { set: 1 } }] }),
      postJson(listener, `${UPDATES}:get`, {}),
      send(listener, { path: '/v1/spaces/board/items/a' }),
      send(listener, { method: 'DELETE', path: '/v1/spaces/board/items/a' }),
    ];
    for (const answer of await Promise.all(calls)) {
      assert.deepEqual([answer.status, answer.json.code, answer.headers['retry-after']], [503, 'notReady', '2']);
    }
    assert.equal(engine.polls.length + engine.requests.length, 0);
    assert.equal((await send(listener, { path: '/healthz' })).status, 200);
  });
});
