import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Folder, runCli } from '../support/server-process.ts';
import { makeApp, send } from './fixture.ts';

describe('pages of one own', () => {
  const folder = new Folder();
  const site = join(folder.path, 'site');

  before(() => {
    mkdirSync(join(site, 'deep'), { recursive: true });
    writeFileSync(join(site, 'index.html'), '<!doctype html><title>mine</title>');
    writeFileSync(join(site, 'deep/a.js'), 'export const a = 1;');
    writeFileSync(join(site, '.env'), 'hidden');
    writeFileSync(join(folder.path, 'outside.txt'), 'outside');
  });
  after(() => folder.remove());

  it('[GD3] are served under /site/ as they lie there, checked anew each time', async () => {
    const { listener } = makeApp({ site });
    const page = await send(listener, { path: '/site/' });
    assert.deepEqual([page.status, page.text], [200, '<!doctype html><title>mine</title>']);
    assert.match(String(page.headers['content-type']), /^text\/html/);
    assert.equal(page.headers['cache-control'], 'no-cache');
    assert.equal(page.headers['x-content-type-options'], 'nosniff');
    assert.equal(page.headers['content-security-policy'], "frame-ancestors 'none'");
    assert.match(String((await send(listener, { path: '/site/deep/a.js' })).headers['content-type']), /javascript/);
    const again = await send(listener, { path: '/site/', headers: { 'If-None-Match': String(page.headers.etag) } });
    assert.equal(again.status, 304);
    assert.equal((await send(listener, { path: '/site' })).status, 301);
    assert.equal((await send(listener, { method: 'HEAD', path: '/site/' })).status, 200);
  });

  for (const path of [
    '/site/.env',
    '/site/../outside.txt',
    '/site/%2e%2e/outside.txt',
    '/site/..%2foutside.txt',
    '/site/none',
    '/site/deep/',
    '/site/%00',
  ]) {
    it(`[GD3] ${path} is no part of them`, async () => {
      const { status, text } = await send(makeApp({ site }).listener, { path });
      assert.ok(status === 404 || status === 400 || status === 403, String(status));
      assert.doesNotMatch(text, /hidden|outside|Error|\/tmp/);
    });
  }

  it('[GD3] nothing is there without a folder, and nothing can be written to it', async () => {
    assert.equal((await send(makeApp().listener, { path: '/site/' })).status, 404);
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.equal((await send(makeApp({ site }).listener, { method, path: '/site/index.html' })).status, 404);
  });

  it('[GD4] a folder that is not there ends the start with 1, and is named', async () => {
    const { code, err } = await runCli([
      'serve',
      '--port',
      '0',
      '--data-dir',
      folder.path,
      '--site',
      join(site, 'none'),
    ]);
    assert.equal(code, 1);
    assert.match(err, /site\/none is no folder/);
  });
}).timeout(20_000);
