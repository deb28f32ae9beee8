import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { hashApiKey } from '../../src/auth/api-keys.ts';
import { SECRET } from '../support/callers.ts';
import { ROOT } from '../support/files.ts';
import { Folder, plainEnvironment, printed, runCli, ServerProcess } from '../support/server-process.ts';

const ENV = { LONGSHORE_JWT_SECRET: SECRET };

describe('credentials on the command line', function () {
  this.timeout(40_000);
  let folder: Folder;
  let server: ServerProcess;
  let key: string;
  let token: string;

  before(async () => {
    folder = new Folder();
    const made = await runCli(['token', 'key', 'ci', '--spaces', '{"ci-*":"rwla"}', '--json']);
    const { key: shown, entry } = JSON.parse(made.out);
    key = shown;
    const env = { ...ENV, LONGSHORE_API_KEYS: JSON.stringify([entry]) };
    server = await ServerProcess.start(['--data-dir', folder.path, '--auth', 'jwt,key'], env);
    token = (await runCli(['token', 'mint', 'ann', '--spaces', '{"ann-*":"rwla","ci-*":"r"}'], ENV)).out.trim();
  });

  after(async () => {
    await server.end();
    folder.remove();
  });

  const cli = (args: readonly string[], credential?: string) =>
    runCli(args, { LONGSHORE_URL: server.url, ...(credential === undefined ? {} : { LONGSHORE_TOKEN: credential }) });

  it('[CL20] a token that was minted lets its subject in, with its rights', async () => {
    const posted = await cli(['post', 'ann-1', 'a', '{"x":1}'], token);
    assert.deepEqual([posted.code, posted.out], [0, 'a version 1, stored\n'], posted.err);
    assert.deepEqual(JSON.parse((await cli(['get', 'ann-1', 'a'], token)).out), { x: 1 });
    const foreign = await cli(['post', 'bob-1', 'a', '1'], token);
    assert.deepEqual([foreign.code, /notFound: there is no space bob-1/.test(foreign.err)], [1, true], foreign.err);
    const forbidden = await cli(['post', 'ci-1', 'a', '1'], token);
    assert.deepEqual([forbidden.code, /forbidden: .*write/.test(forbidden.err)], [1, true], forbidden.err);
  });

  it('[CL20] tells what is in the token, as JSON', async () => {
    const { out, code } = await runCli(['token', 'mint', 'ann', '--expires', '90s', '--json'], ENV);
    const shown = JSON.parse(out);
    assert.equal(code, 0);
    assert.deepEqual([shown.subject, shown.issuer, shown.spaces], ['ann', 'longshore', { '*': 'rwla' }]);
    const left = Date.parse(shown.expiresAt) - Date.now();
    assert.ok(left > 60_000 && left <= 90_000);
    assert.equal(shown.token.split('.').length, 3);
  });

  it('[CL21] a new key comes with the entry that lets it in; only its hash is in there', async () => {
    const posted = await cli(['post', 'ci-1', 'a', '1'], key);
    assert.equal(posted.code, 0, posted.err);
    const { out } = await runCli(['token', 'key', 'x']);
    const [, shown = '', entry = '{}'] = /^key +(\S+)\nentry +(\S+)\n$/.exec(out) ?? [];
    assert.equal(JSON.parse(entry).sha256, hashApiKey(shown).toString('hex'));
    assert.ok(!entry.includes(shown));
  });

  it('[CL22] every client command takes a token, from the environment or as a flag', async () => {
    for (const args of [
      ['get', 'ann-1'],
      ['post', 'ann-1', 'b', '1'],
      ['watch', 'ann-1'],
    ]) {
      const { code, err } = await cli(args);
      assert.deepEqual([code, /unauthenticated/.test(err)], [1, true], args.join(' '));
      const bad = await cli([...args, '--token', 'nonsense-of-mine']);
      assert.equal(bad.code, 1);
      assert.ok(!bad.err.includes('nonsense-of-mine'), bad.err);
    }
    assert.equal((await cli(['get', 'ann-1', '--token', token])).code, 0);
    const replayed = await cli(['replay', join(ROOT, 'package.json'), '--space', 'ann-1'], token);
    assert.match(replayed.err, /no elements with an id/);
    const watch = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'watch', 'ann-1', '--json'], {
      env: plainEnvironment({ LONGSHORE_URL: server.url, LONGSHORE_TOKEN: token }),
    });
    try {
      const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
      assert.equal(JSON.parse(String((await lines.next()).value)).id, 'a');
    } finally {
      watch.kill('SIGKILL');
      await once(watch, 'exit');
    }
  });

  it('[CL23] serve says which identities it takes, and how to send one', () => {
    assert.match(server.greeting, /\n {2}auth {4}jwt, key\n/);
    assert.equal(server.greeting.match(/-H 'Authorization: Bearer TOKEN'/g)?.length, 3);
  });

  it('[AU2] serve takes anonymous callers on other addresses when told so, and says what that means', async () => {
    const open = new Folder();
    const child = spawn(
      process.execPath,
      [
        join(ROOT, 'src/cli/main.ts'),
        'serve',
        '--host',
        '0.0.0.0',
        '--port',
        '0',
        '--allow-anonymous',
        '--data-dir',
        open.path,
      ],
      { env: plainEnvironment() },
    );
    try {
      await Promise.all([printed(child.stderr, /no sign-in/), printed(child.stdout, /up at/)]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      open.remove();
    }
  });

  const wrong: readonly (readonly [args: readonly string[], env: Record<string, string>, why: RegExp])[] = [
    [['mint', 'ann'], {}, /LONGSHORE_JWT_SECRET must be in the environment/],
    [['mint', 'ann'], { LONGSHORE_JWT_SECRET: 'short' }, /at least 32/],
    [['mint', ' '], ENV, /subject is empty/],
    [['mint', 'ann', '--expires', '5'], ENV, /--expires/],
    [['mint', 'ann', '--expires', '400d'], ENV, /--expires/],
    [['mint', 'ann', '--spaces', '{x'], ENV, /not JSON/],
    [['mint', 'ann', '--spaces', '{"a":"z"}'], ENV, /letters of r/],
    [['mint'], ENV, /missing required argument/],
    [['key', 'a b'], {}, /1 to 60/],
    [['nope'], {}, /unknown command/],
  ];
  for (const [args, env, why] of wrong) {
    it(`[CL24] token ${args.join(' ')} ends with 2 and says why`, async () => {
      const { code, out, err } = await runCli(['token', ...args], env);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, why);
    });
  }

  it('[CL24] has help', async () => {
    const { code, out } = await runCli(['token', '--help']);
    assert.equal(code, 0);
    assert.match(out, /mint[\s\S]*key/);
    assert.equal((await runCli(['token', 'mint', '--help'])).code, 0);
  });
});
