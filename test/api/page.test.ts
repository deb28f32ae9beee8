import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/files.ts';
import { makeApp, send } from './fixture.ts';

const FOLDER = join(ROOT, 'src/api/pages');

describe('the first page', () => {
  it('[HT57] and every part it names are served', async () => {
    const { listener } = makeApp();
    const page = await send(listener, { path: '/' });
    assert.match(String(page.headers['content-type']), /^text\/html/);
    const parts = [...page.text.matchAll(/<(?:link|script)[^>]* (?:src|href)="([^"]+)"/g)].map(([, path]) =>
      String(path),
    );
    const imports = /from '\.\/(\w+\.js)'/.exec(readFileSync(join(FOLDER, 'page.js'), 'utf8'))?.[1];
    assert.equal(parts.length, 3);
    for (const path of [...parts, `/pages/${imports}`]) {
      const part = await send(listener, { path });
      assert.equal(part.status, 200, path);
      assert.equal(part.headers['x-content-type-options'], 'nosniff');
      const type = { css: /^text\/css/, js: /^text\/javascript/, svg: /^image\/svg\+xml/ }[path.split('.')[1] ?? ''];
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

  it('[HT59] sends the token that was entered, in the header alone', async () => {
    const { follow, Items, useToken } = await import(join(FOLDER, 'api.js'));
    const asked: { readonly url: string; readonly authorization: string | undefined }[] = [];
    const real = globalThis.fetch;
    const ask = async (token: string) => {
      const stop = new AbortController();
      globalThis.fetch = async (url, init) => {
        const authorization = (init?.headers as Record<string, string> | undefined)?.Authorization;
        asked.push({ url: String(url), authorization });
        return Response.json({ marker: 'm', items: [], upToDate: true, changesRemaining: 0 });
      };
      useToken(token);
      const onChange = () => stop.abort();
      await follow('board', new Items(), { signal: stop.signal, onChange, onState: () => undefined });
    };
    try {
      await ask(' my-token ');
      await ask('');
    } finally {
      globalThis.fetch = real;
    }
    assert.deepEqual(
      asked.map(({ authorization }) => authorization),
      ['Bearer my-token', undefined],
    );
    assert.ok(asked.every(({ url }) => !url.includes('my-token')));
  });

  it('[HT58] has nothing inline and writes no markup from data', () => {
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
