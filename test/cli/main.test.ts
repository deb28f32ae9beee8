import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describeRefusal } from '../../src/cli/post.ts';
import { ROOT } from '../support/files.ts';
import { freePort } from '../support/memcached.ts';
import { type Ended, Folder, plainEnvironment, runCli, ServerProcess } from '../support/server-process.ts';

describe('the command line', function () {
  this.timeout(40_000);
  let folder: Folder;
  let server: ServerProcess;

  before(async () => {
    folder = new Folder();
    server = await ServerProcess.start(['--data-dir', folder.path]);
  });

  after(async () => {
    await server.end();
    folder.remove();
  });

  const cli = (...args: string[]): Promise<Ended> => runCli(args, { LONGSHORE_URL: server.url });

  it('[CL1] serve prints where it is, what it stands on, and lines to try', () => {
    assert.match(
      server.greeting,
      /up at http:\/\/127\.0\.0\.1:\d+\n {2}cache .*\n {2}store +sqlite .*\n {2}blobs .*\n {2}data /,
    );
    assert.ok(server.greeting.includes(folder.path));
    assert.equal(server.greeting.match(/^ {2}curl .*\/v1\/spaces\/demo\/updates/gm)?.length, 3);
  });

  it('[CL2] post changes an item, get shows it', async () => {
    const posted = await cli('post', 'one', 'a', '{"x":1,"y":2}');
    assert.deepEqual([posted.code, posted.out], [0, 'a version 1, stored\n'], posted.err);
    assert.equal((await cli('post', 'one', 'a', '{"y":null}', '--merge')).code, 0);
    assert.deepEqual(JSON.parse((await cli('get', 'one', 'a')).out), { x: 1 });
    const all = await cli('get', 'one');
    assert.deepEqual(JSON.parse(all.out).value, { x: 1 });
    assert.equal((await cli('post', 'one', 'a', '--delete')).code, 0);
    const gone = await cli('get', 'one', 'a');
    assert.deepEqual([gone.code, gone.out], [1, '']);
    assert.match(gone.err, /there is no item a in one/);
  });

  it('[CL3] a refused update ends with 1 and says why', async () => {
    const conflict = await cli('post', 'one', 'b', '1', '--if-version', '9');
    assert.equal(conflict.code, 1);
    assert.match(conflict.err, /not accepted: conflict: there is no item b\n/);
    const bad = await cli('post', 'one', 'a/b', '1');
    assert.equal(bad.code, 1);
    assert.match(bad.err, /badId: updates\[0\]\.item: must be 1 to 128/);
  });

  it('[CI41] a refusal says what stands in the way', () => {
    const at = { item: 'b', version: 3, durableVersion: 3 };
    const said: readonly (readonly [Parameters<typeof describeRefusal>[0], string])[] = [
      [{ ...at, result: 'conflict' }, 'conflict: b has version 3'],
      [{ ...at, version: 0, result: 'conflict' }, 'conflict: there is no item b'],
      [{ ...at, result: 'resync' }, 'resync: b has version 3'],
      [{ ...at, result: 'fenced' }, 'fenced: b has version 3'],
      [{ ...at, result: 'locked', holder: 'ann', ttlMs: 1_200 }, 'locked: ann holds b for 2 s more'],
      [{ item: 'b', result: 'invalid', code: 'badOp', detail: 'not so' }, 'badOp: not so'],
      [{ item: 'b', result: 'tooLarge', limit: 1024 }, 'tooLarge: at most 1024 bytes'],
      [{ item: 'b', result: 'retry', code: 'recovering', retryAfterMs: 500 }, 'recovering: try again in 1 s'],
    ];
    for (const [refusal, words] of said) assert.equal(describeRefusal(refusal), words);
  });

  it('[CI42] a port that is taken is named, and how to name another', async () => {
    const own = new Folder();
    try {
      const { code, err } = await runCli(['serve', '--port', new URL(server.url).port, '--data-dir', own.path]);
      assert.equal(code, 1);
      assert.match(err, /address already in use 127\.0\.0\.1:\d+; take another port \(--port 0: any free one\)\n/);
    } finally {
      own.remove();
    }
  });

  const wrong: readonly (readonly [args: readonly string[], why: RegExp])[] = [
    [['post', 'one', 'a', '{x:1}'], /not JSON.*single quotes/],
    [['post', 'one', 'a'], /the value is missing/],
    [['post', 'one', 'a', '1', '--if-version', 'x'], /--if-version/],
    [['post'], /missing required argument/],
    [['nope'], /unknown command/],
    [['get', 'one', '--url', 'ftp://x'], /http:\/\//],
    [['serve', '--host', '0.0.0.0', '--port', '0'], /LONGSHORE_AUTH must be jwt or key/],
    [['serve', '--auth', 'jwt'], /LONGSHORE_ISSUERS/],
    [['serve', '--cache', 'redis:'], /--cache must be memory: or memcached/],
    [['replay', '/nowhere', '--space', 's'], /cannot be read/],
    [['replay', 'x'], /--space/],
    [['replay', 'LICENSE', '--space', 's'], /LICENSE is no recording: this is neither JSON/],
    [['archive', 'restore', '--item', 'a'], /--item needs --space/],
    [['archive', 'restore', '--space', 'a/b'], /a\/b is no id/],
  ];
  for (const [args, why] of wrong) {
    it(`[CL4] ends with 2 for \`${args.join(' ')}\` and says why`, async () => {
      const { code, err, out } = await cli(...args);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, why);
    });
  }

  it('[CL5] help names the commands and the exit codes, and is no failure', async () => {
    const { code, out } = await cli('--help');
    assert.equal(code, 0);
    for (const word of ['serve', 'watch', 'post', 'get', 'replay', 'monkeys', 'Exit codes'])
      assert.ok(out.includes(word), word);
    assert.equal((await cli('replay', '--help')).code, 0);
  });

  it('[CL6] ends with 3 where no server is, and says how to start one', async () => {
    const port = await freePort();
    for (const args of [
      ['get', 'one'],
      ['get', 'one', 'a'],
      ['post', 'one', 'a', '1'],
      ['watch', 'one'],
    ]) {
      const { code, err } = await runCli([...args, '--url', `http://127.0.0.1:${port}`]);
      assert.equal(code, 3, args.join(' '));
      assert.match(err, /no answer from http:\/\/127\.0\.0\.1:\d+; start one with: npx longshore serve/);
    }
  });

  it('[CL7] watch prints what is there and then each change', async () => {
    await cli('post', 'two', 'a', '1');
    const watch = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'watch', 'two', '--json'], {
      env: plainEnvironment({ LONGSHORE_URL: server.url }),
    });
    try {
      const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
      const next = async () => JSON.parse(String((await lines.next()).value));
      assert.deepEqual((await next()).value, 1);
      await cli('post', 'two', 'b', '"news"');
      const news = await next();
      assert.deepEqual([news.id, news.version, news.value], ['b', 1, 'news']);
    } finally {
      watch.kill('SIGKILL');
      await once(watch, 'exit');
    }
  });

  it('[CL8] replay posts every element with an id at the rate, and tells the latencies', async () => {
    const file = join(folder.path, 'library.excalidrawlib');
    const elements = Array.from({ length: 12 }, (_, i) => ({ id: `e${i}`, x: i, y: 0 }));
    const library = { libraryItems: [{ id: 'lib', elements: elements.slice(0, 7) }, { elements: elements.slice(7) }] };
    writeFileSync(file, JSON.stringify(library));
    const began = performance.now();
    const { code, out, err } = await cli('replay', file, '--space', 'three', '--rate', '40');
    assert.equal(code, 0, err);
    assert.match(out, /^12 of 12 accepted in .* s\nlatency p50 [\d.]+ ms, p99 [\d.]+ ms\n$/);
    assert.ok(performance.now() - began >= (11 / 40) * 1_000);
    assert.equal((await cli('get', 'three')).out.trim().split('\n').length, 12);
  });
});
