import assert from 'node:assert/strict';
import { settingsKey } from '../../src/model/keys.ts';
import type { UpdateResult } from '../../src/protocol/post-update.ts';
import { call, eventually, post, type Target } from './calls.ts';
import { Cluster } from './cluster.ts';

const SPACE = 'shelf';

describe('settings of a space at several servers', function () {
  this.timeout(90_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'settings', servers: 2 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  const put = (server: Target, kinds: readonly string[]) => {
    const headers = { 'Content-Type': 'application/json' };
    return call<{ code?: string }>(server, `/v1/spaces/${SPACE}`, {
      method: 'PUT',
      headers,
      body: JSON.stringify({ kinds }),
    });
  };
  let made = 0;
  const create = async (server: Target): Promise<UpdateResult['result'] | undefined> => {
    const reply = await post(server, SPACE, { updates: [{ item: `i${made++}`, kind: 'register', op: { set: 1 } }] });
    return reply?.body.results?.[0]?.result;
  };

  // Real time: what the servers hold is theirs for 10 s, by their own clocks.
  it('[SE22] [SE27] a change at one counts at the other after at most 10 s, and is in the cache for both', async () => {
    const [a, b] = cluster.servers;
    assert(a && b);
    assert.deepEqual([await create(a), await create(b)], ['ok', 'ok']);
    assert.equal((await put(a, ['set']))?.status, 200);
    const changedAt = performance.now();
    assert.equal(await create(a), 'invalid');
    await eventually('the other server knows', async () => (await create(b)) === 'invalid' || undefined);
    assert.ok(performance.now() - changedAt < 12_000);
    const [entry] = await cluster.cache.get([settingsKey(SPACE)]);
    assert.match(String(entry?.value), /"kinds":\["set"\]/);
  });

  it('[SE29] without memcached they cannot be changed', async () => {
    const [a] = cluster.servers;
    assert(a);
    await cluster.memcached.kill();
    const refused = await put(a, ['register']);
    assert.deepEqual([refused?.status, refused?.body.code], [503, 'cacheUnavailable']);
  });
});
