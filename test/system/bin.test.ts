import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../support/files.ts';
import { printed } from '../support/server-process.ts';

const SAYS = (who: string): string =>
  `console.log(${JSON.stringify(who)}, process.versions.node.split('.')[0] >= 24, process.argv.slice(2).join(' '));`;

describe('bin/longshore.mjs', function () {
  this.timeout(30_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-bin-'));
    cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
    write('package.json', '{"type":"module"}');
    write('src/cli/main.ts', `const who: string = 'source'; ${SAYS('source').replace('"source"', 'who')}`);
    write('old.cjs', "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });");
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function write(path: string, content: string): void {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }

  function pinNode(): void {
    mkdirSync(join(folder, 'node_modules/node/bin'), { recursive: true });
    // Another real path than the running Node's, as it is where the host has a Node of its own.
    writeFileSync(join(folder, 'node_modules/node/bin/node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, {
      mode: 0o755,
    });
  }

  async function start(node: readonly string[], args: readonly string[]) {
    const child = spawn(process.execPath, [...node, join(folder, 'bin/longshore.mjs'), ...args]);
    const [out, err, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { out: out.trim(), err, code, signal };
  }

  const oldNode = (): string[] => ['--require', join(folder, 'old.cjs')];

  it('[DP1] runs the source where nothing is built', async () => {
    assert.equal((await start([], ['a', 'b'])).out, 'source true a b');
  });

  it('[DP1] runs the source also where something was built once', async () => {
    write('dist/cli/main.js', SAYS('built'));
    assert.equal((await start([], ['a'])).out, 'source true a');
  });

  it('[DP1] runs what was built where there is no source', async () => {
    rmSync(join(folder, 'src'), { recursive: true });
    write('dist/cli/main.js', SAYS('built'));
    assert.equal((await start([], ['a'])).out, 'built true a');
  });

  it('[DP13] says nothing of experimental features, and lets other warnings pass', async () => {
    write(
      'src/cli/main.ts',
      `import { stripTypeScriptTypes } from 'node:module';
      stripTypeScriptTypes('let a: number');
      process.emitWarning('try it', 'ExperimentalWarning');
      process.emitWarning('try it', { type: 'ExperimentalWarning' });
      process.emitWarning(Object.assign(new Error('try it'), { name: 'ExperimentalWarning' }));
      process.emitWarning('plain');
      process.emitWarning('old', 'DeprecationWarning', 'OLD1');
      process.emitWarning('odd', { type: 'OddWarning', code: 'ODD1' });`,
    );
    const { err } = await start([], []);
    assert.doesNotMatch(err, /xperimental|try it/);
    for (const warning of [/\) Warning: plain/, /\[OLD1\] DeprecationWarning: old/, /\[ODD1\] OddWarning: odd/]) {
      assert.match(err, warning);
    }
  });

  it('[DP2] goes over to the Node that the checkout carries when the running one is too old', async () => {
    pinNode();
    assert.equal((await start(oldNode(), ['serve', '--port', '0'])).out, 'source true serve --port 0');
  });

  it('[DP2] ends with the exit code of the Node it went over to', async () => {
    pinNode();
    write('src/cli/main.ts', 'process.exitCode = 3;');
    assert.equal((await start(oldNode(), [])).code, 3);
  });

  it('[DP2] hands a signal on to the Node it went over to', async () => {
    pinNode();
    write(
      'src/cli/main.ts',
      "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up');",
    );
    const child = spawn(process.execPath, [...oldNode(), join(folder, 'bin/longshore.mjs')]);
    await printed(child.stdout, /up/);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [7, null]);
  });

  it('[DP3] says what to do where there is no Node new enough', async () => {
    const { err, code } = await start(oldNode(), []);
    assert.match(err, /needs Node 24 or newer; this is Node 20\.1\.0/);
    assert.equal(code, 1);
  });

  it('[DP3] says so too when the Node that the checkout carries is the old one', async () => {
    mkdirSync(join(folder, 'node_modules/node/bin'), { recursive: true });
    symlinkSync(process.execPath, join(folder, 'node_modules/node/bin/node'));
    assert.equal((await start(oldNode(), [])).code, 1);
  });
});
