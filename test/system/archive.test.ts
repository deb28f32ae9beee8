import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSqliteStore } from '../../src/backends/store/sqlite.ts';
import { segmentOf } from '../../src/model/keys.ts';
import { archiveShard, segmentDue } from '../../src/model/ops-record.ts';
import type { StoreKey } from '../../src/ports/store.ts';
import { type OpsResponse, opsResponseSchema } from '../../src/protocol/ops.ts';
import { Folder, runCli, ServerProcess } from '../support/server-process.ts';

const ENV = { LONGSHORE_ARCHIVE_MS: '60000' };
const SPACE = 'board';

describe('the archive of a real server', function () {
  this.timeout(60_000);
  const folder = new Folder();
  let server: ServerProcess | undefined;

  const start = async (): Promise<string> => {
    server = await ServerProcess.start(['--data-dir', folder.path], ENV);
    return server.url;
  };
  const stop = async (): Promise<void> => {
    await server?.end();
    server = undefined;
  };
  after(async () => {
    await stop();
    folder.remove();
  });

  const blobs = (): string[] => {
    const all = readdirSync(join(folder.path, 'blobs'), { recursive: true, withFileTypes: true });
    const files = all.filter((entry) => entry.isFile() && /\/o\//.test(`${entry.parentPath}/`));
    return files.map(({ parentPath, name }) => join(parentPath, name));
  };

  async function operations(url: string): Promise<unknown[]> {
    const all: unknown[] = [];
    for (let page: OpsResponse | undefined; !page?.upToDate; ) {
      const answer = await fetch(`${url}/v1/spaces/${SPACE}/items/tags/ops?index=${all.length + 1}&wait=0`);
      assert.equal(answer.status, 200);
      page = opsResponseSchema.parse(await answer.json());
      all.push(...page.ops.map(({ op }) => op));
    }
    return all;
  }

  /** As if a day had passed since the operations were archived; nobody waits for one. */
  async function age(): Promise<number> {
    const store = createSqliteStore({ path: join(folder.path, 'store.sqlite') });
    try {
      const ids = await store.list(SPACE, 'ops', '', 1_000);
      const keys = ids.map((id): StoreKey => ({ space: SPACE, kind: 'ops', id })).filter((key) => segmentOf(key));
      const due = segmentDue(archiveShard(SPACE, 'tags'), Date.now() - 86_400_000);
      await store.transact(keys, (records) => ({
        changes: keys.flatMap((key, i) => {
          const record = records[i];
          return record ? [{ key, record: { data: record.data, indexes: { due } } }] : [];
        }),
        result: undefined,
      }));
      return keys.length;
    } finally {
      await store.close();
    }
  }

  async function sweep(url: string): Promise<void> {
    assert.equal((await fetch(`${url}/internal/sweep`)).status, 200);
  }

  it('[AR13] a restore at the wrong path says that nothing is there, and makes nothing', async () => {
    const path = join(folder.path, 'mistyped');
    const { code, out, err } = await runCli(['archive', 'restore', '--data-dir', path]);
    assert.deepEqual([code, out, existsSync(path)], [2, '', false]);
    assert.match(err, /there is no store at .*mistyped[\s\S]*there are no blobs at .*mistyped/);
  });

  it('[AR12] [AR9] tells what it moved, after a restart too, and after a restore also without the blobs', async () => {
    const ops = Array.from({ length: 40 }, (_, n) =>
      Array.from({ length: 100 }, (_, i) => ['add', `${n * 100 + i} ${'.'.repeat(100)}`, 1_000 + n]),
    );
    let url = await start();
    for (const part of ops) {
      const body = JSON.stringify({ updates: [{ item: 'tags', kind: 'set', op: { ops: part } }] });
      const headers = { 'Content-Type': 'application/json' };
      assert((await fetch(`${url}/v1/spaces/${SPACE}/updates`, { method: 'POST', headers, body })).ok);
    }
    await stop();
    const segments = await age();
    assert(segments > 5, `${segments}`);
    url = await start();
    await sweep(url);
    await sweep(url); // the first may have joined one that goes by time
    assert.equal(blobs().length, segments - 1);
    assert.deepEqual(await operations(url), ops.flat());
    await stop();
    url = await start();
    assert.deepEqual(await operations(url), ops.flat());
    await stop();
    const args = ['archive', 'restore', '--data-dir', folder.path];
    const refused = await runCli([...args, '--item', 'tags']);
    assert.deepEqual([refused.code, refused.err.includes('--item needs --space')], [2, true]);
    const elsewhere = await runCli([...args, '--space', 'nowhere']);
    assert.equal(elsewhere.out, '0 records restored, 0 in the store already, 0 of lives that have ended\n');
    const restored = await runCli([...args, '--space', SPACE, '--item', 'tags', '--json']);
    assert.deepEqual(JSON.parse(restored.out), { restored: segments - 1, present: 0, ended: 0, unreadable: 0 });
    const [damaged] = blobs();
    assert(damaged !== undefined);
    writeFileSync(damaged, 'what a broken disk has left');
    const partly = await runCli([...args, '--json']);
    assert.deepEqual(JSON.parse(partly.out), { restored: 0, present: segments - 2, ended: 0, unreadable: 1 });
    assert.deepEqual(
      [partly.code, /^longshore: o\/\S+ cannot be read: .*damaged/.test(partly.err)],
      [1, true],
      partly.err,
    );
    rmSync(join(folder.path, 'blobs', 'o'), { recursive: true });
    assert.equal(blobs().length, 0);
    url = await start();
    assert.deepEqual(await operations(url), ops.flat());
    const busy = await runCli(args);
    assert.deepEqual([busy.code, /in use by another process/.test(busy.err)], [1, true], busy.err);
  });
});
