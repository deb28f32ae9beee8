import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { JSON_TYPE, makeApp, postJson, send } from './fixture.ts';

const CLIENTS = '/v1/spaces/board/clients';

describe('the routes of clients', () => {
  it('[PR7] a join is 201 with the client and a snapshot; nothing in its body is needed', async () => {
    const { engine, listener } = makeApp();
    const answer = await postJson(listener, CLIENTS, { clientId: 'ann', name: 'Ann', data: { x: [1] } });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual([answer.json.clientId, answer.json.marker, answer.json.items], ['ann', 'm1', []]);
    assert.equal((await send(listener, { method: 'POST', path: CLIENTS })).status, 201);
    assert.deepEqual(engine.clientCalls, [
      ['join', { clientId: 'ann', name: 'Ann', data: { x: [1] } }, 'anonymous'],
      ['join', {}, 'anonymous'],
    ]);
  });

  it('[PR7] a change of data and a leave are 204', async () => {
    const { engine, listener } = makeApp();
    const body = JSON.stringify({ data: null });
    const patch = await send(listener, { method: 'PATCH', path: `${CLIENTS}/ann`, headers: JSON_TYPE, body });
    const leave = await send(listener, { method: 'DELETE', path: `${CLIENTS}/ann?generation=3` });
    const any = await send(listener, { method: 'DELETE', path: `${CLIENTS}/a%3Ab` });
    assert.deepEqual([patch.status, leave.status, any.status, patch.text], [204, 204, 204, '']);
    assert.deepEqual(engine.clientCalls, [
      ['patch', 'ann', null, 'anonymous'],
      ['leave', 'ann', 3, 'anonymous'],
      ['leave', 'a:b', undefined, 'anonymous'],
    ]);
  });

  const long = 'x'.repeat(1_023);
  const refused: readonly (readonly [method: string, path: string, body: unknown, status: number, code: string])[] = [
    ['POST', CLIENTS, { clientId: 'a/b' }, 400, 'badId'],
    ['POST', CLIENTS, { name: '' }, 400, 'badRequest'],
    ['POST', CLIENTS, { name: 'x'.repeat(129) }, 400, 'badRequest'],
    ['POST', CLIENTS, { data: long }, 400, 'badRequest'],
    ['POST', CLIENTS, { data: 'é'.repeat(512) }, 400, 'badRequest'],
    ['POST', CLIENTS, { colour: 'red' }, 400, 'badRequest'],
    ['POST', `${CLIENTS}?clientId=ann`, {}, 400, 'badRequest'],
    ['PATCH', `${CLIENTS}/ann`, {}, 400, 'badRequest'],
    ['PATCH', `${CLIENTS}/ann`, { data: long }, 400, 'badRequest'],
    ['PATCH', `${CLIENTS}/ann`, { data: 1, name: 'Ann' }, 400, 'badRequest'],
    ['PATCH', `${CLIENTS}/a%20b`, { data: 1 }, 400, 'badId'],
    ['DELETE', `${CLIENTS}/ann?generation=0`, undefined, 400, 'badRequest'],
    ['DELETE', `${CLIENTS}/ann?generation=x`, undefined, 400, 'badRequest'],
    ['DELETE', `${CLIENTS}/ann?gen=1`, undefined, 400, 'badRequest'],
    ['GET', CLIENTS, undefined, 405, 'methodNotAllowed'],
    ['POST', `${CLIENTS}/ann`, {}, 405, 'methodNotAllowed'],
  ];
  for (const [method, path, value, status, code] of refused) {
    it(`[PR8] ${method} ${path} with ${JSON.stringify(value)?.slice(0, 40)} is ${status} ${code}`, async () => {
      const { engine, listener } = makeApp();
      const body = value === undefined ? {} : { body: JSON.stringify(value), headers: JSON_TYPE };
      const answer = await send(listener, { method, path, ...body });
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
      assert.deepEqual(engine.clientCalls, []);
    });
  }

  it('[PR8] the longest name and data are taken', async () => {
    const { listener } = makeApp();
    const answer = await postJson(listener, CLIENTS, { name: 'é'.repeat(128), data: 'x'.repeat(1_022) });
    assert.equal(answer.status, 201);
  });

  it('[PR9] what the engine refuses has its status', async () => {
    const { engine, listener } = makeApp();
    const statuses = [
      ['clientIdTaken', 409],
      ['notJoined', 409],
      ['superseded', 409],
      ['rateLimited', 429],
      ['overloaded', 503],
    ] as const;
    for (const [code, status] of statuses) {
      engine.failure = new ProblemError(code, 'so it is', status >= 429 ? { retryAfterMs: 1_000 } : {});
      const sent = { method: status === 429 ? 'PATCH' : 'POST', path: status === 429 ? `${CLIENTS}/ann` : CLIENTS };
      const body = JSON.stringify(status === 429 ? { data: 1 } : {});
      const answer = await send(listener, { ...sent, headers: JSON_TYPE, body });
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
      assert.equal(answer.headers['retry-after'], status >= 429 ? '1' : undefined);
    }
  });

  it('[PR9] a poll hands on who asks, so that its clientId is theirs', async () => {
    const { engine, listener } = makeApp();
    await send(listener, { path: '/v1/spaces/board/updates?clientId=ann' });
    await postJson(listener, '/v1/spaces/board/updates:get', { clientId: 'ann' });
    assert.deepEqual(
      engine.polls.map(({ caller, query }) => [caller?.subject, query.clientId]),
      [
        ['anonymous', 'ann'],
        ['anonymous', 'ann'],
      ],
    );
  });
});
