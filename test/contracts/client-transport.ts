import assert from 'node:assert/strict';
import { type ConnectOptions, connect, type Space, type TransportName } from '../../src/client/connect.ts';
import { Seeded } from '../simulation/seeded.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { SPACE, TransportWorld, until } from '../support/transport-world.ts';

const NO_STREAMS = { sockets: 0, event_streams: 0 };
const GAUGES: { readonly [name in TransportName]: object } = {
  ...{ websocket: { sockets: 2 }, sse: { event_streams: 2 } },
  ...{ longPoll: {}, poll: {} },
};
const CUTS = 12;
const WRITES = 150;

/** What the client library owes to whoever uses it, whichever transport it was told to use. */
export function clientTransportContract(transport: TransportName): void {
  let world: TransportWorld;
  let proxy: TcpProxy;
  const spaces: Space[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
    proxy = await TcpProxy.start(world.port);
  });
  afterEach(async () => {
    for (const space of spaces.splice(0)) space.close();
    await proxy.stop();
    await world.stop();
  });

  const open = async (options: Partial<ConnectOptions> = {}): Promise<Space> => {
    const space = connect({ url: `http://127.0.0.1:${proxy.port}`, space: SPACE, transport, ...options });
    spaces.push(space);
    await space.ready();
    return space;
  };
  const gauges = () => ({
    sockets: world.counts.get('sockets') ?? 0,
    event_streams: world.counts.get('event_streams') ?? 0,
  });
  const isFollowing = () => until(() => world.parked > 0 || transport === 'poll');

  it('[SDK70] tells every change of others, versions rising, until the newest', async function () {
    this.timeout(30_000);
    const [a, b] = [await open(), await open()];
    await until(() => a.transport === transport && b.transport === transport);
    assert.deepEqual(gauges(), { ...NO_STREAMS, ...GAUGES[transport] });
    const seen: number[] = [];
    b.item('card').on('change', ({ version }) => seen.push(version));
    for (let n = 1; n <= 40; n++) assert.equal((await a.item('card').merge({ [`k${n}`]: n })).result, 'ok');
    await until(() => Object.keys((b.item('card').confirmed ?? {}) as object).length === 40);
    assert.deepEqual(
      seen,
      [...seen].sort((x, y) => x - y),
    );
    assert.deepEqual([b.item('card').version, new Set(seen).size], [40, seen.length]);
    void b.item('card').delete();
    await until(() => a.item('card').value === undefined && a.items().length === 0);
    assert.deepEqual([a.transport, a.status, b.status], [transport, 'live', 'live']);
  });

  it('[SDK71] loses nothing and applies nothing twice while connections are cut in mid-stream', async function () {
    this.timeout(60_000);
    const random = new Seeded(71);
    const [a, b] = [await open(), await open()];
    const outcomes: Promise<unknown>[] = [];
    const asked: Promise<{ readonly result: string }>[] = [];
    for (let n = 0; n < WRITES; n++) {
      // One update each: what is folded would hide what is applied twice.
      const [writer, name] = n % 2 ? [a, `a${n}`] : [b, `b${n}`];
      const posted = writer.item('card').merge({ [name]: n }, { signal: new AbortController().signal });
      asked.push(posted);
      outcomes.push(posted);
      if (n % Math.ceil(WRITES / CUTS) === 0) proxy.setMode({ kind: 'resetAfter', bytes: random.int(4_000) });
      if (n % 3 === 0) await Promise.race([posted, new Promise((resolve) => setTimeout(resolve, 20))]);
      if (random.int(10) === 0) proxy.setMode({ kind: 'pass' });
    }
    proxy.setMode({ kind: 'pass' });
    await Promise.all([a.flush(), b.flush()]);
    assert(!(await Promise.all(asked)).some(({ result }) => result !== 'ok'));
    const sizes = () => [a, b].map((space) => Object.keys((space.item('card').confirmed ?? {}) as object).length);
    await until(() => sizes().every((size) => size === WRITES));
    await until(() => a.item('card').version === b.item('card').version);
    assert.equal(a.item('card').version, WRITES, 'each was applied once');
  });

  it('[SDK72] goes on after the cache was lost, and after a time without a server sends what was made meanwhile', async function () {
    this.timeout(40_000);
    const [a, b] = [await open(), await open()];
    await a.item('card').set(1, { release: true });
    const resets: string[] = [];
    b.on('reset', ({ reason }) => resets.push(reason));
    await isFollowing();
    world.restartCache();
    await a.item('card').set(2);
    await until(() => b.item('card').confirmed === 2 && resets.length > 0);
    assert.equal(resets[0], 'epoch');
    await proxy.refuse();
    proxy.resetAll();
    const outcome = b.item('card').set(3);
    await until(() => b.status !== 'live');
    await proxy.listenAgain();
    assert.equal((await outcome).result, 'ok');
    await until(() => a.item('card').confirmed === 3 && a.status === 'live' && b.status === 'live');
    await until(() => a.transport === transport && b.transport === transport);
  });

  it('[SDK73] shows who is here, and leaves no waiter and no connection behind', async function () {
    this.timeout(20_000);
    const [a, b] = [await open({ name: 'Ann' }), await open({ name: 'Bob' })];
    await until(() => a.clients.length === 2 && b.clients.length === 2);
    await isFollowing();
    b.close();
    await until(() => a.clients.length === 1);
    a.close();
    await until(() => world.parked === 0 && gauges().sockets + gauges().event_streams === 0);
  });
}
