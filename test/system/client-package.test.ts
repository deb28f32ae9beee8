import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../support/files.ts';
import { ServerProcess } from './server-process.ts';

const MAX_GZIPPED_BYTES = 25 * 1024;

async function run(args: readonly string[], cwd: string) {
  const child = spawn(process.execPath, args, { cwd });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out, err };
}

/** Every file that the entry loads, and what it would want besides. */
function closureOf(entry: string): { readonly files: readonly string[]; readonly packages: readonly string[] } {
  const files = new Set<string>();
  const packages: string[] = [];
  const todo = [entry];
  for (let file = todo.pop(); file !== undefined; file = todo.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      if (from.startsWith('.')) todo.push(join(dirname(file), from));
      else packages.push(from);
    }
  }
  return { files: [...files], packages };
}

describe('the package entry longshore/client', function () {
  this.timeout(120_000);
  let home: string;
  let installed: string;

  /** The package as it would be installed, with nothing beside it. */
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'longshore-client-'));
    installed = join(home, 'node_modules/longshore');
    mkdirSync(installed, { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
    const built = await run([join(ROOT, 'build/build.ts'), '--out', join(installed, 'dist')], ROOT);
    assert.equal(built.code, 0, built.err);
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  it('[SDK60] loads no package, nothing of Node and no schema, and is at most 25 KB gzipped', () => {
    const { files, packages } = closureOf(join(installed, 'dist/client/connect.js'));
    assert.deepEqual(packages, []);
    assert(files.length > 10, `${files.length} files`);
    const bytes = gzipSync(files.map((file) => readFileSync(file, 'utf8')).join('\n')).length;
    assert(bytes <= MAX_GZIPPED_BYTES, `${bytes} bytes`);
  });

  it('[SETK23] longshore/client/set loads no package and nothing of Node, and longshore/client nothing of sets', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const { files, packages } = closureOf(join(installed, exports['./client/set'].default));
    assert.deepEqual(packages, []);
    assert(files.some((file) => file.endsWith('kinds/set.js')));
    const { files: others } = closureOf(join(installed, 'dist/client/connect.js'));
    assert(!others.some((file) => /set/.test(file.slice(installed.length).replace('reset', ''))), String(others));
  });

  it('[ED10] longshore/client/text loads two packages, and longshore/client nothing of texts', () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const { files, packages } = closureOf(join(installed, exports['./client/text'].default));
    assert.deepEqual([...new Set(packages)].sort(), ['@codemirror/state', 'fast-diff']);
    assert(files.some((file) => file.endsWith('kinds/text/text.js')));
    const { files: others } = closureOf(join(installed, 'dist/client/connect.js'));
    assert(!others.some((file) => /text/.test(file.slice(installed.length))), String(others));
  });

  it('[SDK61] runs the example of its page in a folder that holds nothing but the package', async () => {
    const server = await ServerProcess.start('example', ['--data-dir', join(home, 'data')]);
    try {
      const page = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
      const example = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail('no example');
      assert(example.trim().split('\n').length <= 10, 'ten lines');
      writeFileSync(join(home, 'example.mjs'), example.replace('http://127.0.0.1:8080', server.url));
      const ran = await run(['example.mjs'], home);
      assert.deepEqual([ran.code, ran.err], [0, '']);
      assert.equal(ran.out, '{ x: 10, y: 20 }\n{ x: 11, y: 20 }\n');
      const answer = await fetch(`${server.url}/v1/spaces/demo/items/card-1`);
      assert.deepEqual(await answer.json(), { x: 11, y: 20 });
    } finally {
      await server.kill();
    }
  });
});
