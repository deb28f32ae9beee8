import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '../support/files.ts';
import { type Ended, Folder, plainEnvironment, runCli, ServerProcess } from '../support/server-process.ts';

/** Short, so that renewals are seen: they go by the clock of the process. Long enough for one that stands still for a moment. */
const LEASE_MS = 4_000;

type Event = { readonly event: string; readonly fence?: number; readonly holder?: string; readonly detail?: string };

/** `longshore lock … --json`, going on. */
class Holder {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly #lines: AsyncIterator<string>;

  constructor(url: string, args: readonly string[]) {
    const all = [join(ROOT, 'src/cli/main.ts'), 'lock', ...args, '--json'];
    this.child = spawn(process.execPath, all, { env: plainEnvironment({ LONGSHORE_URL: url }) });
    this.ended = once(this.child, 'close').then(([code]) => code);
    this.child.stderr?.resume();
    assert.ok(this.child.stdout);
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async next(): Promise<Event> {
    return JSON.parse(String((await this.#lines.next()).value));
  }
}

describe('longshore lock', function () {
  this.timeout(120_000);
  let folder: Folder;
  let server: ServerProcess;
  const holders: Holder[] = [];

  const cli = (...args: string[]): Promise<Ended> => runCli(args, { LONGSHORE_URL: server.url });
  const lock = (...args: string[]): Holder => {
    const holder = new Holder(server.url, ['one', ...args]);
    holders.push(holder);
    return holder;
  };

  before(async () => {
    folder = new Folder();
    server = await ServerProcess.start(['--data-dir', folder.path]);
    const settings = { method: 'PUT', headers: { 'Content-Type': 'application/json' } };
    const body = JSON.stringify({ lockTtlMs: LEASE_MS });
    assert.equal((await fetch(`${server.url}/v1/spaces/one`, { ...settings, body })).status, 201);
    for (const item of ['a', 'b', 'c']) assert.equal((await cli('post', 'one', item, '1')).code, 0);
  });

  afterEach(async () => {
    for (const { child, ended } of holders.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });

  after(async () => {
    await server.end();
    folder.remove();
  });

  it('[CI10] holds the item, beyond its lease too, until it is interrupted; then others may write', async () => {
    const holder = lock('a', '--name', 'importer');
    assert.equal((await holder.next()).event, 'held');
    const { out } = await cli('get', 'one', 'a', '--json');
    assert.equal(JSON.parse(out).value, 1);
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 500));
    const kept = await cli('post', 'one', 'a', '2', '--json');
    assert.deepEqual([kept.code, JSON.parse(kept.out).result], [1, 'locked'], kept.out);
    holder.child.kill('SIGINT');
    assert.equal((await holder.next()).event, 'released');
    assert.equal(await holder.ended, 0);
    assert.equal((await cli('post', 'one', 'a', '2')).code, 0);
  });

  it('[CI11] --ttl gives it back by itself', async () => {
    const { code, out } = await cli('lock', 'one', 'b', '--ttl', '1s');
    assert.equal(code, 0);
    assert.match(out, /^b is held, fence \d+; Ctrl-C gives it back\nb given back\n$/);
    assert.equal((await cli('post', 'one', 'b', '2')).code, 0);
  });

  it('[CI12] ends with 1 where somebody else holds it, and says who; --steal takes it, which its holder is told', async () => {
    const first = lock('c');
    assert.equal((await first.next()).event, 'held');
    const refused = await cli('lock', 'one', 'c', '--json');
    const { event, holder } = JSON.parse(refused.out);
    assert.deepEqual([refused.code, event], [1, 'refused']);
    assert.match(holder, /^cli-/);
    assert.match((await cli('lock', 'one', 'c')).err, /not held: cli-\S+ holds the item/);
    const second = lock('c', '--steal');
    assert.equal((await second.next()).event, 'held');
    assert.equal((await first.next()).event, 'lost');
    assert.equal(await first.ended, 1);
  });

  it('[CI13] an item that is not there, a wrong time and a server that is not there end with 1, 2 and 3', async () => {
    const absent = await cli('lock', 'one', 'nothing');
    assert.equal(absent.code, 1);
    assert.match(absent.err, /notFound/);
    const wrong = await cli('lock', 'one', 'a', '--ttl', 'soon');
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /--ttl must be like/);
    assert.equal((await runCli(['lock', 'one', 'a', '--url', 'http://127.0.0.1:1'])).code, 3);
  });
});
