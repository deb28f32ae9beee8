import assert from 'node:assert/strict';
import type { Kind } from '../../src/kinds/kind.ts';
import { log } from '../../src/kinds/log/log.ts';
import { castRoles } from '../support/roles.ts';
import { sampleHead } from '../support/sample-heads.ts';
import { makeApp, ORIGIN, send } from './fixture.ts';

const STREAM = '/v1/stream/board/a';

function appWithStream(type: string, options: Parameters<typeof makeApp>[0] = {}) {
  const app = makeApp(options);
  const head = sampleHead({ kind: 'log' });
  app.engine.standing.set('a', { head, kind: log as Kind, state: { count: 0, config: { type, durable: true } } });
  return app;
}

describe('streams over HTTP', () => {
  it('[DS14] what is in a stream cannot become a page of this origin', async () => {
    const { listener } = appWithStream('text/html');
    for (const search of ['', '?offset=now', '?offset=0000000000000000_0000000000000000']) {
      const { status, headers } = await send(listener, { path: STREAM + search });
      assert.equal(status, 200, search);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.match(String(headers['content-security-policy']), /^sandbox; default-src 'none'$/);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
    const asked = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'PUT' };
    const stranger = await send(listener, { method: 'OPTIONS', path: STREAM, headers: asked });
    assert.equal(stranger.headers['access-control-allow-headers'], undefined);
    const known = await send(listener, { method: 'OPTIONS', path: STREAM, headers: { ...asked, Origin: ORIGIN } });
    assert.match(String(known.headers['access-control-allow-headers']), /Stream-TTL.*Producer-Id/);
  });

  it('[DS15] a fork needs the right to read its source', async () => {
    const { access, headers } = await castRoles('key');
    const { listener, engine } = appWithStream('text/plain', { access });
    const fork = (path: string, source: string) =>
      send(listener, { method: 'PUT', path, headers: { ...headers('writer'), 'Stream-Forked-From': source } });
    assert.equal((await fork('/v1/stream/board/b', '/v1/stream/secret/a')).status, 404);
    assert.equal(engine.requests.length, 0);
    const own = await fork('/v1/stream/board/b', '/v1/stream/board/none');
    assert.equal(own.json.detail, 'there is no such source');
  });

  for (const [what, headers, body] of [
    ['both expiries', { 'Stream-TTL': '1', 'Stream-Expires-At': '2030-01-01T00:00:00Z' }, ''],
    ['a TTL that is no integer', { 'Stream-TTL': '1.5' }, ''],
    ['an offset without a source', { 'Stream-Fork-Offset': '0000000000000000_0000000000000000' }, ''],
    ['a source that is no stream', { 'Stream-Forked-From': 'http://elsewhere/' }, ''],
    ['JSON that is none', { 'Content-Type': 'application/json' }, '{'],
    ['JSON with a bad key', { 'Content-Type': 'application/json' }, '{"__proto__":1}'],
    ['a long header', { 'Content-Type': `text/${'x'.repeat(300)}` }, ''],
  ] as const) {
    it(`[DS16] refuses to make a stream with ${what}`, async () => {
      const { listener, engine } = makeApp();
      const answer = await send(listener, { method: 'PUT', path: '/v1/stream/board/new', headers, body });
      assert.equal(answer.status, 400, answer.text);
      assert.equal(engine.requests.length, 0);
    });
  }

  it('[DS16] refuses queries and producers that are not of the form', async () => {
    const { listener, engine } = appWithStream('text/plain');
    for (const search of ['offset=', 'offset=1&offset=2', 'offset=x', 'live=sse', 'offset=-1&live=never'])
      assert.equal((await send(listener, { path: `${STREAM}?${search}` })).status, 400, search);
    const producers: Readonly<Record<string, string>>[] = [
      { 'Producer-Id': 'p' },
      { 'Producer-Id': '', 'Producer-Epoch': '0', 'Producer-Seq': '0' },
      { 'Producer-Id': 'p', 'Producer-Epoch': '-1', 'Producer-Seq': '0' },
      { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '1e3' },
      { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '9007199254740992' },
    ];
    for (const producer of producers) {
      const headers = { 'Content-Type': 'text/plain', ...producer };
      assert.equal((await send(listener, { method: 'POST', path: STREAM, headers, body: 'x' })).status, 400);
    }
    assert.equal((await send(listener, { method: 'PATCH', path: STREAM })).status, 405);
    assert.equal(engine.requests.length, 0);
  });
});
