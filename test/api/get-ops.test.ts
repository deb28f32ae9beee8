import assert from 'node:assert/strict';
import { request } from 'node:http';
import { ProblemError } from '../../src/protocol/errors.ts';
import { castRoles } from '../support/roles.ts';
import { type App, type Listening, listen, makeApp, send, sendTo } from './fixture.ts';

const OPS = '/v1/spaces/board/items/a/ops';

describe('GET ops', () => {
  let app: App;
  let server: Listening;
  let port: number;

  beforeEach(async () => {
    app = makeApp({});
    server = await listen(app.listener);
    ({ port } = server);
  });

  afterEach(() => server.close());

  it('[OP16] asks for what the query says, or for everything from 1 on', async () => {
    const parked = app.engine.nextParked();
    const answered = sendTo(port, { path: OPS });
    await parked;
    const [asked] = app.engine.opsAsked;
    assert.deepEqual([asked?.space, asked?.item, asked?.query], ['board', 'a', { index: 1, limit: 500, wait: 25 }]);
    const body = Buffer.from('{"ops":[],"nextIndex":1,"lineage":"1.0","upToDate":true}');
    asked?.deliver({ answer: { body, marker: '', empty: true } });
    const { text, headers } = await answered;
    assert.deepEqual([text, headers['cache-control']], [String(body), 'no-store']);
    await send(app.listener, { path: `${OPS}?index=7&limit=3&wait=0&lineage=12.3` });
    assert.deepEqual(app.engine.opsAsked[1]?.query, { index: 7, limit: 3, wait: 0, lineage: '12.3' });
  });

  it('[OP16] refuses everything else', async () => {
    const bad = [
      'index=0',
      'index=-1',
      'index=1.5',
      'index=',
      'index=12345678901234',
      'limit=0',
      'limit=501',
      'wait=51',
    ];
    for (const query of [...bad, 'lineage=x', 'lineage=1', 'lineage=1.2.3', 'from=1', 'index=1&index=2']) {
      const { status, json } = await send(app.listener, { path: `${OPS}?${query}` });
      assert.deepEqual([status, json.code], [400, 'badRequest'], query);
    }
    assert.equal((await send(app.listener, { path: '/v1/spaces/board/items/a%2Fb/ops' })).json.code, 'badId');
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE'])
      assert.equal((await send(app.listener, { method, path: OPS })).status, 405, method);
    assert.equal(app.engine.opsAsked.length, 0);
  });

  it('[OP16] answers the problem that the engine delivers, and frees the waiter when the client goes away', async () => {
    const waiting = app.engine.nextParked();
    const answered = sendTo(port, { path: OPS });
    await waiting;
    app.engine.opsAsked[0]?.deliver({ problem: new ProblemError('kindMismatch', 'a register keeps none').problem });
    const { status, json } = await answered;
    assert.deepEqual([status, json.code], [409, 'kindMismatch']);
    const parked = app.engine.nextParked();
    const outgoing = request({ host: '127.0.0.1', port, path: OPS, agent: false });
    outgoing.on('error', () => undefined);
    outgoing.end();
    await parked;
    const cancelled = app.engine.nextCancelled();
    outgoing.destroy();
    await cancelled;
    assert.equal(app.engine.opsAsked[1]?.cancelled, true);
  });

  it('[OP16] asks again for the right to read before it answers', async () => {
    const cast = await castRoles('jwt');
    const { listener, engine } = makeApp({ access: cast.access });
    const parked = engine.nextParked();
    const answered = send(listener, { path: OPS, headers: cast.headers('memberReader') });
    await parked;
    cast.policies.spaces.set('board', { exists: true, members: new Map() });
    cast.clock.advance(30_000);
    engine.opsAsked[0]?.deliver({ answer: { body: Buffer.from('"secret"'), marker: '', empty: false } });
    const { status, text } = await answered;
    assert.equal(status, 403);
    assert.ok(!text.includes('secret'));
  });

  const PAGE = Array.from({ length: 40 }, (_, n) => {
    return { index: n + 1, version: n + 1, op: ['add', `element ${n}`, 1], updatedAt: '2026-11-21T13:23:51.817Z' };
  });
  const BODY = Buffer.from(JSON.stringify({ ops: PAGE, nextIndex: 41, lineage: '1.0', upToDate: false }));
  type Fixed = 'for ever' | 'in this life' | undefined;
  /** Asks, and has the engine answer with that page. */
  const askFor = async (fixed: Fixed, headers: Record<string, string> = {}) => {
    const parked = app.engine.nextParked();
    const answered = sendTo(port, { path: OPS, headers });
    await parked;
    const answer = { body: BODY, marker: '', empty: false, ...(fixed && { fixed }) };
    app.engine.opsAsked.at(-1)?.deliver({ answer });
    return answered;
  };

  it('[OP18] tells how long an answer may be kept', async () => {
    const kept = await askFor('for ever');
    assert.equal(kept.headers['cache-control'], 'private, max-age=31536000, immutable');
    assert.equal(kept.headers['x-content-type-options'], 'nosniff');
    assert.equal(kept.headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal((await askFor('in this life')).headers['cache-control'], 'private, no-cache');
    const other = await askFor(undefined);
    assert.deepEqual([other.headers['cache-control'], other.headers.etag], ['no-store', undefined]);
  });

  it('[OP19] with the tag of such a page the answer is 304; a tag is one for all codings', async () => {
    const first = await askFor('for ever');
    const tag = String(first.headers.etag);
    assert.match(tag, /^W\/"[\w-]{22}"$/);
    assert.equal(first.text, String(BODY));
    const vary = String(first.headers.vary);
    assert(vary.includes('Authorization') && vary.includes('Accept-Encoding'), vary);
    const parked = app.engine.nextParked();
    const coding = fetch(`http://127.0.0.1:${port}${OPS}`, { headers: { 'Accept-Encoding': 'gzip' } });
    await parked;
    app.engine.opsAsked.at(-1)?.deliver({ answer: { body: BODY, marker: '', empty: false, fixed: 'for ever' } });
    const coded = await coding;
    assert.deepEqual([coded.headers.get('content-encoding'), coded.headers.get('etag')], ['gzip', tag]);
    assert.equal(await coded.text(), String(BODY));
    for (const known of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
      const again = await askFor('for ever', { 'If-None-Match': known });
      assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', tag], known);
      assert.equal(again.headers['cache-control'], first.headers['cache-control']);
    }
    assert.equal((await askFor('in this life', { 'If-None-Match': tag })).status, 304);
    for (const known of ['"other"', 'nonsense'])
      assert.equal((await askFor('for ever', { 'If-None-Match': known })).status, 200);
    assert.equal((await askFor(undefined, { 'If-None-Match': tag })).status, 200);
  });

  it('[OP19] where a proxy tells who it is, what is kept is asked for again', async () => {
    const { headers } = await askFor('for ever', { 'X-Goog-IAP-JWT-Assertion': 'somebody' });
    assert.equal(headers['cache-control'], 'private, no-cache');
  });

  it('[OP19] whoever may not read any more is not told that they have it', async () => {
    const tag = String((await askFor('for ever')).headers.etag);
    const cast = await castRoles('jwt');
    const guarded = makeApp({ access: cast.access });
    const parked = guarded.engine.nextParked();
    const headers = { ...cast.headers('memberReader'), 'If-None-Match': tag };
    const answered = send(guarded.listener, { path: OPS, headers });
    await parked;
    cast.policies.spaces.set('board', { exists: true, members: new Map() });
    cast.clock.advance(30_000);
    guarded.engine.opsAsked[0]?.deliver({ answer: { body: BODY, marker: '', empty: false, fixed: 'for ever' } });
    const { status, headers: answerHeaders } = await answered;
    assert.deepEqual([status, answerHeaders['cache-control']], [403, 'no-store']);
  });
});
