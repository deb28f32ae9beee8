import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { IAP_HEADER } from '../../src/auth/credentials.ts';
import { RESOURCE_STALL_MS } from '../../src/protocol/limits.ts';
import { FakeClock } from '../support/clocks.ts';
import { listen, makeApp, send } from './fixture.ts';

const ITEM = '/v1/spaces/board/items/sketch';
const PICTURE = `${ITEM}/picture.png`;

describe('pictures over HTTP', () => {
  it('[PIC70] a picture comes with its version as tag, and says where its operations go on', async () => {
    const { listener } = makeApp();
    const { status, headers, text } = await send(listener, { path: PICTURE });
    assert.deepEqual([status, text, headers['content-type']], [200, 'png', 'image/png']);
    assert.deepEqual(
      [headers.etag, headers['longshore-version'], headers['longshore-index'], headers['longshore-lineage']],
      ['"7"', '7', '7', '1.1'],
    );
    assert.deepEqual([headers['cache-control'], headers['content-length']], ['private, no-cache', '3']);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'");
    const head = await send(listener, { method: 'HEAD', path: PICTURE });
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '3']);
  });

  it('[PIC70] who has the version is told so', async () => {
    const { listener } = makeApp();
    const ask = (headers: Record<string, string>) => send(listener, { path: PICTURE, headers });
    const known = await ask({ 'If-None-Match': '"7"' });
    assert.deepEqual([known.status, known.text, known.headers.etag], [304, '', '"7"']);
    assert.equal((await ask({ 'If-None-Match': '"6"' })).status, 200);
    assert.equal((await ask({ 'If-Match': '"6"' })).status, 412);
    assert.equal((await ask({ 'If-Match': '"7"' })).status, 200);
  });

  it('[PIC70] a stored version stays as it is; one that is not stored is not found', async () => {
    const { listener } = makeApp();
    const stored = await send(listener, { path: `${PICTURE}?at=3` });
    assert.deepEqual([stored.status, stored.headers.etag], [200, '"3"']);
    assert.equal(stored.headers['cache-control'], 'private, max-age=31536000, immutable');
    assert.equal((await send(listener, { path: `${PICTURE}?at=8` })).json.code, 'notFound');
    for (const query of ['at=', 'at=0', 'at=-1', 'at=1.5', 'at=x', 'version=1', 'at=1&at=2', `at=${2 ** 53}`])
      assert.equal((await send(listener, { path: `${PICTURE}?${query}` })).json.code, 'badRequest', query);
    assert.equal((await send(listener, { path: '/v1/spaces/board/items/none/picture.png' })).json.code, 'notFound');
    assert.equal((await send(listener, { path: '/v1/spaces/board/items/a%2Fb/picture.png' })).json.code, 'badId');
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.equal((await send(listener, { method, path: PICTURE })).status, 405, method);
  });

  it('[RC14] what a browser keeps for ever is found again with the same credential alone, and not where a proxy tells who it is', async () => {
    const { listener } = makeApp();
    const bytes = Buffer.from('bytes');
    const put = await send(listener, { method: 'PUT', path: '/v1/spaces/board/resources', body: bytes });
    for (const path of [`${PICTURE}?at=3`, `/v1/spaces/board/resources/${put.json.hash}`]) {
      const { headers } = await send(listener, { path });
      assert.deepEqual(
        [headers['cache-control'], headers.vary],
        ['private, max-age=31536000, immutable', 'Authorization, Origin'],
      );
      const told = await send(listener, { path, headers: { [IAP_HEADER]: 'an assertion' } });
      assert.equal(told.headers['cache-control'], 'private, no-cache', path);
    }
  });

  it('[RC13] a picture counts as bytes on their way until its reader has taken it; a reader who takes nothing is cut', async () => {
    const clock = new FakeClock();
    const { listener, engine, deps } = makeApp({ clock });
    const png = Buffer.alloc(30_000_000);
    engine.pictures.file = async () => ({ version: 7, index: 7, lineage: '1.1', png });
    const { port, close } = await listen(listener);
    const [answer] = await once(get({ host: '127.0.0.1', port, path: PICTURE, agent: false }), 'response');
    answer.pause();
    while (clock.waiting === 0) await new Promise((turn) => setImmediate(turn));
    assert.equal(deps.limits.transfers.inUse, png.length);
    const cut = once(answer, 'error');
    clock.advance(RESOURCE_STALL_MS);
    answer.resume();
    await cut;
    await close();
    assert.equal(deps.limits.transfers.inUse, 0);
  });

  it('[PIC71] names the versions that are stored', async () => {
    const { listener } = makeApp();
    const all = await send(listener, { path: `${ITEM}/pictures` });
    const [three, seven] = [3, 7].map((version) => ({ version, index: version }));
    assert.deepEqual(all.json, { pictures: [three, seven], upToDate: true });
    const rest = await send(listener, { path: `${ITEM}/pictures?after=3` });
    assert.deepEqual(rest.json, { pictures: [seven], upToDate: true });
    for (const query of ['after=-1', 'after=x', 'limit=3'])
      assert.equal((await send(listener, { path: `${ITEM}/pictures?${query}` })).json.code, 'badRequest', query);
  });
});
