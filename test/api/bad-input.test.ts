import assert from 'node:assert/strict';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parseJson } from '../../src/api/read-body.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from '../../src/protocol/limits.ts';
import { type Answered, type App, JSON_TYPE, makeApp, postJson, send } from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';
const GOOD = JSON.stringify({ updates: [{ item: 'a', op: { set: 1 } }] });

function post(app: App, body: string | Buffer, headers: Record<string, string> = {}): Promise<Answered> {
  return send(app.listener, { method: 'POST', path: UPDATES, headers: { ...JSON_TYPE, ...headers }, body });
}

function nested(depth: number): string {
  return `{"updates":[{"item":"a","op":{"set":${'['.repeat(depth - 4)}${']'.repeat(depth - 4)}}}]}`;
}

describe('bad input', () => {
  let app: App;

  beforeEach(() => {
    app = makeApp();
  });

  const update = { item: 'a', op: { set: 1 } };
  const unusable: readonly (readonly [what: string, body: unknown, status: number, code: string, detail: RegExp])[] = [
    ['no updates', {}, 400, 'badRequest', /^updates: /],
    ['an empty list', { updates: [] }, 400, 'badRequest', /^updates: /],
    [
      '101 updates',
      { updates: Array.from({ length: 101 }, (_, i) => ({ ...update, item: `i${i}` })) },
      400,
      'badRequest',
      /updates: .*100/,
    ],
    ['an unknown field', { updates: [update], extra: 1 }, 400, 'badRequest', /extra/],
    [
      'an unknown field of an update',
      { updates: [{ ...update, colour: 1 }] },
      400,
      'badRequest',
      /updates\[0\].*colour/,
    ],
    ['an array', [update], 400, 'badRequest', /object/],
    ['null', null, 400, 'badRequest', /object/],
    [
      'a wrong type',
      { updates: [{ ...update, durable: 'yes' }] },
      400,
      'badRequest',
      /^updates\[0\]\.durable: .*boolean/,
    ],
    ['a broken number', { updates: [{ ...update, ifVersion: 1.5 }] }, 400, 'badRequest', /ifVersion/],
    ['a negative version', { updates: [{ ...update, ifVersion: -1 }] }, 400, 'badRequest', /ifVersion/],
    ['seq 0', { clientId: 'c', seq: 0, updates: [update] }, 400, 'badRequest', /seq/],
    [
      'neither op nor restore',
      { updates: [{ item: 'a' }] },
      400,
      'badRequest',
      /updates\[0\]: exactly one of op and restore/,
    ],
    [
      'op and restore',
      { updates: [{ ...update, restore: { from: 1, deltas: [{ version: 2, op: 1 }] } }] },
      400,
      'badRequest',
      /exactly one/,
    ],
    ['a bad item id', { updates: [{ ...update, item: 'a/b' }] }, 400, 'badId', /updates\[0\]\.item: must be 1 to 128/],
    ['an empty item id', { updates: [{ ...update, item: '' }] }, 400, 'badId', /must be/],
    ['only dots', { updates: [{ ...update, item: '..' }] }, 400, 'badId', /only dots/],
    ['a long id', { updates: [{ ...update, item: 'a'.repeat(129) }] }, 400, 'badId', /128/],
    ['a bad client id', { clientId: 'a b', updates: [update] }, 400, 'badId', /^clientId: /],
    ['an item twice', { updates: [update, { ...update }] }, 422, 'duplicateItem', /updates\[1\]\.item/],
  ];
  for (const [what, body, status, code, detail] of unusable) {
    it(`[HT12] refuses the whole request for ${what}`, async () => {
      const answer = await postJson(app.listener, UPDATES, body);
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.json.code, code);
      assert.match(answer.json.detail, detail);
      assert.equal(app.engine.requests.length, 0);
    });
  }

  const bodies: readonly (readonly [what: string, body: string | Buffer, code: string])[] = [
    ['nothing', '', 'badJson'],
    ['half of JSON', '{"updates":[', 'badJson'],
    ['JSON with a byte order mark', `\ufeff${GOOD}`, 'badJson'],
    ['bytes that are not UTF-8', Buffer.from([...Buffer.from('{"a":"'), 0xff, 0xfe, ...Buffer.from('"}')]), 'badJson'],
    ['UTF-8 of a surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'badJson'],
    ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'badJson'],
    ['UTF-16', Buffer.from(GOOD, 'utf16le'), 'badJson'],
    ['what is nested too deeply', nested(MAX_JSON_DEPTH + 1), 'tooDeep'],
    ['what is nested far too deeply', nested(100_000), 'tooDeep'],
    ['a __proto__ key', '{"updates":[{"item":"a","op":{"set":{"b":{"__proto__":{"admin":true}}}}}]}', 'badKey'],
    ['an escaped __proto__ key', '{"\\u005f\\u005fproto\\u005f\\u005f":1}', 'badKey'],
  ];
  for (const [what, body, code] of bodies) {
    it(`[HT13] refuses a body of ${what}`, async () => {
      const answer = await post(app, body);
      assert.deepEqual([answer.status, answer.json.code], [400, code], answer.text);
    });
  }

  it('[HT13] takes nesting up to the limit, constructor and prototype as data', async () => {
    assert.equal((await post(app, nested(MAX_JSON_DEPTH))).status, 200);
    assert.equal(
      (await post(app, '{"updates":[{"item":"constructor","op":{"set":{"prototype":{"constructor":1}}}}]}')).status,
      200,
    );
    assert.deepEqual(app.engine.items.get('constructor')?.value, { prototype: { constructor: 1 } });
    assert.equal(Object.hasOwn(Object.prototype, 'admin'), false);
  });

  const types: readonly (readonly [type: string, status: number])[] = [
    ['application/json', 200],
    ['Application/JSON; charset=UTF-8', 200],
    ['application/json;charset="utf-8"', 200],
    ['application/json; charset=latin1', 415],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonx', 415],
    ['application/merge-patch+json', 415],
    ['', 415],
  ];
  for (const [type, status] of types) {
    it(`[HT14] answers ${status} to content type \`${type}\``, async () => {
      const headers: Record<string, string> = type === '' ? {} : { 'Content-Type': type };
      const answer = await send(app.listener, { method: 'POST', path: UPDATES, headers, body: GOOD });
      assert.equal(answer.status, status, answer.text);
      if (status === 415) assert.match(answer.json.detail, /application\/json|utf-8/);
    });
  }

  it('[HT15] reads gzip, deflate and brotli', async () => {
    const coded = { gzip: gzipSync(GOOD), deflate: deflateSync(GOOD), br: brotliCompressSync(GOOD), identity: GOOD };
    for (const [coding, body] of Object.entries(coded)) {
      assert.equal((await post(app, body, { 'Content-Encoding': coding })).status, 200, coding);
    }
  });

  it('[HT15] refuses another coding, and bytes that are not of the coding named', async () => {
    assert.equal((await post(app, GOOD, { 'Content-Encoding': 'zstd' })).status, 415);
    assert.equal((await post(app, GOOD, { 'Content-Encoding': 'gzip, gzip' })).status, 415);
    const torn = gzipSync(GOOD).subarray(0, -12);
    for (const body of [Buffer.from(GOOD), torn]) {
      const answer = await post(app, body, { 'Content-Encoding': 'gzip' });
      assert.deepEqual([answer.status, answer.json.code], [400, 'badJson']);
    }
  });

  it('[HT16] takes a body of the largest size and refuses one byte more', async () => {
    const around = '{"updates":[{"item":"a","op":{"set":""}}]}'.length;
    const sized = (size: number): string => `{"updates":[{"item":"a","op":{"set":"${'x'.repeat(size - around)}"}}]}`;
    assert.equal((await post(app, sized(MAX_BODY_BYTES))).status, 200);
    const answer = await post(app, sized(MAX_BODY_BYTES + 1));
    assert.deepEqual([answer.status, answer.json.code], [413, 'tooLarge']);
  });

  it('[HT16] counts the bytes of a body without a length', async () => {
    const answer = await send(app.listener, {
      method: 'POST',
      path: UPDATES,
      headers: { ...JSON_TYPE, 'Content-Encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(MAX_BODY_BYTES + 1, ' ')),
    });
    assert.equal(answer.status, 413);
  });

  it('[HT16] stops a bomb by its decoded size', async () => {
    for (const [coding, body] of Object.entries({
      gzip: gzipSync(Buffer.alloc(64 * 1024 * 1024)),
      br: brotliCompressSync(Buffer.alloc(64 * 1024 * 1024)),
    })) {
      assert.ok(body.length < 100_000);
      const before = process.memoryUsage().arrayBuffers;
      assert.equal((await post(app, body, { 'Content-Encoding': coding })).status, 413);
      assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024);
    }
  }).timeout(10_000);

  const paths: readonly (readonly [method: string, path: string, status: number, code: string])[] = [
    ['GET', '/v1/spaces/a%2Fb/updates', 400, 'badId'],
    ['GET', '/v1/spaces/%00/updates', 400, 'badId'],
    ['GET', '/v1/spaces/%E0%A4%A/updates', 400, 'badId'],
    ['GET', '/v1/spaces/../updates', 400, 'badId'],
    ['GET', `/v1/spaces/${'a'.repeat(129)}/updates`, 400, 'badId'],
    ['POST', '/v1/spaces/%E0%A4%A/updates', 400, 'badId'],
    ['POST', '/v1/spaces/a%20b/updates', 400, 'badId'],
    ['POST', '/v1/spaces/a%2541/updates', 400, 'badId'],
    ['GET', '/v1/spaces/a%2541/updates', 400, 'badId'],
    ['GET', '/v1/spaces/a/items/b%2Fc', 400, 'badId'],
    ['GET', '/v1/spaces/a/items/%2e%2e', 400, 'badId'],
    ['GET', '/v1/spaces/a/items/b?x=1', 400, 'badRequest'],
    ['GET', '/v1/spaces/a/items/b?kind=a&kind=a', 400, 'badRequest'],
    ['PUT', '/v1/spaces/a/items/b?durable=yes', 400, 'badRequest'],
    ['GET', '/v1/spaces/a/updates?wait=1&wait=2', 400, 'badRequest'],
    ['GET', '/v1/spaces/a/updates?nope=2', 400, 'badRequest'],
    ['GET', '/v1/spaces/a/updates?marker=m-bad', 400, 'badMarker'],
    ['POST', '/v1/spaces/a/updates?durable=true', 400, 'badRequest'],
    ['GET', '/v1/spaces//updates', 400, 'badId'],
  ];
  for (const [method, path, status, code] of paths) {
    it(`[HT17] answers ${status} ${code} to ${method} ${path.slice(0, 50)}`, async () => {
      const body = method === 'GET' ? {} : { body: GOOD, headers: JSON_TYPE };
      const answer = await send(app.listener, { method, path, ...body });
      assert.deepEqual([answer.status, answer.json.code], [status, code], answer.text);
    });
  }

  it('[HT17] takes an id that the client percent-encoded, as itself', async () => {
    await send(app.listener, { path: '/v1/spaces/a%3Ab/updates' });
    await send(app.listener, { path: '/v1/spaces/a:b/updates' });
    assert.deepEqual(
      app.engine.polls.map(({ space }) => space),
      ['a:b', 'a:b'],
    );
  });

  it('[HT13] reads whatever bytes as JSON, or refuses them with a problem', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(bytes, (one) => {
        const body = Buffer.from(one);
        try {
          assert.deepEqual(parseJson(body), JSON.parse(body.toString()));
        } catch (error) {
          assert.ok(error instanceof ProblemError && error.problem.status === 400, String(error));
        }
      }),
    );
  });
});
