import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { EXIT } from '../../src/cli/failures.ts';
import { paint } from '../../src/cli/terminal.ts';
import { settings } from '../../src/server/settings.ts';
import { ROOT } from '../support/files.ts';
import { type Ended, Folder, runCli, ServerProcess } from '../support/server-process.ts';

const COMMANDS = [
  'serve',
  'watch',
  'post',
  'get',
  'lock',
  'replay',
  'monkeys',
  'token mint',
  'token key',
  'doctor',
  'archive restore',
];

describe('what the command line prints', function () {
  this.timeout(60_000);
  let folder: Folder;
  let server: ServerProcess;

  const cli = (...args: string[]): Promise<Ended> => runCli(args, { LONGSHORE_URL: server.url });

  before(async () => {
    folder = new Folder();
    server = await ServerProcess.start(['--data-dir', folder.path]);
  });

  after(async () => {
    await server.end();
    folder.remove();
  });

  it('[CI1] the help of each command has an example of it, and --json where it prints anything', async () => {
    const helps = await Promise.all(COMMANDS.map((command) => cli(...command.split(' '), '--help')));
    for (const [i, { code, out }] of helps.entries()) {
      const command = COMMANDS[i] ?? '';
      assert.equal(code, 0, command);
      assert.match(out, new RegExp(`\\nExamples?:\\n(.*\\n)*.*longshore ${command}\\b`), command);
      assert.match(out, /--json/, command);
    }
    const { out } = await cli('--help');
    for (const command of COMMANDS) assert.match(out, new RegExp(`^ {2}${command.split(' ')[0]}\\b`, 'm'), command);
  });

  it('[CI40] the help of serve and the page for operators name every setting', async () => {
    const { out } = await cli('serve', '--help');
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const ours = Object.keys(settings.shape).filter((name) => name.startsWith('LONGSHORE_') || name === 'PORT');
    assert(ours.length > 30);
    for (const name of ours) {
      assert.match(out, new RegExp(`\\b${name}\\b`), `${name} in the help`);
      assert.match(page, new RegExp(`^\\| .*\`${name}\`.* \\|`, 'm'), `${name} in the table`);
    }
  });

  it('[CI2] colours are for terminals, and never with NO_COLOR', async () => {
    const env = { TERM: 'xterm-256color' };
    const getColorDepth = (): number =>
      WriteStream.prototype.getColorDepth(process.env.NO_COLOR === undefined ? env : { ...env, NO_COLOR: '1' });
    const terminal = Object.assign(new PassThrough(), { isTTY: true, getColorDepth }) as never;
    const { NO_COLOR, FORCE_COLOR } = process.env;
    try {
      delete process.env.NO_COLOR;
      delete process.env.FORCE_COLOR;
      assert.equal(paint('red', 'no', terminal), '\u001b[31mno\u001b[39m');
      assert.equal(paint('red', 'no', new PassThrough() as never), 'no');
      process.env.NO_COLOR = '1';
      assert.equal(paint('red', 'no', terminal), 'no');
    } finally {
      for (const [name, value] of Object.entries({ NO_COLOR, FORCE_COLOR })) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    await cli('post', 'c', 'a', '1');
    const { out, err } = await cli('get', 'c', 'b');
    assert.ok(!`${out}${err}`.includes('\u001b'));
  });

  it('[CI3] --json prints JSON alone: post, accepted and refused, get, replay, serve', async () => {
    const posted = JSON.parse((await cli('post', 'one', 'a', '{"x":1}', '--json')).out);
    assert.deepEqual(posted, { item: 'a', result: 'ok', version: 1, durableVersion: 1 });
    const refused = await cli('post', 'one', 'a', '2', '--if-version', '9', '--json');
    assert.deepEqual([refused.code, JSON.parse(refused.out).result, refused.err], [1, 'conflict', '']);
    const got = JSON.parse((await cli('get', 'one', 'a', '--json')).out);
    assert.deepEqual(got, { id: 'a', version: 1, durableVersion: 1, value: { x: 1 } });
    const file = join(folder.path, 'two.json');
    writeFileSync(file, '[{"id":"p"},{"id":"q"}]');
    const { code, out } = await cli('replay', file, '--space', 'two', '--json');
    const { p50Ms, p99Ms, seconds, ...rest } = JSON.parse(out);
    assert.deepEqual([code, rest], [0, { accepted: 2, total: 2, refused: {} }]);
    for (const value of [p50Ms, p99Ms, seconds]) assert.equal(typeof value, 'number');
  });

  it('[CI4] replay says on stderr how far it is, a line a second where nobody looks at a terminal', async () => {
    const file = join(folder.path, 'slow.json');
    writeFileSync(file, JSON.stringify(Array.from({ length: 8 }, (_, i) => ({ id: `s${i}` }))));
    const { out, err } = await cli('replay', file, '--space', 'slow', '--rate', '5');
    assert.match(err, /^\d of 8 posted, \d accepted, \d s left\n/);
    assert.ok(!err.includes('\r'));
    assert.match(out, /^8 of 8 accepted/);
  });

  it('[CI5] the exit codes are those of the table in docs/cli.md', () => {
    const text = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
    const listed = [...text.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
    assert.deepEqual(listed, Object.values(EXIT));
  });

  it('[CI6] the table of commands in docs/cli.md names each', () => {
    const text = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
    for (const command of COMMANDS) assert.ok(text.includes(`| \`${command}`), command);
  });
});
