import assert from 'node:assert/strict';
import type { PostUpdateRequest } from '../../src/protocol/post-update.ts';
import {
  call,
  eventually,
  get,
  must200,
  mustBeOk,
  type Problem,
  post,
  type Reply,
  readItem,
  shortest,
} from './calls.ts';
import { Cluster, isReady } from './cluster.ts';
import type { ServerProcess } from './server-process.ts';

const SPACE = 'outage';
/** What an answer may take while the cache is silent, ms: wire and operation deadlines with room for a busy machine. */
const SOON_MS = 1_000;

function move(item: string, n: number, more: object = {}): PostUpdateRequest {
  return { updates: [{ item, op: { set: n }, ...more }] };
}

function refused(reply: Reply | undefined, code: string): void {
  assert.equal(reply?.status, 503);
  assert.equal((reply.body as Problem).code, code);
  assert.match(reply.headers.get('Retry-After') ?? '', /^[1-9]\d*$/);
}

/** All of them, each time they are asked. */
async function refusedSoon(ask: () => Promise<Reply | undefined>[]): Promise<void> {
  const ms = await shortest(SOON_MS, async () => {
    const replies = await Promise.all(ask());
    for (const reply of replies) refused(reply, 'cacheUnavailable');
    return Math.max(...replies.map((reply) => reply?.ms ?? 0));
  });
  assert(ms < SOON_MS, `answered after ${ms} ms`);
}

async function untilReady(servers: readonly ServerProcess[]): Promise<void> {
  for (const server of servers) {
    await eventually('it is ready', async () => (await isReady(server)) || undefined);
  }
}

describe('outages of what the servers stand on', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let a: ServerProcess;
  let b: ServerProcess;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'outages', servers: 2, persistMs: 1_000 });
    const [first, second] = cluster.servers;
    assert(first && second);
    [a, b] = [first, second];
  });
  after(() => cluster?.stop());
  beforeEach(() => untilReady([a, b]));
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY14] while the store is silent open items move on, what has to be stored is refused, and all recovers', async () => {
    mustBeOk(await post(a, SPACE, move('open', 1)));
    mustBeOk(await post(a, SPACE, move('toRelease', 1)));
    mustBeOk(await post(a, SPACE, move('toKeep', 1)));
    const { marker } = must200(await get(b, SPACE, {}));
    const wanting = [
      { clientId: 'first', seq: 1, ...move('fresh', 2) },
      { clientId: 'release', seq: 1, ...move('toRelease', 2, { release: true }) },
      { clientId: 'durable', seq: 1, ...move('toKeep', 2, { durable: true }) },
    ];
    cluster.emulator.pause();
    try {
      const waiting = Promise.all(wanting.map((request) => post(a, SPACE, request)));
      for (let n = 2; n <= 20; n++) mustBeOk(await post(a, SPACE, move('open', n)));
      const { items } = must200(await get(b, SPACE, { marker, wait: 5 }));
      const told = items.find(({ id }) => id === 'open');
      assert(told && 'value' in told && told.value === 20, 'readers are told of moves');
      for (const reply of await waiting) refused(reply, 'storeUnavailable');
      // Nothing was stored meanwhile, and the item says so.
      const item = await readItem(a, SPACE, 'open');
      assert(item && item.durableVersion < item.version);
    } finally {
      cluster.emulator.resume();
    }
    for (const request of wanting) {
      const result = await eventually('the same is accepted', async () => {
        const reply = await post(b, SPACE, request);
        return reply?.status === 503 ? undefined : mustBeOk(reply);
      });
      assert(result.durableVersion >= result.version);
    }
    await eventually('what was moved meanwhile is stored', async () => {
      const item = await readItem(b, SPACE, 'open');
      return item && item.durableVersion === item.version ? true : undefined;
    });
    await untilReady([a, b]);
  });

  it('[SY15] while the cache is silent everything is 503 within a second, and goes on by itself', async () => {
    const before = mustBeOk(await post(a, SPACE, move('x', 1)));
    const { marker } = must200(await get(a, SPACE, {}));
    const parkedPoll = get(b, SPACE, { marker, wait: 20 });
    cluster.memcached.signal('SIGSTOP');
    try {
      for (const server of [a, b]) {
        await refusedSoon(() => [
          post(server, SPACE, move('x', 2)),
          post(server, SPACE, move('new', 2)),
          get(server, SPACE, {}),
          get(server, SPACE, { marker, wait: 0 }),
          call(server, `/v1/spaces/${SPACE}/items/x`),
        ]);
        await eventually('it says so', async () => ((await isReady(server)) ? undefined : true));
      }
    } finally {
      cluster.memcached.signal('SIGCONT');
    }
    await untilReady([a, b]);
    const after = await eventually('updates are taken', async () => {
      const reply = await post(b, SPACE, move('x', 3));
      return reply?.status === 503 ? undefined : mustBeOk(reply);
    });
    assert(after.version > before.version);
    // The poll was told to come again, or stayed and learns of it.
    const polled = await parkedPoll;
    if (polled?.status !== 200) refused(polled, 'cacheUnavailable');
    const { items, mustReset } = must200(await get(a, SPACE, { marker, wait: 5 }));
    assert.equal(mustReset, undefined, 'a silent cache has lost nothing');
    assert(items.some(({ id, version }) => id === 'x' && version >= after.version));
  });

  it('[SY16] a cache that is gone is 503 within a second, until there is one again', async () => {
    const kept = mustBeOk(await post(a, SPACE, move('kept', 1, { release: true })));
    await cluster.memcached.kill();
    try {
      for (const server of [a, b]) await refusedSoon(() => [post(server, SPACE, move('kept', 2))]);
    } finally {
      await cluster.memcached.startAgain();
    }
    await untilReady([a, b]);
    const item = await eventually('it is read from the store', async () => {
      const reply = await call(b, `/v1/spaces/${SPACE}/items/kept`);
      return reply?.status === 503 ? undefined : await readItem(b, SPACE, 'kept');
    });
    assert.equal(item.version, kept.version, 'a closed item keeps its number');
    assert.equal(item.value, 1);
  });
});
