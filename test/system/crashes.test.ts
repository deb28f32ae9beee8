import assert from 'node:assert/strict';
import { indexKey, itemRowKey, shardOf } from '../../src/model/keys.ts';
import { decodeRow, encodeRow } from '../../src/model/row.ts';
import { call, eventually, get, metric, must200, type Problem, readItem, type Target, told, update } from './calls.ts';
import { Cluster } from './cluster.ts';
import { Load, parked } from './load.ts';

const INDEX_SHARDS = 4;

/** Moves an item that nobody has opened yet: the first move is stored, the others are not, for N. */
async function moveUnreleased(server: Target, space: string, item: string, moves: number): Promise<number> {
  let version = 0;
  for (let n = 1; n <= moves; n++) {
    version = (await update(server, space, { item, op: { merge: { [`m${n}`]: n } } })).version;
  }
  return version;
}

/** As if the row had last been stored so much longer ago. */
async function age(cluster: Cluster, space: string, item: string, ms: number): Promise<void> {
  const key = itemRowKey(space, item);
  await cluster.store.transact([key], ([record]) => {
    assert(record);
    const row = decodeRow(record);
    const aged = encodeRow(space, item, { ...row, storedAt: row.storedAt - ms });
    return { changes: [{ key, record: aged }], result: undefined };
  });
}

async function dropIndex(cluster: Cluster, space: string): Promise<void> {
  for (let shard = 0; shard < INDEX_SHARDS; shard++) await cluster.cache.delete(indexKey(space, shard));
}

describe('the death of servers', function () {
  this.timeout(120_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'crashes', servers: 2, persistMs: 1_000 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY3] kill -9 in the middle of moves loses nothing acknowledged', async () => {
    const load = new Load(cluster, { space: 'killed', seed: 3, writers: 4, readers: 3 });
    await load.begin();
    for (let round = 0; round < 2; round++) {
      await load.ackedMore(60);
      const [victim] = cluster.alive;
      assert(victim);
      await load.nextPostTo(victim);
      await victim.kill();
      await cluster.addServer();
    }
    await load.ackedMore(40);
    await load.judge();
    assert((load.history.counters.get('posts without answer') ?? 0) > 0, 'no request was in flight');
    assert.deepEqual(
      load.readers.flatMap(({ resets }) => resets),
      [],
    );
  });

  it('[SY4] what killed servers left open is stored and closed by one that never saw it', async () => {
    const [a] = cluster.alive;
    assert(a);
    await moveUnreleased(a, 'left', 'x', 1);
    let version = 0;
    // However long it takes, the store gets nothing of it.
    cluster.emulator.pause();
    try {
      version = await moveUnreleased(a, 'left', 'x', 20);
      await cluster.killServers();
    } finally {
      cluster.emulator.resume();
    }
    const before = await cluster.row('left', 'x');
    assert(before?.open && before.v < version, 'the last moves are in the cache only');
    const fresh = await cluster.addServer();
    await age(cluster, 'left', 'x', 60_000);
    // It looks twice, N apart by its own clock: a stamp in the row that does not move.
    const row = await eventually('the sweep closes it', async () => {
      must200(await call(fresh, '/internal/sweep'));
      const row = await cluster.row('left', 'x');
      return row?.open === false ? row : undefined;
    });
    assert.equal(Object.keys(row.body as object).length, 20);
    const item = await readItem(fresh, 'left', 'x');
    assert(item && item.version >= version);
    assert.equal(item.durableVersion, item.version);
    assert.equal(row.v, item.version);
  });

  it('[SY5] the sweep of another server comes by itself', async () => {
    const [a] = cluster.alive;
    const b = await cluster.addServer();
    assert(a);
    const version = await moveUnreleased(a, 'alone', 'x', 5);
    await told(b, 'alone');
    await a.kill();
    const row = await eventually(
      'the row is closed',
      async () => {
        const row = await cluster.row('alone', 'x');
        return row?.open === false ? row : undefined;
      },
      45_000,
    );
    assert(row.v >= version);
    assert.equal(Object.keys(row.body as object).length, 5);
    await cluster.addServer();
  });

  it('[SY6] a marker older than the index is answered from the store, by a server that never saw it', async () => {
    const [a] = cluster.alive;
    assert(a);
    const items = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    assert.equal(new Set(items.map((item) => shardOf(item, INDEX_SHARDS))).size, INDEX_SHARDS, 'an item in each shard');
    for (const item of items) await moveUnreleased(a, 'scan', item, 1);
    const { marker } = await told(a, 'scan');
    const moved = new Map<string, number>();
    for (const item of items.slice(0, 5)) moved.set(item, await moveUnreleased(a, 'scan', item, 3));
    moved.set('a', (await update(a, 'scan', { item: 'a', op: { set: 'last' }, release: true })).version);
    await dropIndex(cluster, 'scan');

    const fresh = await cluster.addServer();
    const answer = await told(fresh, 'scan', { marker, wait: 0 });
    assert.equal(answer.mustReset, undefined);
    for (const [item, version] of moved) {
      const told = answer.items.find(({ id }) => id === item);
      assert(told && told.version >= version, `${item} v${version} is missing`);
    }
    // The old process believes its moves to be covered by entries that are gone; the chain must learn of them all the same.
    const last = await moveUnreleased(a, 'scan', 'b', 1);
    const next = await told(fresh, 'scan', { marker: answer.marker, wait: 0 });
    assert.equal(next.mustReset, undefined);
    assert((next.items.find(({ id }) => id === 'b')?.version ?? 0) >= last, `b v${last} is missing`);
    // Nothing tells a scan what the reader has: it may repeat, what was told before and nothing else.
    for (const { id, version } of next.items) {
      const told = answer.items.find((item) => item.id === id)?.version;
      assert(id === 'b' || version === told, `${id} v${version} was v${told} before`);
    }
  });

  it('[SY7] SIGTERM answers parked polls, ends with 0 in time and loses nothing acknowledged', async () => {
    const [a] = cluster.alive;
    assert(a);
    const load = new Load(cluster, { space: 'stopped', seed: 7, writers: 4, readers: 2 });
    const { marker } = await told(a, 'quiet');
    await load.begin();
    const polls = Array.from({ length: 20 }, () => get(a, 'quiet', { marker, wait: 30 }));
    await eventually(
      'the polls are parked',
      async () => (await metric(a, 'parked_polls')) >= polls.length || undefined,
    );
    await load.ackedMore(60);
    const exit = await a.terminate();
    assert.deepEqual([exit.code, exit.signal], [0, null]);
    assert(exit.ms < 2_500, `it took ${Math.round(exit.ms)} ms`);
    for (const reply of await Promise.all(polls)) {
      assert.equal(reply?.status, 503);
      assert.equal((reply.body as unknown as Problem).code, 'stopping');
      assert.match(reply.headers.get('Retry-After') ?? '', /^\d+$/);
    }
    await load.ackedMore(40);
    await load.judge();
  });

  it('[SY8] what was acknowledged before SIGTERM is in the store after it', async () => {
    const a = await cluster.addServer();
    const version = await moveUnreleased(a, 'flushed', 'x', 20);
    const { marker } = await told(a, 'flushed');
    const poll = get(a, 'flushed', { marker, wait: 30 });
    await parked(a, 1);
    assert.equal((await a.terminate()).code, 0);
    assert.equal((await poll)?.status, 503);
    const row = await cluster.row('flushed', 'x');
    assert.equal(row?.v, version);
    assert.equal(Object.keys(row.body as object).length, 20);
  });
});
