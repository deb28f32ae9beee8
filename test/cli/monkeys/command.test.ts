import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Seeded } from '../../../src/base/seeded.ts';
import { perOp } from '../../../src/cli/monkeys/figures.ts';
import { absencesOf, momentsOf } from '../../../src/cli/monkeys/plan.ts';
import { ROOT } from '../../support/files.ts';
import { Folder, plainEnvironment, runCli, ServerProcess } from '../../support/server-process.ts';

const FEW = ['--monkeys', '4', '--viewers', '4', '--seconds', '1', '--rate', '6', '--offline', '0.25'];
const TOKENS = { LONGSHORE_JWT_SECRET: 'c2hvdWxkIGJlIGF0IGxlYXN0IDMyIGJ5dGVzIGxvbmc=' };

describe('longshore monkeys', function () {
  this.timeout(60_000);
  const folders = [new Folder(), new Folder()] as const;
  let server: ServerProcess;
  /** It asks for tokens. */
  let guarded: ServerProcess;

  before(async () => {
    const [open, closed] = folders;
    [server, guarded] = await Promise.all([
      ServerProcess.start(['--data-dir', open.path]),
      ServerProcess.start(['--data-dir', closed.path, '--auth', 'jwt'], TOKENS),
    ]);
  });
  after(async () => {
    await Promise.all([server.end(), guarded.end()]);
    for (const folder of folders) folder.remove();
  });

  const monkeys = (...args: string[]) => runCli(['monkeys', '--space', 'zoo', ...args], { LONGSHORE_URL: server.url });

  it('[MO9] says what was done, what it took, and the verdict; what goes on is on stderr', async () => {
    const { code, out, err } = await monkeys(...FEW, '--kind', 'register', '--keep');
    assert.equal(code, 0, out + err);
    const lines = out.trim().split('\n');
    const expected = [
      /^4 monkeys \(1 go offline\), 4 viewers, 1 × register, 1 s, seed \d+$/,
      /^updates {4}\d+ posted, \d+ acknowledged/,
      /^to a view {2}p50 [\d.]+ ms, p99 [\d.]+ ms, \d+ views$/,
      /^per update [\d.]+ store writes, cache trips not known$/,
      /^converged {2}4 of 4 viewers$/,
      /^wrong {6}0 lost, 0 doubled, 0 out of order, 0 strange$/,
      /^well: /,
    ];
    const told = lines.filter((line) => !line.startsWith('retries '));
    assert.equal(told.length, expected.length, out);
    for (const [i, pattern] of expected.entries()) assert.match(told[i] ?? '', pattern);
    assert.match(err, /^0 of 1 s, 0 posted, 0 acknowledged, 0 views$/m);
    const left = JSON.parse(
      (await runCli(['get', 'zoo', '--json'], { LONGSHORE_URL: server.url })).out.split('\n')[0] ?? '',
    );
    assert.match(left.id, /^monkeys-[0-9a-f]{8}-0$/, '--keep leaves the items there');
  });

  it('[MO13] Ctrl-C ends the work early, and the verdict follows', async () => {
    const args = [
      join(ROOT, 'src/cli/main.ts'),
      'monkeys',
      '--space',
      'zoo',
      '--url',
      server.url,
      ...FEW,
      '--seconds',
      '600',
    ];
    const child = spawn(process.execPath, args, { env: plainEnvironment() });
    try {
      const out = text(child.stdout);
      for await (const line of createInterface({ input: child.stderr })) {
        if (!/, [1-9]\d* acknowledged/.test(line)) continue;
        child.kill('SIGINT');
        break;
      }
      child.stderr.resume();
      const [code] = await once(child, 'close');
      assert.equal(code, 0);
      assert.match(await out, /\nwell: /);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('[MO9] counters that cannot be read, and those of a server that was started anew, are not known', () => {
    const reading = (lives: string, storeWrites: number | undefined) => ({ lives, storeWrites, cacheTrips: undefined });
    const before = reading('1,2', 10);
    assert.equal(perOp('storeWrites', before, reading('1,2', 30), 10), 2);
    assert.equal(perOp('storeWrites', before, reading('1,3', 30), 10), undefined);
    assert.equal(perOp('storeWrites', before, reading('1,2', undefined), 10), undefined);
    assert.equal(perOp('storeWrites', before, reading('1,2', 30), 0), undefined);
    assert.equal(perOp('cacheTrips', before, reading('1,2', 30), 10), undefined);
  });

  it('[MO10] one seed gives the same moments and absences; another one others', () => {
    const plan = (seed: number) => {
      const chance = new Seeded(seed);
      return [absencesOf(30_000, chance), [...momentsOf(30_000, 2, chance)]] as const;
    };
    assert.deepEqual(plan(5), plan(5));
    assert.notDeepEqual(plan(5), plan(6));
    const [absences, moments] = plan(5);
    assert.ok(
      absences.every(({ from, to }) => from > 0 && to - from >= 3_000 && to < 30_000),
      'back before the end',
    );
    assert.ok(moments.length > 40 && moments.length < 80, `about 60 doings: ${moments.length}`);
    assert.ok(moments.every((at, i) => at > (moments[i - 1] ?? 0) && at < 30_000));
  });

  const wrong: readonly (readonly [args: readonly string[], why: RegExp])[] = [
    [['--kind', 'blob'], /Allowed choices are set, register, log, picture, text/],
    [['--viewers', '0'], /--viewers must be a whole number/],
    [['--offline', '2'], /--offline must be a number, 0 to 1/],
    [['--url', 'ftp://x'], /--url: It must begin with http/],
  ];
  it('[MO11] ends with 2 for wrong options and says why', async () => {
    const ends = await Promise.all(wrong.map(([args]) => monkeys(...args)));
    for (const [i, [args, why]] of wrong.entries()) {
      assert.equal(ends[i]?.code, 2, args.join(' '));
      assert.match(ends[i]?.err ?? '', why);
    }
  });

  it('[MO11] ends with 3 where no server is, and with 1 where the space does not take the kind', async () => {
    const absent = await monkeys(...FEW, '--url', 'http://127.0.0.1:1');
    assert.deepEqual([absent.code, /no answer from/.test(absent.err)], [3, true], absent.err);
    const settings = { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{"kinds":["text"]}' };
    assert.equal((await fetch(`${server.url}/v1/spaces/texts`, settings)).status, 201);
    const { code, err } = await runCli(['monkeys', '--space', 'texts', ...FEW], { LONGSHORE_URL: server.url });
    assert.equal(code, 1);
    assert.match(err, /no item of kind set can be made in texts/);
  });

  it('[MO12] [MO11] works with a token; without one it ends with 1', async () => {
    const token = (await runCli(['token', 'mint', 'ann', '--spaces', '{"zoo":"rwa"}'], TOKENS)).out.trim();
    const args = ['monkeys', '--space', 'zoo', '--kind', 'text', ...FEW, '--url', guarded.url];
    const [{ code, out, err }, anonymous] = await Promise.all([runCli(args, { LONGSHORE_TOKEN: token }), runCli(args)]);
    assert.equal(code, 0, out + err);
    assert.match(out, /store writes not known, cache trips not known/);
    assert.equal(anonymous.code, 1, anonymous.err);
    assert.match(anonymous.err, /unauthenticated/);
  });
});
