import assert from 'node:assert/strict';
import { ownerRowKey } from '../../src/model/keys.ts';
import { decodeRecordText, encodeRecordText } from '../../src/model/record.ts';
import { type RunningMemcached, startMemcached } from '../support/memcached.ts';
import { call, get, type Problem, post, type Reply, update } from './calls.ts';
import { Cluster, isReady } from './cluster.ts';

const UPDATE = { updates: [{ item: 'x', op: { set: 1 } }] };

/** As if the lease that is in the store had been taken so much earlier. */
async function ageLease(cluster: Cluster, ms: number): Promise<void> {
  const key = ownerRowKey();
  await cluster.store.transact([key], ([record]) => {
    assert(record);
    const owner = decodeRecordText(record.data, 'owner') as { readonly untilMs: number };
    const data = encodeRecordText({ ...owner, untilMs: owner.untilMs - ms });
    return { changes: [{ key, record: { data, indexes: {} } }], result: undefined };
  });
}

function refusedAsNotReady(reply: Reply | undefined): void {
  assert.equal(reply?.status, 503);
  assert.equal((reply.body as Problem).code, 'notReady');
  assert.match(reply.headers.get('Retry-After') ?? '', /^[1-9]\d*$/);
}

describe('two lists of cache servers over one store', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let other: RunningMemcached | undefined;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'owner', servers: 1 });
    other = await startMemcached();
  });
  after(async () => {
    await cluster?.stop();
    await other?.stop();
  });
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY17] a server with another list serves nothing while the lease of the first runs, and takes over after it', async () => {
    const [first] = cluster.servers;
    assert(first && other);
    await update(first, 'owned', { item: 'x', op: { set: 1 } });
    const second = await cluster.addServer(other.port);
    assert.equal(await isReady(second), false);
    assert.equal((await call(second, '/healthz'))?.status, 200);
    refusedAsNotReady(await post(second, 'owned', UPDATE));
    refusedAsNotReady(await get(second, 'owned', {}));
    refusedAsNotReady(await call(second, '/v1/spaces/owned/items/x'));

    await first.kill();
    const early = await cluster.addServer(other.port);
    refusedAsNotReady(await post(early, 'owned', UPDATE));
    await ageLease(cluster, 31_000);
    const late = await cluster.addServer(other.port);
    assert.equal(await isReady(late), true);
    await update(late, 'owned', { item: 'y', op: { set: 2 }, release: true });

    const back = await cluster.addServer();
    refusedAsNotReady(await post(back, 'owned', UPDATE));
  });
});
