import assert from 'node:assert/strict';
import type { UpdateResult } from '../../src/protocol/post-update.ts';
import { type Answered, type App, JSON_TYPE, makeApp, send } from './fixture.ts';

const ITEM = '/v1/spaces/board/items/card';

describe('one item', () => {
  let app: App;

  beforeEach(() => {
    app = makeApp();
  });

  function ask(method: string, body?: unknown, headers: Record<string, string> = {}, path = ITEM): Promise<Answered> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    return send(app.listener, { method, path, headers: { ...JSON_TYPE, ...headers }, ...sent });
  }

  it('[HT21] PUT creates with 201, replaces with 200, and tells version and durable version', async () => {
    const created = await ask('PUT', { x: 1 });
    assert.equal(created.status, 201);
    assert.deepEqual(created.json, { version: 1, durableVersion: 0 });
    assert.equal(created.headers.etag, '"1"');
    assert.equal(created.headers['longshore-durable-version'], '0');
    const replaced = await ask('PUT', null, {}, `${ITEM}?durable=true`);
    assert.deepEqual([replaced.status, replaced.json], [200, { version: 2, durableVersion: 2 }]);
    assert.equal(app.engine.items.get('card')?.value, null);
  });

  it('[HT22] GET answers the bare value with its tag, 304 to whoever has it', async () => {
    await ask('PUT', { x: 1 });
    const got = await ask('GET');
    assert.deepEqual([got.status, got.json, got.headers.etag], [200, { x: 1 }, '"1"']);
    const again = await ask('GET', undefined, { 'If-None-Match': '"1"' });
    assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', '"1"']);
    assert.equal((await ask('GET', undefined, { 'If-None-Match': '"2"' })).status, 200);
    assert.equal((await ask('GET', undefined, { 'If-Match': '"2"' })).status, 412);
    const head = await ask('HEAD');
    assert.deepEqual([head.status, head.text, head.headers.etag], [200, '', '"1"']);
  });

  it('[HT23] PATCH merges what is there', async () => {
    await ask('PUT', { x: 1, y: 2 });
    const type = { 'Content-Type': 'application/merge-patch+json' };
    assert.equal((await ask('PATCH', { x: null, z: 3 }, type)).status, 200);
    assert.deepEqual((await ask('GET')).json, { y: 2, z: 3 });
  });

  it('[HT24] DELETE answers 204; then the item is absent to all, and PUT creates it again', async () => {
    await ask('PUT', 1);
    const gone = await ask('DELETE');
    assert.deepEqual([gone.status, gone.text], [204, '']);
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', {}]] as const) {
      assert.equal((await ask(method, body)).status, 404, method);
    }
    const back = await ask('PUT', 2);
    assert.deepEqual([back.status, back.json.version], [201, 3]);
  });

  it('[HT24] what never was is 404', async () => {
    for (const [method, body] of [['GET'], ['HEAD'], ['DELETE'], ['PATCH', {}]] as const) {
      assert.equal((await ask(method, body)).status, 404, method);
    }
  });

  it('[HT25] If-None-Match: * creates only', async () => {
    assert.equal((await ask('PUT', 1, { 'If-None-Match': '*' })).status, 201);
    const second = await ask('PUT', 2, { 'If-None-Match': '*' });
    assert.deepEqual([second.status, second.json.code, second.headers.etag], [412, 'preconditionFailed', '"1"']);
    assert.equal(app.engine.items.get('card')?.value, 1);
  });

  it('[HT25] If-Match writes only over a version named', async () => {
    assert.equal((await ask('PUT', 1, { 'If-Match': '*' })).status, 412);
    await ask('PUT', 1);
    assert.equal((await ask('PUT', 2, { 'If-Match': '"7"' })).status, 412);
    assert.equal((await ask('PUT', 2, { 'If-Match': '"7", "1"' })).status, 200);
    assert.equal((await ask('PATCH', 3, { 'If-Match': '"1"' })).status, 412);
    assert.equal((await ask('DELETE', undefined, { 'If-Match': '"1"' })).status, 412);
    assert.equal((await ask('DELETE', undefined, { 'If-Match': '"2"' })).status, 204);
  });

  it('[HT25] a precondition is judged by the version that is then replaced', async () => {
    await ask('PUT', 1);
    let raced = false;
    app.engine.script = ({ ifVersion }) => {
      if (raced || ifVersion === undefined) return undefined;
      raced = true;
      app.engine.items.set('card', { kind: 'register', version: 2, value: 'other', deleted: false });
      return undefined;
    };
    const answer = await ask('PUT', 'mine', { 'If-Match': '"1"' });
    assert.equal(answer.status, 412);
    assert.equal(app.engine.items.get('card')?.value, 'other');
  });

  it('[HT25] gives up on an item that others keep changing', async () => {
    await ask('PUT', 1);
    app.engine.script = ({ item }) => ({ item, result: 'conflict', version: 9, durableVersion: 0 });
    const answer = await ask('PUT', 2, { 'If-Match': '*' });
    assert.deepEqual([answer.status, answer.json.code], [503, 'contention']);
  });

  it('[HT26] values go to registers only', async () => {
    app.engine.items.set('card', { kind: 'text', version: 4, value: 'abc', deleted: false });
    assert.equal((await ask('GET')).json, 'abc');
    assert.equal((await ask('GET', undefined, {}, `${ITEM}?kind=text`)).status, 200);
    const wrong: readonly (readonly [string, string, unknown?])[] = [
      ['GET', `${ITEM}?kind=register`],
      ['PUT', ITEM, 1],
      ['PUT', `${ITEM}?kind=text`, 'abc'],
      ['PATCH', ITEM, {}],
      ['DELETE', `${ITEM}?kind=register`],
    ];
    for (const [method, path, body] of wrong) {
      const answer = await ask(method, body, {}, path);
      assert.deepEqual([answer.status, answer.json.code], [409, 'kindMismatch'], `${method} ${path}`);
    }
    assert.equal((await ask('DELETE')).status, 204);
  });

  const at = { item: 'card', version: 3, durableVersion: 2 };
  const results: readonly (readonly [UpdateResult, number, string])[] = [
    [{ ...at, result: 'locked', holder: 'bo', ttlMs: 700 }, 423, 'locked'],
    [{ ...at, result: 'fenced' }, 409, 'conflict'],
    [{ ...at, result: 'resync', value: 1 }, 409, 'conflict'],
    [{ item: 'card', result: 'invalid', code: 'kindMismatch', detail: 'd' }, 409, 'kindMismatch'],
    [{ item: 'card', result: 'invalid', code: 'lockRequired', detail: 'd' }, 409, 'lockRequired'],
    [{ item: 'card', result: 'invalid', code: 'badOp', detail: 'd' }, 400, 'badRequest'],
    [{ item: 'card', result: 'tooLarge', limit: 5 }, 413, 'tooLarge'],
    [{ item: 'card', result: 'retry', code: 'folding', retryAfterMs: 1 }, 503, 'overloaded'],
    [{ item: 'card', result: 'retry', code: 'storeUnavailable', retryAfterMs: 1 }, 503, 'storeUnavailable'],
  ];
  for (const [result, status, code] of results) {
    it(`[HT27] answers ${status} ${code} to the result ${result.result}`, async () => {
      app.engine.script = () => result;
      const answer = await ask('PUT', 1);
      assert.deepEqual([answer.status, answer.json.code], [status, code]);
      if (status === 423) assert.deepEqual([answer.json.holder, answer.json.ttlMs], ['bo', 700]);
      assert.equal(answer.headers['retry-after'], status === 503 ? '1' : undefined);
    });
  }
});
