import assert from 'node:assert/strict';
import { eventually, get, must200, readItem, shortest, told, update } from './calls.ts';
import { Cluster, isReady } from './cluster.ts';
import { Load, parked } from './load.ts';
import type { ServerProcess } from './server-process.ts';

describe('several servers on one cache and one store', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'routing', servers: 2 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY1] skip, lose and tear nothing when each request goes to another server', async () => {
    const load = new Load(cluster, { space: 'random', seed: 1, writers: 4, readers: 4 });
    await load.begin();
    await load.ackedMore(240);
    await load.judge();
    assert.deepEqual(
      load.readers.flatMap(({ resets }) => resets),
      [],
    );
  });

  it('[SY9] come up however many start at once', async () => {
    const more = await Promise.all(Array.from({ length: 4 }, () => cluster.addServer()));
    for (const server of more) assert(await isReady(server), `${server.name} is not ready`);
    await Promise.all(more.map((server) => server.kill()));
  });

  it('[SY2] wake a poll that is parked at the other one', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    const ms = await shortest(2_000, () => wake(a, b));
    assert(ms < 2_000, `woken after ${ms} ms`);
  });

  /** Parks a poll at one server, posts at the other; how long the poll waits then, ms. */
  async function wake(a: ServerProcess, b: ServerProcess): Promise<number> {
    await update(a, 'wake', { item: 'x', op: { set: 1 }, release: true });
    const { marker } = await eventually('the space is quiet', async () => {
      const answer = await told(b, 'wake');
      return answer.items.length === 1 ? answer : undefined;
    });
    let answered = false;
    const poll = get(b, 'wake', { marker, wait: 20 }).finally(() => {
      answered = true;
    });
    await parked(b, 1);
    assert.equal(answered, false, 'nothing has happened yet');
    const posted = performance.now();
    const { version } = await update(a, 'wake', { item: 'x', op: { set: 2 } });
    const { items } = must200(await poll);
    const ms = performance.now() - posted;
    // Once more, and so under another number, where it was announced too late.
    const [item, ...others] = items;
    assert(item && 'value' in item && item.id === 'x' && item.value === 2 && item.version >= version);
    assert.deepEqual(others, []);
    return ms;
  }

  it('[SY10] say that a reader is up to date only when it has what was acknowledged between its pages', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    const put = async (item: string) => (await update(a, 'pages', { item, op: { merge: { n: 1 } } })).version;
    for (const item of ['a', 'b', 'c']) await put(item);
    let { marker } = await told(b, 'pages');
    for (const item of ['a', 'b', 'c']) await put(item);
    for (let round = 0; round < 10; round++) {
      const has = new Map<string, number>();
      let moved = 0;
      for (let page = 0; ; page++) {
        assert(page < 40, 'the pages never end');
        const answer = await told(b, 'pages', { marker, wait: 0, limit: 2 });
        marker = answer.marker;
        for (const { id, version } of answer.items) has.set(id, version);
        if (answer.upToDate) break;
        if (page === 0) moved = await put('a');
      }
      assert(moved === 0 || (has.get('a') ?? 0) >= moved, `up to date with a v${has.get('a')}, not v${moved}`);
      for (const item of ['a', 'b', 'c']) await put(item);
    }
  });

  it('[SY23] take a new item back for nobody when both get its first update at once', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    await update(a, 'firsts', { item: 'x', op: { set: 1 } });
    const firstOf = async (n: number): Promise<void> => {
      const item = `new${n}`;
      const both = [a, b].map((server, i) => update(server, 'firsts', { item, op: { merge: { [i]: n } } }));
      for (const { version } of await Promise.all(both)) {
        assert(version <= 10, `${item} is at v${version}: it was rolled back`);
      }
      assert.deepEqual((await readItem(b, 'firsts', item))?.value, { 0: n, 1: n });
    };
    for (let round = 0; round < 6; round++) {
      await Promise.all(Array.from({ length: 15 }, (_, n) => firstOf(round * 15 + n)));
    }
  });
});
