import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:http';
import { Limits } from '../../src/core/limits/limits.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits/limits-config.ts';
import { Failure } from '../../src/ports/failure.ts';
import { MAX_RESOURCE_BYTES, RESOURCE_PART_BYTES, RESOURCE_STALL_MS } from '../../src/protocol/limits.ts';
import { MemoryBlobs } from '../doubles/memory-blobs.ts';
import { FakeClock } from '../support/clocks.ts';
import { imageOf, pngThatClaims } from '../support/images.ts';
import { makeResources } from '../support/resources.ts';
import { type Answered, type App, listen, makeApp, makeLimits, send } from './fixture.ts';

const PATH = '/v1/spaces/board/resources';
const TEXT = Buffer.from('0123456789');
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const PLACE = `${PATH}/${sha(TEXT)}`;

function put({ listener }: App, body: Buffer, headers = {}): Promise<Answered> {
  return send(listener, { method: 'PUT', path: PATH, body, headers });
}

describe('resources over HTTP', function () {
  this.timeout(40_000);

  it('[RC1] PUT is 201 with what the bytes are, 200 where they are there already; GET brings them back', async () => {
    const app = makeApp();
    const image = await imageOf('png');
    const made = await put(app, image, { 'Content-Type': 'text/html' });
    const described = { hash: sha(image), type: 'image/png', size: image.length, width: 7, height: 5 };
    assert.deepEqual([made.status, made.json], [201, described]);
    const again = await put(app, image);
    assert.deepEqual([again.status, again.json], [200, described]);
    assert.equal((await put(app, TEXT)).status, 201);
    assert.equal((await send(app.listener, { path: PLACE })).text, '0123456789');
  });

  it('[RC5] an image may be shown, all else only saved; neither can do anything in a page of ours', async () => {
    const app = makeApp();
    const image = await imageOf('webp');
    await put(app, image);
    await put(app, TEXT);
    const shown = (await send(app.listener, { path: `${PATH}/${sha(image)}` })).headers;
    const saved = (await send(app.listener, { path: PLACE })).headers;
    assert.deepEqual([shown['content-type'], shown['content-disposition']], ['image/webp', 'inline']);
    assert.equal(saved['content-type'], 'application/octet-stream');
    assert.match(String(saved['content-disposition']), /^attachment; filename="[0-9a-f]{12}\.bin"$/);
    for (const headers of [shown, saved]) {
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'");
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['cache-control'], 'private, max-age=31536000, immutable');
    }
  });

  it('[RC6] one range is 206, one outside is 416, several are answered as a whole', async () => {
    const app = makeApp();
    await put(app, TEXT);
    const ask = (range: string, more = {}) => send(app.listener, { path: PLACE, headers: { Range: range, ...more } });
    const part = await ask('bytes=2-4');
    assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, '234', 'bytes 2-4/10']);
    assert.equal(part.headers['content-length'], '3');
    assert.equal((await ask('bytes=-3')).text, '789');
    const outside = await ask('bytes=10-');
    assert.deepEqual([outside.status, outside.headers['content-range']], [416, 'bytes */10']);
    assert.equal(outside.json.code, 'rangeNotSatisfiable');
    const several = await ask('bytes=0-1,3-4');
    assert.deepEqual([several.status, several.text], [200, '0123456789']);
    assert.equal((await ask('bytes=2-4', { 'If-Range': `"${sha(TEXT)}"` })).status, 206);
    assert.equal((await ask('bytes=2-4', { 'If-Range': '"other"' })).status, 200);
  });

  it('[RC7] who has it is told so; HEAD says all but the bytes', async () => {
    const app = makeApp();
    await put(app, TEXT);
    const whole = await send(app.listener, { path: PLACE });
    assert.equal(whole.headers.etag, `"${sha(TEXT)}"`);
    for (const tags of [`"${sha(TEXT)}"`, `"x", W/"${sha(TEXT)}"`, '*']) {
      const known = await send(app.listener, { path: PLACE, headers: { 'If-None-Match': tags } });
      assert.deepEqual([known.status, known.text, known.headers.etag], [304, '', whole.headers.etag]);
    }
    assert.equal((await send(app.listener, { path: PLACE, headers: { 'If-None-Match': '"x"' } })).status, 200);
    const head = await send(app.listener, { method: 'HEAD', path: PLACE });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '10']);
    assert.equal((await send(app.listener, { method: 'HEAD', path: `${PATH}/${'0'.repeat(64)}` })).status, 404);
  });

  it('[RC8] what is no hash is 400, what is not there 404, another space is another', async () => {
    const app = makeApp();
    await put(app, TEXT);
    for (const name of ['x', sha(TEXT).toUpperCase(), `${sha(TEXT)}0`, '..%2F..%2Fetc', '%00']) {
      const answer = await send(app.listener, { path: `${PATH}/${name}` });
      assert.deepEqual([answer.status, answer.json.code], [400, 'badId'], name);
    }
    assert.equal((await send(app.listener, { path: `${PATH}/${'0'.repeat(64)}` })).status, 404);
    assert.equal((await send(app.listener, { path: `/v1/spaces/other/resources/${sha(TEXT)}` })).status, 404);
    assert.equal((await send(app.listener, { method: 'DELETE', path: PLACE })).headers.allow, 'GET, HEAD');
    assert.equal((await send(app.listener, { method: 'POST', path: PATH })).headers.allow, 'GET, HEAD, PUT');
    assert.equal((await send(app.listener, { path: `${PLACE}?a=1` })).status, 400);
  });

  it('[RC3] an image that promises too many pixels is 422', async () => {
    const app = makeApp();
    const refused = await put(app, await pngThatClaims(50_000, 50_000));
    assert.deepEqual([refused.status, refused.json.code], [422, 'badImage']);
  });

  it('[RC4] a body is 413 beyond the limit, said or sent, and none is 400; no bytes stay held', async () => {
    const app = makeApp();
    assert.equal((await put(app, Buffer.alloc(MAX_RESOURCE_BYTES + 1, 'a'))).status, 413);
    const bomb = (await import('node:zlib')).gzipSync(Buffer.alloc(MAX_RESOURCE_BYTES + 1));
    assert.equal((await put(app, bomb, { 'Content-Encoding': 'gzip' })).status, 413);
    assert.equal((await put(app, Buffer.alloc(0))).status, 400);
    assert.equal((await put(app, Buffer.alloc(MAX_RESOURCE_BYTES, 'a'))).status, 201);
    assert.deepEqual([app.deps.limits.bodies.inUse, app.deps.limits.transfers.inUse], [0, 0]);
  });

  it('[RC20] what the resources of a space take up can be read', async () => {
    const app = makeApp();
    await put(app, TEXT);
    const { json } = await send(app.listener, { path: PATH });
    assert.deepEqual(json, { count: 1, bytes: 10, quotaBytes: 1024 ** 3, maxCount: 100_000 });
  });

  it('[RC21] a full space is 409', async () => {
    const { resources } = makeResources({ spaceBytes: 9 });
    const refused = await put(makeApp({ resources }), TEXT);
    assert.deepEqual([refused.status, refused.json.code], [409, 'quotaExceeded']);
  });

  it('[RC22] while the blobs are away it is 503 with a hint', async () => {
    const blobs = new MemoryBlobs();
    const { resources } = makeResources({ blobs });
    const app = makeApp({ resources });
    await put(app, TEXT);
    blobs.failure = new Failure('blobsUnavailable', 'away');
    for (const answer of [await put(app, Buffer.from('x')), await send(app.listener, { path: PLACE })]) {
      assert.deepEqual([answer.status, answer.json.code, answer.headers['retry-after']], [503, 'overloaded', '1']);
    }
    assert.equal(app.deps.limits.transfers.inUse, 0);
  });
});

describe('what resources may cost a server', function () {
  this.timeout(40_000);

  const config = { ...DEFAULT_LIMITS, addressFactor: 1, budgets: { ...DEFAULT_LIMITS.budgets, upload: 2 } };
  const parts = {
    clock: new FakeClock(),
    metrics: { count: () => {}, gauge: () => {}, observe: () => {} },
    random: { fraction: () => 0.5, id: () => 'id' },
    config,
  };

  it('[RC11] uploads have a budget that instances share at once', async () => {
    let points = 0;
    const counts = { add: async () => ({ points: ++points, leftMs: 4_000 }) };
    const apps = [
      makeApp({ limits: new Limits({ ...parts, counts }) }),
      makeApp({ limits: new Limits({ ...parts, counts }) }),
    ];
    const [first, second] = apps as [App, App];
    assert.equal((await put(first, TEXT)).status, 201);
    assert.equal((await put(second, TEXT)).status, 201);
    for (const app of apps) {
      const refused = await put(app, TEXT);
      assert.deepEqual([refused.status, refused.json.code, refused.headers['retry-after']], [429, 'rateLimited', '4']);
    }
  });

  it('[RC11] where the count cannot be had nothing is taken', async () => {
    const counts = { add: () => Promise.reject(new Failure('cacheUnavailable', 'away')) };
    const app = makeApp({ limits: new Limits({ ...parts, counts }) });
    const refused = await put(app, TEXT);
    assert.deepEqual([refused.status, refused.json.code], [503, 'cacheUnavailable']);
    assert.equal((await send(app.listener, { path: PATH })).json.count, 0);
  });

  it('[RC12] bytes on their way to and from the blobs are bounded', async () => {
    const limits = makeLimits({
      ...DEFAULT_LIMITS,
      budgets: { ...config.budgets, upload: Number.POSITIVE_INFINITY },
      transferBytes: 20,
    });
    const app = makeApp({ limits });
    assert.equal((await put(app, TEXT)).status, 201);
    const refused = await put(app, Buffer.alloc(21, 'x'));
    assert.deepEqual([refused.status, refused.json.code], [503, 'overloaded']);
    limits.transfers.enter(15);
    assert.equal((await send(app.listener, { path: PLACE })).status, 503);
    limits.transfers.leave(15);
    assert.equal((await send(app.listener, { path: PLACE })).status, 200);
    assert.equal(limits.transfers.inUse, 0);
  });

  it('[RC10] a large one is read part by part as its reader takes it, and a reader who takes nothing is cut', async () => {
    const blobs = new MemoryBlobs();
    const clock = new FakeClock();
    const { resources } = makeResources({ blobs });
    const app = makeApp({ resources, clock });
    const large = Buffer.alloc(MAX_RESOURCE_BYTES, 'harbour ');
    await put(app, large);
    const ranges: number[] = [];
    const { get: read } = blobs;
    blobs.get = function (name, range) {
      ranges.push(range ? range.end - range.start + 1 : 0);
      return read.call(this, name, range);
    };
    const whole = await send(app.listener, { path: `${PATH}/${sha(large)}` });
    assert.equal(sha(Buffer.from(whole.text)), sha(large));
    assert.equal(Math.max(...ranges), RESOURCE_PART_BYTES);
    assert.equal(ranges.length, Math.ceil(large.length / RESOURCE_PART_BYTES));

    const before = ranges.length;
    const { port, close } = await listen(app.listener);
    const request = get({ host: '127.0.0.1', port, path: `${PATH}/${sha(large)}`, agent: false });
    const [answer] = await once(request, 'response');
    answer.pause();
    while (clock.waiting === 0) await new Promise((turn) => setImmediate(turn));
    assert.ok(ranges.length - before < 20, 'it does not run ahead of its reader');
    assert.equal(app.deps.limits.transfers.inUse, RESOURCE_PART_BYTES);
    const cut = once(answer, 'error');
    clock.advance(RESOURCE_STALL_MS);
    answer.resume();
    await cut;
    await close();
    assert.equal(app.deps.limits.transfers.inUse, 0);
  });
});
