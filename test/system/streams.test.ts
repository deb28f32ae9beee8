import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { mustAnswer, Replica } from '../contracts/transport.ts';
import { Seeded } from '../simulation/seeded.ts';
import { EVENTS, LONG_POLL, SOCKET, type Transport } from '../support/transport-clients.ts';
import { eventually, metric, told, update } from './calls.ts';
import { Cluster } from './cluster.ts';
import { ServerProcess } from './server-process.ts';

const SPACE = 'board';
const ITEMS = 6;
const POSTS = 120;

function portOf({ url }: ServerProcess): number {
  return Number(new URL(url).port);
}

describe('streams of several servers', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'streams', servers: 2 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY30] readers that change server and transport at each reconnect end with what the servers have', async () => {
    const { servers } = cluster;
    // The space is there, with its index.
    for (const server of servers) {
      await update(server, SPACE, { item: 'begin', op: { set: server.name } });
      await told(server, SPACE);
    }
    let finished = false;
    const random = new Seeded(30);
    const chosen = <T>(from: readonly T[]): T => from[random.int(from.length)] as T;
    const read = async (transports: readonly Transport[]): Promise<Replica> => {
      const replica = new Replica();
      while (!finished) {
        const { marker } = replica;
        const watch = chosen(transports).open(portOf(chosen(servers)), marker === undefined ? {} : { marker });
        for (let left = 1 + random.int(5); left > 0 && !finished; left--) replica.take(mustAnswer(await watch.next()));
        watch.cut();
      }
      return replica;
    };
    const choices = [[LONG_POLL], [EVENTS], [SOCKET], [EVENTS, SOCKET], [LONG_POLL, EVENTS, SOCKET]];
    const readers = choices.map(read);
    for (let i = 0; i < POSTS; i++) {
      await update(chosen(servers), SPACE, { item: `item${i % ITEMS}`, op: { set: i } });
    }
    finished = true;
    // Whoever waits is woken to see that it is over.
    await update(chosen(servers), SPACE, { item: 'end', op: { set: true } });
    const replicas = await Promise.all(readers);
    for (const [n, replica] of replicas.entries()) {
      assert.equal(replica.resets, 0);
      const { marker = '' } = replica;
      replica.take(await told(chosen(servers), SPACE, { marker, wait: 0 }));
      const values = Array.from({ length: ITEMS }, (_, i) => replica.valueOf(`item${i}`));
      assert.deepEqual(
        values,
        Array.from({ length: ITEMS }, (_, i) => POSTS - ITEMS + i),
        `reader ${n}`,
      );
    }
  });
});

describe('streams of a server that stops', function () {
  this.timeout(30_000);
  let folder: string;
  let server: ServerProcess;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-streams-'));
    server = await ServerProcess.start('s', ['--data-dir', folder]);
  });
  afterEach(async () => {
    await server.kill();
    rmSync(folder, { recursive: true });
  });

  it('[SY31] are told so, sockets closed with 1001, and the process ends in time with 0', async () => {
    const events = EVENTS.open(portOf(server), {});
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(server)}/v1/spaces/board/socket`);
    await once(socket, 'open');
    // One that never answers the closing.
    const mute = new WebSocket(`ws://127.0.0.1:${portOf(server)}/v1/spaces/board/socket`);
    mute.on('error', () => undefined);
    await once(mute, 'open');
    mute.pause();
    socket.send(JSON.stringify({ type: 'watch', id: 1 }));
    mustAnswer(await events.next());
    await eventually('both wait', async () => (await metric(server, 'parked_polls')) === 2 || undefined);
    assert.deepEqual([await metric(server, 'sockets'), await metric(server, 'event_streams')], [2, 1]);
    const closed = once(socket, 'close');
    const { code, ms } = await server.terminate();
    assert.equal(code, 0);
    assert.ok(ms < 2_500, `${ms} ms`);
    assert.equal((await closed)[0], 1001);
    const last = await events.next();
    assert.equal('problem' in last && last.problem.code, 'stopping');
  });
});
