import assert from 'node:assert/strict';
import { connect, type Space, type TransportName } from '../../src/client/connect.ts';
import { follow } from '../../src/client/follow.ts';
import { HttpClient } from '../../src/client/http-client.ts';
import type { Update } from '../../src/protocol/post-update.ts';
import { call, eventually, must200, mustBeOk, post, readItem, update } from './calls.ts';
import { Cluster } from './cluster.ts';
import { storedUntil } from './load.ts';

const CLIENTS = 20;
const TRANSPORTS: readonly ('auto' | TransportName)[] = ['auto', 'websocket', 'sse', 'longPoll', 'poll'];
/** So many updates of everybody have to be in the store before all is lost: more than the first, which is stored at once. */
const FOLLOWED = 5;
/** N where updates may be lost for good, ms. */
const PERSIST_MS = 1_000;

type Acked = { readonly value: number; readonly at: number };

/** A client that counts in an item of its own, and sees what all the others count. */
class Worker {
  readonly space: Space;
  readonly item: string;
  readonly acked: Acked[] = [];
  #count = 0;

  constructor(url: string, space: string, n: number) {
    this.item = `counter${n}`;
    const transport = TRANSPORTS[n % TRANSPORTS.length] as (typeof TRANSPORTS)[number];
    this.space = connect({ url, space, transport, name: this.item });
  }

  async count(): Promise<void> {
    const value = ++this.#count;
    const { result } = await this.space.item(this.item).set(value);
    if (result === 'ok') this.acked.push({ value, at: performance.now() });
  }

  seen(item: string): number {
    return Number(this.space.item(item).confirmed ?? 0);
  }
}

describe('clients, when memcached and all servers are killed', function () {
  this.timeout(90_000);
  let cluster: Cluster;
  let ports: readonly number[];
  const workers: Worker[] = [];
  let stop = new AbortController();
  let isOver = false;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'clientchaos', servers: 2, persistMs: 60_000 });
    ports = cluster.alive.map(({ url }) => Number(new URL(url).port));
  });
  afterEach(function () {
    isOver = true;
    for (const { space } of workers.splice(0)) space.close();
    stop.abort();
    cluster?.explain(this.currentTest);
  });
  after(() => cluster?.stop());

  const urlOf = (n: number) => `http://127.0.0.1:${ports[n % ports.length]}`;
  const killAll = () => Promise.all([cluster.memcached.kill(), cluster.killServers()]);
  const server = () => cluster.alive[0] ?? assert.fail('no server');

  /** All clients, each with some updates that others have seen. */
  async function work(space: string, rounds: number): Promise<void> {
    for (let n = 0; n < CLIENTS; n++) workers.push(new Worker(urlOf(n), space, n));
    await Promise.all(workers.map(({ space: one }) => one.ready()));
    for (let round = 0; round < rounds; round++) await Promise.all(workers.map((worker) => worker.count()));
  }

  /** As soon as the servers tell it: they wait a moment for what others may still hold. */
  const readCount = (space: string, item: string) =>
    eventually(`${item} is read`, () =>
      readItem(server(), space, item).then(
        (found) => Number(found?.value ?? 0),
        () => undefined,
      ),
    );

  it('[SDK53] lose no update that one of them had seen and that lives on, whatever transport it has', async () => {
    await work('chaos', 8);
    const living = workers.filter((_, n) => n % 2 === 0);
    // Everybody goes on until the end, so some updates are seen by a few only, and some are not answered.
    const counting = workers.map((worker) => worker.count());
    for (const worker of workers) if (!living.includes(worker)) worker.space.close();
    const seen = new Map(workers.map(({ item }) => [item, Math.max(...living.map((one) => one.seen(item)))]));
    await killAll();
    const rows = await Promise.all(workers.map(({ item }) => cluster.row('chaos', item)));
    const stored = rows.map((row) => Number(row?.body));
    assert(
      workers.some(({ item }, n) => !((stored[n] ?? 0) >= (seen.get(item) ?? 0))),
      `there is something to lose: ${stored} stored of ${[...seen.values()]}`,
    );
    await cluster.reviveAll(ports);
    await Promise.all([...living.map(({ space }) => space.flush()), ...counting]);
    await Promise.all(living.map((worker) => worker.count()));
    for (const { item, acked } of living) seen.set(item, Math.max(seen.get(item) ?? 0, acked.at(-1)?.value ?? 0));
    for (const [item, value] of seen) {
      await eventually(
        `${item} is ${value} or later`,
        async () => (await readCount('chaos', item)) >= value || undefined,
      );
    }
    await eventually('all see the same', async () => {
      const views = living.map((one) => JSON.stringify(workers.map(({ item }) => one.seen(item))));
      return new Set(views).size === 1 || undefined;
    });
  });

  it('[SDK54] go back by at most N where none of them lives on', async () => {
    const settings = {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: `{"persistMs":${PERSIST_MS}}`,
    };
    // The lag that a server tells is that of all its spaces: these have no other one.
    await killAll();
    await cluster.reviveAll(ports);
    const made = await call(server(), '/v1/spaces/nobody', settings);
    assert.equal(made?.status, 201, JSON.stringify(made?.body));
    await work('nobody', 3);
    isOver = false;
    const counting = workers.map(async (worker) => {
      while (!isOver) await worker.count();
    });
    const until = await eventually('the store follows, with all of them counting', async () => {
      const stored = await storedUntil(cluster.alive);
      return workers.every(({ acked }) => (acked[FOLLOWED]?.at ?? stored) < stored) ? stored : undefined;
    });
    await killAll();
    isOver = true;
    for (const { space } of workers) space.close();
    await Promise.all(counting);
    await cluster.reviveAll(ports);
    for (const { item, acked } of workers) {
      const safe = acked.findLast(({ at }) => at < until)?.value ?? 0;
      const value = await readCount('nobody', item);
      assert(value >= safe, `${item}: ${value}, and ${safe} was acknowledged before the lag that was shown`);
    }
  });

  it('[SDK55] that restore at once, too little, too late or what never was: the newest stands, and no version has two contents', async () => {
    const contents = new Map<string, string>();
    stop = new AbortController();
    const watching = ports.map(async (_, n) => {
      // Watches and restores nothing.
      for await (const { items } of follow(new HttpClient({ url: urlOf(n) }), 'contest', { signal: stop.signal })) {
        for (const item of items) {
          const text = 'value' in item ? JSON.stringify(item.value) : 'none';
          const spot = `${item.id} ${item.version}`;
          assert.equal(text, contents.get(spot) ?? text, `version of ${spot}`);
          contents.set(spot, text);
        }
      }
    });
    const deltas: { version: number; op: { set: number }; clientId: string; seq: number }[] = [];
    for (let seq = 1; seq <= 6; seq++) {
      const op = { set: seq };
      const sent = { clientId: 'w', seq, updates: [{ item: 'card', op }] };
      const { version } = mustBeOk(await post(server(), 'contest', sent));
      if (seq > 1) deltas.push({ version, op, clientId: 'w', seq });
    }
    const stored = Number((await cluster.row('contest', 'card'))?.v);
    await killAll();
    await cluster.reviveAll(ports);
    for (const one of cluster.alive) {
      await eventually(`${one.name} has recovered`, async () => {
        const reply = await call(one, '/v1/spaces/contest/items/card');
        const posted = await post(one, 'contest', { updates: [{ item: 'other', op: { set: 1 } }] });
        return (reply?.status === 200 && posted?.status === 200) || undefined;
      });
    }
    const chains = { whole: deltas, short: deltas.slice(0, 2), forged: [{ version: 999_999, op: { set: -1 } }] };
    const falling = [...deltas].reverse();
    const restore = (chain: readonly object[], n: number) => {
      const one = { item: 'card', restore: { from: 1, deltas: chain }, durable: true } as unknown as Update;
      return post(cluster.alive[n % 2] ?? server(), 'contest', { updates: [one] });
    };
    const all = [chains.short, chains.whole, chains.forged, falling, chains.whole];
    const results = (await Promise.all(all.map(restore))).map((reply) => must200(reply).results[0]);
    assert.deepEqual(
      results.map((one) => (one?.result === 'invalid' ? one.code : one?.result)),
      ['ok', 'ok', 'badOp', 'badOp', 'ok'],
    );
    const after = await readItem(server(), 'contest', 'card');
    assert.deepEqual([after?.value, after && after.durableVersion >= stored], [6, true]);
    assert.equal(mustBeOk(await restore(chains.short, 1)).version, after?.version, 'too late: nothing changes');
    await update(server(), 'contest', { item: 'card', op: { set: 7 } });
    assert.equal(mustBeOk(await restore(chains.whole, 0)).version, Number(after?.version) + 1);
    assert.equal(await readCount('contest', 'card'), 7);
    await eventually('it is seen', async () => contents.get(`card ${Number(after?.version) + 1}`) === '7' || undefined);
    stop.abort();
    await Promise.allSettled(watching).then((ends) => {
      for (const end of ends)
        if (end.status === 'rejected' && end.reason instanceof assert.AssertionError) throw end.reason;
    });
  });
});
