import assert from 'node:assert/strict';
import { ProblemError } from '../../src/protocol/errors.ts';
import { castRoles, type Role } from '../support/roles.ts';
import { type App, JSON_TYPE, makeApp, send } from './fixture.ts';

const LOCK = '/v1/spaces/board/items/card/lock';

describe('locks over HTTP', () => {
  let app: App;
  beforeEach(() => {
    app = makeApp();
  });

  const ask = (method: string, body?: unknown, path = LOCK) =>
    send(app.listener, {
      method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: JSON_TYPE }),
    });

  it('[HT28] a grab answers fence and ttlMs', async () => {
    const answer = await ask('POST', { clientId: 'ann', ttlMs: 5_000 });
    assert.deepEqual([answer.status, answer.json], [200, { fence: 7, ttlMs: 30_000 }]);
    assert.deepEqual(app.engine.locks, [{ clientId: 'ann', ttlMs: 5_000, item: 'card', admin: false }]);
  });

  it('[HT28] of what somebody holds it says who, and for how long', async () => {
    app.engine.lockAnswer = { result: 'locked', holder: 'bo', ttlMs: 700 };
    const { status, json } = await ask('POST', { clientId: 'ann' });
    assert.deepEqual([status, json.code, json.holder, json.ttlMs], [423, 'locked', 'bo', 700]);
  });

  it('[HT28] what the client may not is a problem with a code of its own', async () => {
    const codes = {
      notJoined: 409,
      tooManyLocks: 409,
      notLockable: 409,
      holdTooLong: 423,
      forbidden: 403,
      notFound: 404,
    };
    for (const [code, status] of Object.entries(codes)) {
      app.engine.failure = new ProblemError(code as 'notJoined', 'why');
      const answer = await ask('POST', { clientId: 'ann' });
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
    }
  });

  it('[HT28] a body of another form is refused with what is allowed', async () => {
    const bodies = [
      {},
      { clientId: '..' },
      { clientId: 'ann', ttlMs: 999 },
      { clientId: 'ann', ttlMs: 600_001 },
      { clientId: 'ann', ttlMs: 1.5e3 + 0.5 },
      { clientId: 'ann', steal: 1 },
      { clientId: 'ann', more: 1 },
    ];
    for (const body of bodies) {
      const answer = await ask('POST', body);
      assert.equal(answer.status, 400, JSON.stringify(body));
    }
    assert.equal((await ask('POST', { clientId: 'ann' }, `${LOCK}?x=1`)).status, 400);
    assert.equal((await ask('POST', { clientId: 'ann' }, '/v1/spaces/board/items/a%20b/lock')).json.code, 'badId');
    assert.equal((await ask('PUT', { clientId: 'ann' })).headers.allow, 'POST, DELETE');
    assert.deepEqual(app.engine.locks, []);
  });

  it('[HT29] a release names its client in the query or in the body', async () => {
    const both = [await ask('DELETE', undefined, `${LOCK}?clientId=ann`), await ask('DELETE', { clientId: 'bob' })];
    assert.deepEqual(
      both.map(({ status, text }) => [status, text]),
      [
        [204, ''],
        [204, ''],
      ],
    );
    assert.deepEqual(
      app.engine.locks.map(({ clientId, ends }) => [clientId, ends]),
      [
        ['ann', true],
        ['bob', true],
      ],
    );
    assert.equal((await ask('DELETE')).status, 415);
    assert.equal((await ask('DELETE', {})).status, 400);
    assert.equal((await ask('DELETE', undefined, `${LOCK}?clientId=..`)).json.code, 'badId');
  });

  it('[HT29] an admin is known as one', async () => {
    const { headers, access } = await castRoles('key');
    const { listener, engine } = makeApp({ access });
    for (const role of ['locker', 'admin'] as Role[]) {
      const as = { headers: { ...JSON_TYPE, ...headers(role) } };
      await send(listener, { method: 'POST', path: LOCK, body: '{"clientId":"ann","steal":true}', ...as });
      await send(listener, { method: 'DELETE', path: `${LOCK}?clientId=ann`, ...as });
    }
    assert.deepEqual(
      engine.locks.map(({ admin }) => admin),
      [false, false, true, true],
    );
  });
});
