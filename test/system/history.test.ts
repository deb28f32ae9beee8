import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpsResponse, opsResponseSchema } from '../../src/protocol/ops.ts';
import { mustBeOk, post } from './calls.ts';
import { ServerProcess } from './server-process.ts';

describe('the operations of an item in a real server', function () {
  this.timeout(40_000);
  let folder: string;
  const servers: ServerProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-history-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<ServerProcess> {
    const server = ServerProcess.launch(`h${servers.length}`, ['--data-dir', folder]);
    servers.push(server);
    await server.listening();
    return server;
  }

  async function ask(server: ServerProcess, query: string): Promise<OpsResponse> {
    const response = await fetch(`${server.url}/v1/spaces/log/items/tags/ops?${query}`);
    assert.equal(response.status, 200);
    return opsResponseSchema.parse(await response.json());
  }

  /** Follows from the beginning until the server is gone. */
  async function follow(server: ServerProcess, seen: unknown[]): Promise<string | undefined> {
    let lineage: string | undefined;
    try {
      for (;;) {
        const answer = await ask(server, `index=${seen.length + 1}&wait=5&limit=40`);
        assert.equal(answer.ops[0]?.index ?? answer.nextIndex, seen.length + 1);
        for (const { op } of answer.ops) seen.push(op);
        lineage = answer.lineage;
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return lineage;
    }
  }

  it('[OP17] survive kill -9 in the middle of a burst, all that were acknowledged and no two twice; a viewer goes on where it was, or is told what it saw too early', async () => {
    const acked: string[] = [];
    const burst = async (server: ServerProcess, client: string): Promise<void> => {
      for (let seq = 1; ; seq++) {
        const element = `${client} ${seq} ${'.'.repeat(40)}`;
        const updates = [{ item: 'tags', kind: 'set', op: { ops: [['add', element]] } }];
        const reply = await post(server, 'log', { clientId: client, seq, updates });
        if (reply === undefined) return;
        assert.equal(mustBeOk(reply).applied, 1);
        acked.push(element);
        if (acked.length === 300) void server.kill();
      }
    };
    const first = await start();
    await fetch(`${first.url}/v1/spaces/log/updates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ updates: [{ item: 'tags', kind: 'set', op: { create: { bias: 'add' } } }] }),
    });
    const seen: unknown[] = [];
    const viewer = follow(first, seen);
    await Promise.all(Array.from({ length: 4 }, (_, n) => burst(first, `c${n}`)));
    const lineage = await viewer;
    const second = await start();
    const goesOn = await ask(second, `index=${seen.length + 1}&lineage=${lineage}&wait=0`);
    // What was told before it was stored, and so before it was acknowledged, may have to be taken back: at most one of each writer.
    const kept = (goesOn.replaced ?? seen.length + 1) - 1;
    assert.ok(seen.length - kept <= 4, `${seen.length} seen, ${kept} of them there`);
    seen.length = kept;
    const all: unknown[] = [];
    for (let upToDate = false; !upToDate; ) {
      const answer = await ask(second, `index=${all.length + 1}&wait=0&limit=100`);
      for (const { op } of answer.ops) all.push(op);
      ({ upToDate } = answer);
    }
    assert.deepEqual(all.slice(0, seen.length), seen);
    const added = all.slice(1).map((op) => (op as [string, string])[1]);
    assert.equal(new Set(added).size, added.length);
    const there = new Set(added);
    for (const element of acked) assert.ok(there.has(element), `${element} is gone`);
    assert.ok(all.length >= 301);
  });
});
