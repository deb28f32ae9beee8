import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BROWSER_FILES, BROWSER_FOLDERS, BrowserModules } from '../../src/api/browser-modules.ts';
import { BrowserPackages } from '../../src/api/browser-packages.ts';
import { listFiles, ROOT } from '../support/files.ts';
import { makeApp, send } from './fixture.ts';

const SCRIPT = /^text\/javascript/;

describe('pages and modules', () => {
  it('[PG1] each module that a page names is served as JavaScript, and so is everything that these import', async () => {
    const { listener } = makeApp();
    const page = await send(listener, { path: '/board/demo' });
    assert.match(String(page.headers['content-type']), /^text\/html/);
    const named = [...page.text.matchAll(/(?:src|href)="(\/modules\/[^"]+)"/g)].map(([, path]) => String(path));
    assert(named.includes('/modules/pages/board/main.js') && named.includes('/modules/client/connect.js'));
    for (const path of named) {
      const part = await send(listener, { path });
      assert.deepEqual([part.status, SCRIPT.test(String(part.headers['content-type']))], [200, true], path);
      for (const [, specifier = ''] of part.text.matchAll(/\bfrom '([^']+)'/g)) {
        assert(named.includes(new URL(specifier, `http://h${path}`).pathname), `${path} imports ${specifier}`);
      }
    }
  });

  it('[PG2] nothing else can be fetched: no server code, no TypeScript, nothing outside', async () => {
    const { listener } = makeApp();
    const others = ['api/page', 'server/run', 'core/engine', 'protocol/post-update', 'auth/tokens', 'cli/main'];
    const paths = [
      ...others.map((name) => `/modules/${name}.js`),
      '/modules/client/connect.ts',
      '/modules/client/../server/run.js',
      '/modules/client/%2e%2e/server/run.js',
      '/modules/client//connect.js',
      '/modules/client/connect.js/',
      '/modules/client/connect.js%00',
      '/modules/pages/board/content.html',
      '/modules/npm/express/index.js',
      '/modules/npm/../client/connect.js',
      '/modules/',
      '/pages/board/main.ts',
      '/pages/board/content.html',
      '/pages/shared/frame.html',
      '/pages/first/page.html',
    ];
    for (const path of paths) assert.equal((await send(listener, { path })).status, 404, path);
  });

  it('[PG2] what pages may load is what the import table lets them import', () => {
    const modules = new BrowserModules(join(ROOT, 'src'));
    for (const file of listFiles('src/pages', '.ts').concat(
      listFiles('src/kinds', '.ts'),
      listFiles('src/client', '.ts'),
    )) {
      const name = file.slice('src/'.length).replace(/\.ts$/, '.js');
      for (const address of modules.closure(name)) {
        const path = address.slice('/modules/'.length);
        assert(BROWSER_FILES.includes(path) || BROWSER_FOLDERS.includes(path.split('/')[0] ?? ''), `${name}: ${path}`);
      }
    }
  });

  it('[PG3] an answer can be asked again with its tag, and is compressed where that is taken', async () => {
    const { listener } = makeApp();
    for (const path of ['/modules/client/space.js', '/board/demo', '/pages/first/first.css']) {
      const first = await send(listener, { path });
      const tag = String(first.headers.etag);
      assert.equal(first.headers['cache-control'], 'no-cache');
      const again = await send(listener, { path, headers: { 'If-None-Match': tag } });
      assert.deepEqual([again.status, again.text], [304, ''], path);
      const small = await send(listener, { path, headers: { 'Accept-Encoding': 'gzip, br' } });
      assert.equal(small.headers['content-encoding'], 'br');
      assert(Number(small.headers['content-length']) < Buffer.byteLength(first.text) / 2);
      const other = await send(listener, { path, headers: { 'If-None-Match': '"x"', 'Accept-Encoding': 'gzip' } });
      assert.deepEqual([other.status, other.headers['content-encoding']], [200, 'gzip']);
    }
  });

  it('[PG4] pages run nothing but their modules, and are framed by nobody', async () => {
    const { headers } = await send(makeApp().listener, { path: '/board/demo' });
    const policy = String(headers['content-security-policy']);
    for (const part of [
      "default-src 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert(policy.includes(part), part);
    }
    assert.doesNotMatch(policy, /unsafe|eval|http|\*/);
    for (const file of ['.ts', '.html'].flatMap((ending) => listFiles('src/pages', ending))) {
      const source = readFileSync(join(ROOT, file), 'utf8');
      const markup = /innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|\beval\(|new Function/;
      assert.doesNotMatch(source, markup, file);
      if (file.endsWith('.html')) assert.doesNotMatch(source, /<script|<style|\sstyle=|\son\w+=/, file);
    }
  });

  it('[PG8] all pages of a space have the same frame, each with its own word, styles and content', async () => {
    const { listener } = makeApp();
    const pages = [
      ['/board/demo', 'board', 'id="plane"'],
      ['/edit/demo/a', 'text', 'id="text"'],
      ['/draw/demo/a', 'picture', 'id="picture"'],
      ['/set/demo/a', 'set', 'id="members"'],
    ] as const;
    for (const [path, noun, content] of pages) {
      const { text } = await send(listener, { path });
      for (const id of ['title', 'state', 'people', 'name', 'share', 'notices', 'spoken', 'sign-in', 'token'])
        assert.equal(text.split(` id="${id}"`).length, 2, `${path} ${id}`);
      assert(text.includes(`Copy the link of this ${noun}`) && text.includes(`Open the ${noun}<`), path);
      assert(text.includes(content), path);
      assert.doesNotMatch(text, /\{[\w ]+\}|<!-- \w+ -->/, path);
      for (const [, style = ''] of text.matchAll(/rel="stylesheet" href="([^"]+)"/g))
        assert.equal((await send(listener, { path: style })).status, 200, style);
    }
  });

  it('[PG5] what is built is served as built', function () {
    this.timeout(180_000);
    const out = mkdtempSync(join(tmpdir(), 'longshore-pages-'));
    try {
      const built = spawnSync(process.execPath, [join(ROOT, 'build/build.ts'), '--out', out], { cwd: ROOT });
      assert.equal(built.status, 0, String(built.stderr));
      const [fromSource, fromBuilt] = [new BrowserModules(join(ROOT, 'src')), new BrowserModules(out)];
      for (const entry of ['pages/first/main.js', 'pages/board/main.js', 'pages/edit/main.js']) {
        assert.deepEqual([...fromBuilt.closure(entry)].sort(), [...fromSource.closure(entry)].sort());
        assert.match(String(fromBuilt.find(entry)?.body), /sourceMappingURL/);
      }
      assert.deepEqual(
        listFiles('src/pages', '.css').filter((file) => !existsSync(join(out, file.slice('src/'.length)))),
        [],
      );
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });

  it('[PG6] a package is served as its exports name it for browsers, under its version, and nothing else of it', () => {
    const packages = new BrowserPackages(['lru-cache', 'zod']);
    const { imports } = JSON.parse(packages.importMap ?? '') as { imports: Record<string, string> };
    assert.match(imports['lru-cache'] ?? '', /^\/modules\/npm\/lru-cache@11\.5\.3\/dist\/esm\/browser\//);
    assert.match(imports['zod/mini'] ?? '', /^\/modules\/npm\/zod@/);
    for (const address of Object.values(imports)) assert(packages.find(address.slice('/modules/npm/'.length)), address);
    for (const name of [
      'lru-cache@11.5.3/package.json',
      'lru-cache@11.5.3/dist/commonjs/index.js',
      'express@5.3.0/index.js',
    ]) {
      assert.equal(packages.find(name), undefined);
    }
    assert.equal(new BrowserPackages([]).importMap, undefined);
  });

  it('[ED34] what packages import is mapped, too, and one file of CommonJS is a module', async () => {
    const packages = new BrowserPackages();
    const { imports } = JSON.parse(packages.importMap ?? '') as { imports: Record<string, string> };
    for (const [name, address] of Object.entries(imports)) {
      const source = String(packages.find(address.slice('/modules/npm/'.length))?.body);
      const bare = [...source.matchAll(/^(?:import|export)\b[^'"]*\bfrom ['"]([^.'"][^'"]*)['"]/gm)].map(
        ([, one]) => one,
      );
      for (const one of bare) assert(one !== undefined && one in imports, `${name} imports ${one}`);
      assert.doesNotMatch(source, /\brequire\(/, name);
    }
    const source = String(packages.find((imports['fast-diff'] ?? '').slice('/modules/npm/'.length))?.body);
    const { default: diff } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
    assert.deepEqual(diff('ab', 'abc'), [
      [0, 'ab'],
      [1, 'c'],
    ]);
  });

  it('[PG7] without pages neither they nor their modules are there', async () => {
    const { listener } = makeApp({ pages: false });
    for (const path of ['/', '/board/demo', '/pages/first/first.css', '/modules/client/connect.js']) {
      assert.equal((await send(listener, { path })).status, 404, path);
    }
  });
});
