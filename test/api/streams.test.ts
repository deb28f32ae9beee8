import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type ServerResponse } from 'node:http';
import { OPEN_ACCESS } from '../../src/auth/access.ts';
import { ANONYMOUS, type Caller } from '../../src/auth/caller.ts';
import type { JsonObject } from '../../src/base/json.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import { log } from '../../src/kinds/log/log.ts';
import { RESOURCE_STALL_MS } from '../../src/protocol/limits.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { castRoles } from '../support/roles.ts';
import { sampleHead } from '../support/sample-heads.ts';
import { listen, makeApp, makeLimits, ORIGIN, send } from './fixture.ts';

const STREAM = '/v1/stream/board/a';

function appWithStream(type: string, options: Parameters<typeof makeApp>[0] = {}) {
  const app = makeApp(options);
  const head = sampleHead({ kind: 'log' });
  app.engine.standing.set('a', { head, kind: log as Kind, state: { count: 0, config: { type, durable: true } } });
  return app;
}

/** A closed stream with these messages. */
function appWithTexts(texts: readonly string[], options: Parameters<typeof makeApp>[0] = {}) {
  const ops = texts.map((text) => ({ bytes: Buffer.from(text).toString('base64') }));
  return appWithOps('text/plain', ops, options);
}

function appWithOps(type: string, ops: readonly JsonObject[], options: Parameters<typeof makeApp>[0] = {}) {
  const app = makeApp(options);
  const config = { type, durable: true };
  const head = sampleHead({ kind: 'log' });
  app.engine.standing.set('a', { head, kind: log as Kind, state: { count: ops.length, closed: true, config } });
  app.engine.readOps = async (_space, _item, { index }) => {
    const op = { index, version: index, op: ops[index - 1] ?? {}, updatedAt: '2026-01-01T00:00:00.000Z' };
    return { ops: [op], nextIndex: index + 1, lineage: `${head.born}.${head.L}`, upToDate: index === ops.length };
  };
  return app;
}

/** What a reader makes of the lines of events (HTML, 9.2.6). */
function dataOf(events: string): string[] {
  return events.split('\n\n').flatMap((block) => {
    const lines = block.split('\n');
    if (!lines.includes('event: data')) return [];
    const data = lines.filter((line) => line.startsWith('data:'));
    return [data.map((line) => line.slice('data:'.length).replace(/^ /, '')).join('\n')];
  });
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

  it('[DS19] a page of another origin appends nothing that no credential of its own vouches for', async () => {
    const cast = await castRoles('key');
    const plain = { 'Content-Type': 'text/plain' };
    const append = async (listener: Parameters<typeof send>[0], headers: Record<string, string>) =>
      (await send(listener, { method: 'POST', path: STREAM, headers: { ...plain, ...headers }, body: 'x' })).status;
    const open = appWithStream('text/plain');
    open.engine.script = ({ item }) => ({ item, result: 'ok', version: 2, durableVersion: 2, nextIndex: 2 }) as never;
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1'])
      assert.equal(await append(open.listener, { Origin: origin }), 403, origin);
    assert.equal(open.engine.requests.length, 0);
    assert.equal(await append(open.listener, {}), 204);
    assert.equal(await append(open.listener, { Origin: ORIGIN }), 204);
    assert.equal(await append(open.listener, { Host: 'here:8080', Origin: 'http://here:8080' }), 204);
    const closed = appWithStream('text/plain', { access: cast.access });
    closed.engine.script = open.engine.script;
    const own = { ...cast.headers('writer'), Origin: 'https://elsewhere.example' };
    assert.equal(await append(closed.listener, own), 204);
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

  it('[DS18] an event stream keeps the blanks that a line begins with', async () => {
    const texts = [' lead', '  two\n one', 'none'];
    for (const text of texts) {
      const { text: events } = await send(appWithTexts([text]).listener, { path: `${STREAM}?offset=-1&live=sse` });
      assert.deepEqual(dataOf(events), [text]);
    }
  });

  it('[DS26] an event stream tells every end of a line as LF; JSON and plain reads keep them', async () => {
    const text = 'one\r\ntwo\rthree\nfour\r\n\r\nevent: control\r';
    const read = async (search: string) => (await send(appWithTexts([text]).listener, { path: STREAM + search })).text;
    assert.deepEqual(dataOf(await read('?offset=-1&live=sse')), ['one\ntwo\nthree\nfour\n\nevent: control\n']);
    for (const search of ['?offset=-1', '?offset=-1&live=long-poll']) assert.equal(await read(search), text);
    const json = appWithOps('application/json', [{ append: [text] }]).listener;
    const [events] = dataOf((await send(json, { path: `${STREAM}?offset=-1&live=sse` })).text);
    assert.deepEqual(JSON.parse(events ?? ''), [text]);
  });

  it('[DS34] a client that leaves while it is let in keeps no place and no bytes', async () => {
    for (const search of ['?offset=-1', '?offset=now&live=long-poll', '?offset=now&live=sse']) {
      const limits = makeLimits();
      let admit: (caller: Caller) => void = () => undefined;
      const access = { ...OPEN_ACCESS, admit: () => new Promise<Caller>((done) => (admit = done)) };
      const { listener, engine } = appWithStream('text/plain', { access, limits });
      engine.readOps = async () => {
        const op = { index: 1, version: 1, op: { bytes: 'AAAA' }, updatedAt: '2026-01-01T00:00:00.000Z' };
        return { ops: [op], nextIndex: 2, lineage: '1.0', upToDate: true };
      };
      const gone = send(
        (req, res) => {
          listener(req, res);
          req.socket.destroy();
          res.once('close', () => admit(ANONYMOUS));
        },
        { path: STREAM + search },
      );
      await assert.rejects(gone);
      await settle();
      assert.deepEqual([limits.parked, limits.transfers.inUse], [0, 0], search);
    }
  });

  it('[DS54] a reader who takes much in many parts is listened to once', async () => {
    const { listener, engine } = appWithTexts(Array.from({ length: 15 }, () => 'x'.repeat(3_000_000)));
    let answering: ServerResponse | undefined;
    const listeners: number[] = [];
    const { readOps } = engine;
    engine.readOps = (...asked) => {
      listeners.push(answering?.listenerCount('close') ?? 0);
      return readOps(...asked);
    };
    const slow: typeof listener = (req, res) => {
      answering = res;
      listener(req, res);
    };
    const { text } = await send(slow, { path: `${STREAM}?offset=-1&live=sse` });
    assert.equal(dataOf(text).length, 15);
    assert.equal(listeners.at(-1), listeners[1], `listeners: ${listeners}`);
  });

  it('[DS35] a reader who takes nothing of a page is cut, and holds its bytes no longer', async () => {
    const clock = new FakeClock();
    const { listener, deps } = appWithTexts(['x'.repeat(32_000_000)], { clock });
    const { port, close } = await listen(listener);
    const [answer] = await once(get({ host: '127.0.0.1', port, path: STREAM, agent: false }), 'response');
    answer.pause();
    while (clock.waiting === 0) await new Promise((turn) => setImmediate(turn));
    assert.ok(deps.limits.transfers.inUse > 0);
    const cut = once(answer, 'error');
    clock.advance(RESOURCE_STALL_MS);
    answer.resume();
    await cut;
    await close();
    assert.equal(deps.limits.transfers.inUse, 0);
  });
});
