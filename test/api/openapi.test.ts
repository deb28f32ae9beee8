import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { postUpdateSchema } from '../../src/protocol/post-update.ts';
import { makeApp, send } from './fixture.ts';

describe('openapi.json', () => {
  it('[HT55] is an OpenAPI 3.1 document whose references all lead somewhere', async () => {
    const { status, json, text } = await send(makeApp().listener, { path: '/openapi.json' });
    assert.equal(status, 200);
    assert.match(json.openapi, /^3\.1\./);
    const names = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    assert.ok(names.length > 0);
    for (const name of names) assert.ok(Object.hasOwn(json.components.schemas, String(name)), name);
  });

  it('[HT55] its schemas are those that requests are read with', async () => {
    const { json } = await send(makeApp().listener, { path: '/openapi.json' });
    const ajv = new Ajv2020({ strict: false });
    const check = ajv.compile(json.components.schemas.PostUpdateRequest);
    const requests = [
      { updates: [{ item: 'a', op: { set: 1 } }] },
      { clientId: 'c', seq: 1, updates: [{ item: 'a', restore: { from: 1, deltas: [{ version: 2, op: 3 }] } }] },
      { updates: [] },
      { updates: [{ item: 'a', colour: 1 }] },
      { updates: [{ op: 1 }] },
      { seq: 0, updates: [{ item: 'a' }] },
      [],
    ];
    for (const request of requests) {
      assert.equal(check(request), postUpdateSchema.safeParse(request).success, JSON.stringify(request));
    }
  });

  it('[HT55] gives every operation a name of its own', async () => {
    const { json } = await send(makeApp().listener, { path: '/openapi.json' });
    const ids = JSON.stringify(json.paths).match(/"operationId":"\w+"/g) ?? [];
    assert.ok(ids.length >= 8);
    assert.equal(new Set(ids).size, ids.length);
  });
});
