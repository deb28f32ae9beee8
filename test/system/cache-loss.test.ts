import assert from 'node:assert/strict';
import { eventually, get, must200, readItem, update } from './calls.ts';
import { Cluster } from './cluster.ts';
import { Load } from './load.ts';

/** Everybody learned of the loss at once; two servers that begin the new epoch together may send them back once more. */
function checkResets(load: Load): void {
  for (const { resets } of load.readers) {
    assert.equal(resets[0], 'epoch');
    assert(resets.length <= 3, `a reader was reset ${resets}`);
  }
}

describe('the loss of the cache', function () {
  this.timeout(90_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'cacheloss', servers: 2, persistMs: 1_000 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY11] under load costs nothing that was released or durable, at most N of the rest, and no restart', async () => {
    const load = new Load(cluster, { space: 'lost', seed: 11, writers: 4, readers: 3 });
    await load.begin();
    await load.ackedMore(80);
    await load.measureLag();
    const servers = [...cluster.alive];
    await cluster.memcached.kill();
    load.lost();
    await cluster.memcached.startAgain();
    await load.ackedMore(80);
    await load.judge();
    assert.deepEqual(cluster.alive, servers);
    checkResets(load);
  });

  it('[SY12] together with all servers costs no more, and no version has two contents', async () => {
    const load = new Load(cluster, { space: 'all', seed: 12, writers: 4, readers: 3 });
    await load.begin();
    await load.ackedMore(100);
    await load.measureLag();
    await Promise.all([cluster.memcached.kill(), cluster.killServers()]);
    load.lost();
    await cluster.memcached.startAgain();
    await Promise.all([cluster.addServer(), cluster.addServer()]);
    await load.ackedMore(80);
    await load.judge();
    checkResets(load);
  });

  it('[SY13] takes an unreleased item back to what is stored, under a number that was never given', async () => {
    const [a] = cluster.alive;
    assert(a);
    const versions: number[] = [];
    for (let n = 1; n <= 6; n++) {
      versions.push((await update(a, 'back', { item: 'open', op: { set: n } })).version);
    }
    const { marker } = must200(await get(a, 'back', {}));
    await Promise.all([cluster.memcached.kill(), cluster.killServers()]);
    const stored = await cluster.row('back', 'open');
    assert(stored?.open);
    await cluster.memcached.startAgain();
    const b = await cluster.addServer();
    // Reads wait until whoever might hold newer copies had time to store them.
    const answer = await eventually('reads go on', async () => {
      const reply = await get(b, 'back', { marker, wait: 0 });
      if (reply?.status !== 503) return must200(reply);
      assert.equal((reply.body as unknown as { readonly code: string }).code, 'recovering');
      return undefined;
    });
    assert.equal(answer.mustReset?.reason, 'epoch');
    const [item] = answer.items;
    assert(item && 'value' in item, 'an item that went back comes as a value');
    assert.equal(item.value, stored.body);
    assert(item.version > Math.max(...versions), `v${item.version} was given before`);
    assert.equal((await readItem(b, 'back', 'open'))?.version, item.version);
  });
});
