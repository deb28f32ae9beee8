import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type Coding, Compressor, Content, codingOf } from '../../src/api/content.ts';
import { type App, JSON_TYPE, type Listening, listen, makeApp, ORIGIN } from './fixture.ts';

const UPDATES = '/v1/spaces/board/updates';
const ITEM = '/v1/spaces/board/items/big';
const BIG = { text: 'harbour crane '.repeat(300) };

type Raw = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

describe('bodies on their way out', () => {
  let app: App;
  let server: Listening;

  beforeEach(async () => {
    app = makeApp();
    server = await listen(app.listener);
    await ask({ method: 'PUT', path: ITEM, headers: JSON_TYPE, body: JSON.stringify(BIG) });
  });

  afterEach(() => server.close());

  type Sent = { method?: string; path: string; headers?: Readonly<Record<string, string>>; body?: string };
  async function ask({ method = 'GET', path, headers = {}, body }: Sent): Promise<Raw> {
    const { port } = server;
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
    outgoing.end(body);
    const [incoming] = await once(outgoing, 'response');
    return { status: incoming.statusCode, headers: incoming.headers, body: await buffer(incoming) };
  }

  const decoded = ({ headers, body }: Raw): string => {
    assert.equal(headers['content-length'], String(body.length));
    const coding = headers['content-encoding'];
    if (coding === undefined) return body.toString();
    return (coding === 'br' ? brotliDecompressSync(body) : gunzipSync(body)).toString();
  };

  const calls: readonly Sent[] = [
    { path: UPDATES },
    { method: 'POST', path: `${UPDATES}:get`, headers: JSON_TYPE, body: '{}' },
    { method: 'POST', path: '/v1/spaces/board/clients', headers: JSON_TYPE, body: '{"clientId":"ann"}' },
    { path: ITEM },
  ];
  for (const call of calls) {
    it(`[HT60] ${call.method ?? 'GET'} ${call.path} comes as br, gzip or plain, as the client likes`, async () => {
      const plain = await ask(call);
      assert.equal(plain.headers['content-encoding'], undefined);
      assert.ok(plain.body.length > 4_000);
      for (const coding of ['br', 'gzip']) {
        const coded = await ask({ ...call, headers: { ...call.headers, 'Accept-Encoding': coding } });
        assert.equal(coded.headers['content-encoding'], coding);
        assert.equal(coded.headers['content-type'], plain.headers['content-type']);
        assert.equal(decoded(coded), plain.body.toString());
        assert.ok(coded.body.length < plain.body.length / 4);
        assert.match(String(coded.headers.vary), /Accept-Encoding/);
      }
      assert.match(String(plain.headers.vary), /Accept-Encoding/);
      const other = await ask({ ...call, headers: { ...call.headers, Origin: ORIGIN } });
      assert.match(String(other.headers.vary), /Origin/);
    });
  }

  it('[HT32] small answers keep every character of every language, and their length', async () => {
    const small = { ключ: 'é😀\u0000\ud83d\u2028' };
    await ask({ method: 'PUT', path: ITEM, headers: JSON_TYPE, body: JSON.stringify(small) });
    const item = await ask({ path: ITEM });
    assert.ok(item.body.length < 1_000);
    assert.deepEqual(JSON.parse(decoded(item)), small);
    const news = await ask({ path: UPDATES });
    assert.deepEqual(JSON.parse(decoded(news)).items[0].value, small);
    const head = await ask({ method: 'HEAD', path: ITEM });
    assert.equal(head.headers['content-length'], item.headers['content-length']);
    assert.equal(head.body.length, 0);
  });

  const wishes: readonly (readonly [accepts: string | undefined, coding: Coding | undefined])[] = [
    [undefined, undefined],
    ['', undefined],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['GZIP', 'gzip'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['identity', undefined],
    ['gzip;q=0.2, identity', undefined],
    ['zstd, deflate', undefined],
    ['gzip;q=nonsense;;,,=', undefined],
  ];
  for (const [accepts, coding] of wishes) {
    it(`[HT61] Accept-Encoding \`${accepts ?? '-'}\` asks for ${coding ?? 'nothing'}`, () => {
      for (let i = 0; i < 2; i++) assert.equal(codingOf(accepts), coding);
    });
  }

  it('[HT61] below 1 KB nothing is compressed, and the answer does not say that it could be', async () => {
    await ask({ method: 'PUT', path: ITEM, headers: JSON_TYPE, body: JSON.stringify('x'.repeat(500)) });
    for (const path of [UPDATES, ITEM]) {
      const { headers } = await ask({ path, headers: { 'Accept-Encoding': 'br' } });
      assert.equal(headers['content-encoding'], undefined);
      assert.doesNotMatch(String(headers.vary), /Accept-Encoding/);
    }
  });

  it('[HT62] all polls that get one answer get the same compressed bytes, made once for each coding', async () => {
    const compressor = new CountingCompressor();
    const content = new Content(Buffer.from(JSON.stringify(BIG)), () => []);
    const asked = (['br', 'gzip', 'br', undefined, 'gzip', 'br'] as const).map((coding) =>
      content.in(coding, compressor),
    );
    const bodies = (await Promise.all(asked)).map(({ body }) => body);
    assert.deepEqual(compressor.calls, ['br', 'gzip']);
    assert.equal(new Set(bodies).size, 3);
    assert.equal((await content.in('br', compressor)).body, bodies[0]);
    assert.equal(compressor.calls.length, 2);

    const answered: Promise<Raw>[] = [];
    for (let i = 0; i < 2; i++) {
      const waiting = app.engine.nextParked();
      answered.push(ask({ path: `${UPDATES}?marker=m1`, headers: { 'Accept-Encoding': 'br' } }));
      await waiting;
    }
    const answer = app.engine.snapshot();
    for (const poll of app.engine.polls) poll.deliver({ answer });
    for (const one of await Promise.all(answered)) assert.equal(decoded(one), answer.body.toString());
  });

  it('[HT63] a compressed value has a tag of its own; either tag names the version in a precondition', async () => {
    const coded = await ask({ path: ITEM, headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(coded.headers.etag, '"1-gzip"');
    const head = await ask({ method: 'HEAD', path: ITEM, headers: { 'Accept-Encoding': 'gzip' } });
    for (const name of ['etag', 'content-length', 'content-encoding', 'vary'])
      assert.equal(head.headers[name], coded.headers[name], name);
    assert.equal(head.body.length, 0);
    for (const tag of ['"1"', '"1-gzip"', 'W/"1-br"']) {
      const { status, headers, body } = await ask({ path: ITEM, headers: { 'If-None-Match': tag } });
      assert.deepEqual([status, body.length], [304, 0], tag);
      assert.equal(headers.etag, tag.startsWith('W') ? '"1"' : tag);
    }
    assert.equal((await ask({ path: ITEM, headers: { 'If-None-Match': '"1-deflate"' } })).status, 200);
    const put = { method: 'PUT', path: ITEM, body: '1' };
    assert.equal((await ask({ ...put, headers: { ...JSON_TYPE, 'If-Match': '"2-gzip"' } })).status, 412);
    assert.equal((await ask({ ...put, headers: { ...JSON_TYPE, 'If-Match': '"1-gzip"' } })).status, 200);
  });

  it('[HT65] what would not shrink, is too large, or comes while too much is being compressed goes out as it is', async () => {
    const noise = new Content(randomBytes(5_000), () => []);
    const kept = await noise.in('br', new Compressor());
    assert.deepEqual([kept.body.length, kept.headers.includes('Content-Encoding')], [5_000, false]);

    const busy = new CountingCompressor();
    busy.busy = true;
    const content = new Content(Buffer.from(JSON.stringify(BIG)), () => []);
    const { body } = await content.in('br', busy);
    assert.deepEqual([body.toString(), busy.calls], [JSON.stringify(BIG), []]);
    busy.busy = false;
    assert.notEqual((await content.in('br', busy)).body, body);

    const huge = new Content(Buffer.alloc(16 * 1024 * 1024 + 1, 'x'), () => []);
    assert.equal((await huge.in('br', busy)).body.length, 16 * 1024 * 1024 + 1);
  });

  it('[HT65] so many bodies are being compressed at once, and no more', async () => {
    const compressor = new Compressor();
    const bytes = Buffer.from(JSON.stringify(BIG));
    const begun: Promise<unknown>[] = [];
    while (!compressor.isBusy) begun.push(compressor.compress('br', bytes));
    assert.equal(begun.length, 16);
    await Promise.all(begun);
    assert.equal(compressor.isBusy, false);
  });

  it('[HT66] a client that goes away while its answer is being compressed harms nobody', async () => {
    const { port } = server;
    const left = request({
      host: '127.0.0.1',
      port,
      path: UPDATES,
      headers: { 'Accept-Encoding': 'br' },
      agent: false,
    });
    left.on('error', () => undefined);
    const closed = once(server.server, 'connection').then(([socket]) => once(socket, 'close'));
    left.end();
    await once(left, 'finish');
    left.destroy();
    await closed;
    assert.equal(
      (await ask({ path: UPDATES, headers: { 'Accept-Encoding': 'br' } })).headers['content-encoding'],
      'br',
    );
  });
});

class CountingCompressor extends Compressor {
  readonly calls: Coding[] = [];
  busy = false;

  override get isBusy(): boolean {
    return this.busy;
  }

  override compress(coding: Coding, bytes: Buffer): Promise<Buffer | undefined> {
    this.calls.push(coding);
    return super.compress(coding, bytes);
  }
}
