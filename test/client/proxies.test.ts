import assert from 'node:assert/strict';
import { type ConnectOptions, connect, type Space, type TransportName } from '../../src/client/connect.ts';
import { runningMs } from '../support/clocks.ts';
import { HttpProxy, type HttpProxyRules } from '../support/http-proxy.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { SPACE, TransportWorld, until } from '../support/transport-world.ts';

describe('the client library behind a proxy', function () {
  this.timeout(40_000);
  let world: TransportWorld;
  let ends: (() => unknown)[] = [];

  beforeEach(async () => {
    world = new TransportWorld();
    await world.start();
    ends = [() => world.stop()];
  });
  afterEach(async () => {
    for (const end of ends.toReversed()) await end();
  });

  async function behind(rules: HttpProxyRules): Promise<HttpProxy> {
    const proxy = await HttpProxy.start(world.port, rules);
    ends.push(() => proxy.stop());
    return proxy;
  }

  async function open(port: number, options: Partial<ConnectOptions> = {}): Promise<Space> {
    const space = connect({ url: `http://127.0.0.1:${port}`, space: SPACE, ...options });
    ends.push(() => space.close());
    await space.ready();
    return space;
  }

  /** How long a change by somebody else takes to be seen, ms of this process. */
  function delay(space: Space, value: number): Promise<number> {
    return runningMs(async () => {
      await world.post('card', value);
      await until(() => space.item('card').confirmed === value);
    });
  }

  const refusing: readonly HttpProxyRules[] = [{}, { upgrade: 400 }, { upgrade: 426 }, { upgrade: 502 }];
  for (const rules of refusing) {
    const expected: TransportName = rules.upgrade ? 'sse' : 'websocket';
    it(`[SDK85] ${rules.upgrade ?? 'nothing'} for upgrades: ${expected}`, async () => {
      const space = await open((await behind(rules)).port);
      await until(() => space.transport === expected);
      assert((await delay(space, 1)) < 3_000);
      assert.equal((await space.item('card').set(2)).result, 'ok');
      assert.deepEqual([space.transport, space.status], [expected, 'live']);
    });
  }

  it('[SDK85] where answers are kept until they are whole: long polls, from the first moment on', async () => {
    const proxy = await behind({ upgrade: 502, buffers: true });
    const space = await open(proxy.port);
    for (let n = 1; n <= 5; n++) assert((await delay(space, n)) < (n === 1 ? 3_000 : 800), `change ${n}`);
    assert.equal(space.transport, 'longPoll');
    assert(
      proxy.urls.some((url) => url.includes('/updates/stream')),
      'it was tried',
    );
  });

  it('[SDK85] where nobody may wait for long: plain polls', async () => {
    const proxy = await behind({ upgrade: 502, buffers: true, patienceMs: 300 });
    const space = await open(proxy.port);
    await until(() => space.transport === 'poll');
    assert((await delay(space, 1)) < 5_000);
    assert.equal((await space.item('card').set(2)).result, 'ok');
  });

  it('[SDK85] where connections are cut at random: nothing is lost, whatever is chosen', async () => {
    const proxy = await TcpProxy.start(world.port);
    ends.push(() => proxy.stop());
    const space = await open(proxy.port);
    for (let n = 1; n <= 60; n++) {
      if (n % 6 === 0) proxy.setMode({ kind: n % 12 ? 'cutAfter' : 'resetAfter', bytes: (n * 977) % 3_000 });
      await world.post(`i${n % 7}`, n);
      if (n % 3 !== 0) continue;
      proxy.setMode({ kind: 'pass' });
      await until(() => space.item(`i${n % 7}`).confirmed === n);
    }
    proxy.setMode({ kind: 'pass' });
    await until(() => [54, 55, 56, 57, 58, 59, 60].every((n) => space.item(`i${n % 7}`).confirmed === n));
  });

  it('[SDK86] a socket is opened with a ticket of its own, and the token is in no URL', async () => {
    const proxy = await behind({});
    const space = await open(proxy.port, { token: 'my-secret-token' });
    await until(() => space.transport === 'websocket');
    const again = await open(proxy.port, { token: () => 'my-secret-token', transport: 'websocket' });
    await until(() => again.transport === 'websocket');
    const tickets = proxy.urls.flatMap((url) => /socket\?ticket=(.+)/.exec(url)?.[1] ?? []);
    assert.deepEqual([tickets.length, new Set(tickets).size], [2, 2]);
    assert(!proxy.urls.some((url) => url.includes('my-secret-token')));
  });
});
