import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Seeded } from '../simulation/seeded.ts';
import { get, must200, mustBeOk, post, readItem, update } from './calls.ts';
import { ServerProcess } from './server-process.ts';

describe('a server with everything embedded', function () {
  this.timeout(60_000);
  let folder: string;
  const servers: ServerProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-embedded-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    rmSync(folder, { recursive: true });
  });

  function launch(): ServerProcess {
    const server = ServerProcess.launch(`e${servers.length}`, ['--data-dir', folder]);
    servers.push(server);
    return server;
  }

  async function start(): Promise<ServerProcess> {
    const server = launch();
    await server.listening();
    return server;
  }

  /** One client that posts until the server is gone. Answers what was acknowledged. */
  async function burst(server: ServerProcess, client: string, onAck: () => void): Promise<Map<string, number>> {
    const acked = new Map<string, number>();
    for (let seq = 1; ; seq++) {
      const op = `${client}.${seq}`;
      const updates = [{ item: `item${seq % 3}`, op: { merge: { [op]: seq } } }];
      const reply = await post(server, 'burst', { clientId: client, seq, updates });
      if (reply === undefined) return acked;
      const result = mustBeOk(reply);
      assert.equal(result.durableVersion, result.version, 'stored before the answer');
      acked.set(op, result.version);
      onAck();
    }
  }

  it('[SY18] keeps everything acknowledged through kill -9 in the middle of a burst, and starts again at once', async () => {
    const random = new Seeded(18);
    const all = new Map<string, number>();
    let marker: string | undefined;
    for (let round = 0; round < 3; round++) {
      const server = await start();
      marker ??= must200(await get(server, 'burst', {})).marker;
      let left = 50 + random.int(150);
      const onAck = (): void => {
        if (--left === 0) void server.kill();
      };
      const clients = Array.from({ length: 6 }, (_, n) => burst(server, `r${round}c${n}`, onAck));
      for (const acked of await Promise.all(clients)) for (const [op, version] of acked) all.set(op, version);
    }
    const server = await start();
    const snapshot = must200(await get(server, 'burst', { marker: marker ?? '', wait: 0 }));
    assert.equal(snapshot.mustReset?.reason, 'epoch');
    const present = new Map<string, number>();
    for (const item of snapshot.items) {
      assert('value' in item);
      for (const op of Object.keys(item.value as object)) present.set(op, item.version);
    }
    for (const [op, version] of all) {
      const now = present.get(op);
      assert(now !== undefined && now >= version, `${op}, acknowledged as v${version}, is gone`);
    }
    assert(all.size >= 150, `only ${all.size} were acknowledged`);
  });

  it('[DU43] goes on with the next version after SIGTERM, and takes nothing for lost', async () => {
    const first = await start();
    await update(first, 'one', { item: 'x', op: { set: 1 } });
    await update(first, 'one', { item: 'x', op: { set: 2 } });
    await first.terminate();
    const second = await start();
    assert.equal((await readItem(second, 'one', 'x'))?.version, 2);
    assert.equal((await update(second, 'one', { item: 'x', op: { set: 3 } })).version, 3);
    assert.doesNotMatch(second.output, /rolled back/);
  });

  it('[SY19] refuses a data folder that another server uses, and says so', async () => {
    const first = await start();
    await update(first, 'one', { item: 'x', op: { set: 1 } });
    const second = launch();
    const { code } = await second.exit();
    assert.notEqual(code, 0);
    assert.match(second.output, /store\.sqlite is in use by another process/);
    assert.equal(second.url, '');
    // The first one did not notice.
    await update(first, 'one', { item: 'x', op: { set: 2 } });
    assert.equal((await readItem(first, 'one', 'x'))?.value, 2);
    await first.terminate();
    const third = await start();
    assert.equal((await readItem(third, 'one', 'x'))?.value, 2);
  });
});
