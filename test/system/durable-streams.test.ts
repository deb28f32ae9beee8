import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client';
import { StalledReader } from '../support/stalled-reader.ts';
import { appended, makeStream, Producer, readAll, type Target } from '../support/stream-clients.ts';
import { shortest } from './calls.ts';
import { Cluster } from './cluster.ts';
import { ServerProcess } from './server-process.ts';

const MIB = 1024 * 1024;

describe('streams of a real server', function () {
  this.timeout(60_000);
  let folder: string;
  const servers: ServerProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-streams-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<ServerProcess> {
    const server = ServerProcess.launch(`d${servers.length}`, ['--data-dir', folder], { LONGSHORE_LIMITS: 'off' });
    servers.push(server);
    await server.listening();
    return server;
  }

  it('[DS50] nothing acknowledged is lost by kill -9, and repeats are taken once', async () => {
    let server = await start();
    await makeStream(server, 's/log', 'application/json');
    const producers = ['p', 'q', 'r'].map((id) => new Producer(id, 's/log'));
    for (let round = 0; round < 3; round++) {
      const bursts = producers.map((producer) => producer.burst(() => server));
      await appended(producers, 25 * (round + 1));
      await server.kill();
      await Promise.all(bursts);
      server = await start();
    }
    for (const producer of producers) await producer.repeat(server);
    const found = await readAll<[id: string, seq: number]>(server, 's/log');
    for (const { id, acknowledged } of producers) {
      const seqs = found.values.filter(([from]) => from === id).map(([, seq]) => seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: acknowledged }, (_, seq) => seq),
        id,
      );
    }
  });

  it('[DS53] 100,000 messages are read from any offset, also by a server that started later', async () => {
    let server = await start();
    await makeStream(server, 's/long', 'application/json');
    const offsets: string[] = [];
    for (let batch = 0; batch < 100; batch++) {
      const values = Array.from({ length: 1_000 }, (_, i) => batch * 1_000 + i);
      offsets.push(await appendJson(server, 's/long', values));
    }
    await server.terminate();
    server = await start();
    const { values, pages } = await readAll<number>(server, 's/long');
    assert.equal(values.length, 100_000);
    assert.ok(
      values.every((value, i) => value === i),
      'in their order',
    );
    assert.ok(pages >= 200, 'in pages');
    for (const batch of [0, 1, 49, 98, 99]) {
      const rest = await readAll<number>(server, 's/long', offsets[batch]);
      assert.equal(rest.values.length, 99_000 - batch * 1_000);
      assert.equal(rest.values[0], batch === 99 ? undefined : (batch + 1) * 1_000);
    }
  });

  it('[DS54] readers that take nothing cost a bounded memory, and hold up nobody', async () => {
    const server = await start();
    await makeStream(server, 's/much', 'application/octet-stream');
    const stalled = await Promise.all(
      Array.from({ length: 40 }, () => StalledReader.open(server.url, '/v1/stream/s/much?offset=-1&live=sse')),
    );
    const before = await residentBytes(server);
    const piece = Buffer.alloc(MIB, 'x');
    for (let i = 0; i < 16; i++) await appendBytes(server, 's/much', piece);
    const after = await residentBytes(server);
    for (const reader of stalled) reader.close();
    // Kept for each of them, it would be 40 times 16 MiB, and more as base64.
    assert.ok(after - before < 400 * MIB, `${Math.round((after - before) / MIB)} MiB more`);
    const response = await fetch(`${server.url}/v1/stream/s/much?offset=now`);
    assert.equal(response.status, 200);
  });

  it('[DS55] the official client works unchanged', async () => {
    const server = await start();
    const url = `${server.url}/v1/stream/s/official/one`;
    const made = await DurableStream.create({ url, contentType: 'application/json' });
    await made.append(JSON.stringify({ n: 0 }));
    const seen: { n: number }[][] = [];
    const ends: Promise<void>[] = [];
    for (const live of ['sse', 'long-poll'] as const) {
      const following = await stream<{ n: number }>({ url, offset: '-1', live });
      const items: { n: number }[] = [];
      seen.push(items);
      following.subscribeJson((batch) => void items.push(...batch.items));
      ends.push(following.closed);
    }
    const failures: Error[] = [];
    const producer = new IdempotentProducer(made, 'p', { autoClaim: true, onError: (error) => failures.push(error) });
    for (let n = 1; n < 500; n++) producer.append(JSON.stringify({ n }));
    await producer.flush();
    await producer.close();
    await Promise.all(ends);
    const all = Array.from({ length: 500 }, (_, n) => ({ n }));
    assert.deepEqual(failures, []);
    assert.deepEqual(seen, [all, all]);
    const whole = await stream<{ n: number }>({ url, offset: '-1', live: false });
    assert.deepEqual(await whole.json(), all);
    const head = await DurableStream.head({ url });
    assert.equal(head.exists, true);
    await DurableStream.delete({ url });
    assert.equal((await fetch(url)).status, 404);
  });
});

describe('streams of two servers', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'durablestreams', servers: 2, env: { LONGSHORE_LIMITS: 'off' } });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[DS51] live readers at one get what was appended at the other', async () => {
    const [one, other] = cluster.alive as [ServerProcess, ServerProcess];
    await makeStream(one, 's/live', 'application/json');
    const url = `${other.url}/v1/stream/s/live`;
    for (const live of ['long-poll', 'sse'] as const) {
      const delay = await shortest(2_000, async () => {
        const following = await stream<{ at: number }>({ url, offset: 'now', live });
        const came = new Promise<number>((resolve) => {
          following.subscribeJson(({ items }) => {
            for (const { at } of items) resolve(performance.now() - at);
          });
        });
        await sleep(300); // it waits by now; where it does not, the same has to come
        await appendJson(one, 's/live', [{ at: performance.now() }]);
        return came.finally(() => following.cancel());
      });
      assert.ok(delay < 2_000, `${live}: ${delay} ms`);
    }
  });

  it('[DS52] nothing acknowledged is lost or doubled when a server and then memcached die', async () => {
    const [one, other] = cluster.alive as [ServerProcess, ServerProcess];
    await makeStream(one, 's/chaos', 'application/json');
    const producers = ['p', 'q'].map((id) => new Producer(id, 's/chaos'));
    const reader = await appendJson(other, 's/chaos', [['first', 0]]);
    const bursts = producers.map((producer) => producer.burst(() => one));
    await appended(producers, 20);
    await one.kill();
    await Promise.all(bursts);
    await cluster.restartMemcached();
    for (const producer of producers) await producer.repeat(other);
    const found = await readAll<[id: string, seq: number]>(other, 's/chaos', reader);
    for (const { id, acknowledged } of producers) {
      const seqs = found.values.filter(([from]) => from === id).map(([, seq]) => seq);
      assert.deepEqual(
        seqs,
        Array.from({ length: acknowledged }, (_, seq) => seq),
        id,
      );
    }
  });
});

async function appendJson(target: Target, name: string, values: readonly unknown[]): Promise<string> {
  return sendAppend(target, name, 'application/json', JSON.stringify(values));
}

async function appendBytes(target: Target, name: string, bytes: Buffer): Promise<string> {
  return sendAppend(target, name, 'application/octet-stream', bytes);
}

async function sendAppend(target: Target, name: string, type: string, body: string | Buffer): Promise<string> {
  const url = `${target.url}/v1/stream/${name}`;
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body: body as string });
  assert.equal(response.status, 204, await response.text());
  return response.headers.get('stream-next-offset') ?? '';
}

async function residentBytes(server: ServerProcess): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const found = /^process_resident_memory_bytes (\S+)/m.exec(text)?.[1];
  assert.ok(found !== undefined, 'it tells its memory');
  return Number(found);
}
