import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/files.ts';
import { makeApp, send } from './fixture.ts';

const FOLDER = join(ROOT, 'src/pages/first');

describe('the first page', () => {
  it('[HT57] and every part it names are served', async () => {
    const { listener } = makeApp();
    const page = await send(listener, { path: '/' });
    assert.match(String(page.headers['content-type']), /^text\/html/);
    const parts = [...page.text.matchAll(/<(?:link|script)[^>]* (?:src|href)="([^"]+)"/g)].map(([, path]) =>
      String(path),
    );
    assert(parts.includes('/modules/pages/first/main.js') && parts.includes('/modules/client/connect.js'));
    assert.deepEqual(
      parts.filter((path) => !path.startsWith('/modules/')),
      ['/pages/icon.svg', '/pages/first/first.css'],
    );
    for (const path of parts) {
      const part = await send(listener, { path });
      assert.equal(part.status, 200, path);
      assert.equal(part.headers['x-content-type-options'], 'nosniff');
      const type = { css: /^text\/css/, js: /^text\/javascript/, svg: /^image\/svg\+xml/ }[
        path.split('.').at(-1) ?? ''
      ];
      assert.match(String(part.headers['content-type']), type ?? /no such part/);
    }
  });

  it('[HT58] may run nothing but its own scripts, and be framed by nobody', async () => {
    const { headers } = await send(makeApp().listener, { path: '/' });
    const policy = String(headers['content-security-policy']);
    for (const part of [
      "default-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(part), part);
    }
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers['referrer-policy'], 'no-referrer');
  });

  it('[HT58] has nothing inline and writes no markup from data', async () => {
    const { text } = await send(makeApp().listener, { path: '/' });
    assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|<!-- /);
    for (const file of readdirSync(FOLDER)) {
      const source = readFileSync(join(FOLDER, file), 'utf8');
      assert.doesNotMatch(
        source,
        /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|<style|\sstyle="|\son\w+="/,
        file,
      );
      if (file.endsWith('.html')) assert.doesNotMatch(source, /<script(?![^>]*\ssrc=)/);
    }
  });
});
