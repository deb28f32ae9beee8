import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { createInProcessHub } from '../../src/backends/bus/in-process.ts';
import { createMemoryCache } from '../../src/backends/cache/memory.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { createEngine } from '../../src/core/engine.ts';
import { DEFAULT_ENGINE_CONFIG } from '../../src/core/engine-types.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits/limits-config.ts';
import { KINDS } from '../../src/kinds/registry.ts';
import { Failure } from '../../src/ports/failure.ts';
import { Seeded } from '../simulation/seeded.ts';
import { realClock } from '../support/clocks.ts';
import { ProbedCache, ProbedStore } from '../support/probed-backends.ts';
import { RecordedLog } from '../support/recorded-log.ts';
import { listen, makeApp, makeLimits } from './fixture.ts';

const CLIENTS = 300;
const PATH = '/v1/spaces/board/updates';

/** The real engine over a cache and a store of which every fifth call fails. */
function makeShaky() {
  const random = new Seeded(11);
  const failing = () => {
    if (random.fraction() < 0.2) throw new Failure('cacheUnavailable', 'away', { unclear: random.fraction() < 0.5 });
  };
  const cache = new ProbedCache(createMemoryCache({ clock: realClock }), new Set());
  cache.before = failing;
  const store = new ProbedStore(createMemoryStore());
  store.before = failing;
  const metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
  const parts = { cache, store, random, metrics, clock: realClock, log: new RecordedLog(), kinds: KINDS };
  const config = { ...DEFAULT_ENGINE_CONFIG, secrets: ['one'], maxColdReads: 2 };
  return { random, engine: createEngine({ ...parts, bus: createInProcessHub().bus(), config }) };
}

/** One client that does something and, half of the time, goes away before it has the answer. */
async function visit(port: number, random: Seeded): Promise<void> {
  const pick = Math.floor(random.fraction() * 5);
  const vanishes = random.fraction() < 0.5;
  const body = JSON.stringify({
    updates: [{ item: `i${Math.floor(random.fraction() * 9)}`, op: { set: 'x'.repeat(2_000) } }],
  });
  if (pick === 0) {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const head = `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body.slice(0, 500));
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    return;
  }
  const [method, path] = [
    ['POST', PATH],
    ['GET', PATH],
    ['GET', `${PATH}?marker=now&wait=1`],
    ['PUT', '/v1/spaces/board/items/a'],
  ][pick - 1] as [string, string];
  const sends = method !== 'GET';
  const headers = sends ? { 'Content-Type': 'application/json' } : {};
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
  outgoing.on('error', () => undefined);
  outgoing.end(sends ? body : undefined);
  if (vanishes) {
    await once(outgoing, 'socket');
    await new Promise((resolve) => setImmediate(resolve));
    outgoing.destroy();
    return;
  }
  await new Promise<void>((resolve) => {
    outgoing.once('response', (incoming) => incoming.resume().once('close', resolve));
    outgoing.once('close', resolve);
  });
}

describe('counts of what goes on', () => {
  it('[LI43] after clients that vanish and backends that fail, over the real engine, all of them are 0', async () => {
    const { engine, random } = makeShaky();
    const limits = makeLimits({ ...DEFAULT_LIMITS, parkedEach: 1, addressFactor: 20, posts: 8, bodyBytes: 40_000 });
    const { listener } = makeApp({ engine, limits });
    const { port, close } = await listen(listener);
    let peak = 0;
    const visits = Array.from({ length: CLIENTS }, async () => {
      await visit(port, random);
      peak = Math.max(peak, limits.parked);
    });
    await Promise.all(visits);
    await close();
    await engine.stop(0);
    const counts = () => [
      limits.parked,
      limits.posts.inUse,
      limits.bodies.inUse,
      engine.stats().coldReads,
      engine.stats().parkedPolls,
    ];
    // What had been begun comes to its end; a count that leaked never does.
    const giveUp = performance.now() + 15_000;
    while (performance.now() < giveUp && counts().some((count) => count !== 0)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(counts(), [0, 0, 0, 0, 0]);
    assert.equal(limits.address('127.0.0.1').parked, 0);
    assert.ok(peak > 0, 'nobody ever waited: the test shows nothing');
  }).timeout(30_000);
});
