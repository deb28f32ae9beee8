import assert from 'node:assert/strict';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import { call, get, must200, type Problem, post, type Reply, type Target, told, update } from './calls.ts';
import { Cluster } from './cluster.ts';

const MAX_ROUNDS = 50;
const JSON_TYPE = { 'Content-Type': 'application/json' };

function send(server: Target, space: string, text: string): Promise<Reply | undefined> {
  return call(server, `/v1/spaces/${space}/updates`, { method: 'POST', headers: JSON_TYPE, body: text });
}

function body(item: string, op: unknown): string {
  return JSON.stringify({ updates: [{ item, op }] });
}

type Bad = { readonly what: string; readonly expect: number | string; readonly send: () => Promise<Reply | undefined> };

function badRequests(server: Target): Bad[] {
  const long = 'k'.repeat(251);
  const path = (text: string) => `/v1/spaces/${text}`;
  return [
    { what: 'an item id of 251 bytes', expect: 400, send: () => send(server, 'shared', body(long, { set: 1 })) },
    { what: 'a space id of 251 bytes', expect: 400, send: () => send(server, long, body('x', { set: 1 })) },
    { what: 'reading a long id', expect: 400, send: () => call(server, path(`shared/items/${long}`)) },
    { what: 'polling a long id', expect: 400, send: () => call(server, path(`${long}/updates`)) },
    {
      what: 'line ends in an id',
      expect: 400,
      send: () => send(server, 'shared', body('x\r\nflush_all\r\n', { set: 1 })),
    },
    { what: 'line ends in a path', expect: 400, send: () => call(server, path('shared/items/x%0d%0aflush_all')) },
    { what: 'a space in an id', expect: 400, send: () => send(server, 'shared', body('x y', { set: 1 })) },
    { what: 'a slash in an id', expect: 400, send: () => call(server, path('shared%2Fx/updates')) },
    {
      what: 'letters beyond ASCII',
      expect: 400,
      send: () => send(server, 'shared', body('é'.repeat(126), { set: 1 })),
    },
    {
      what: 'a value over 256 KiB',
      expect: 'tooLarge',
      send: () => send(server, 'shared', body('big', { set: 'v'.repeat(262_145) })),
    },
    {
      what: 'a value over 1 MiB',
      expect: 'tooLarge',
      send: () => send(server, 'shared', body('big', { set: 'v'.repeat(1_200_000) })),
    },
    {
      what: 'a body over 4 MiB',
      expect: 413,
      send: () => send(server, 'shared', body('big', { set: 'v'.repeat(4_300_000) })),
    },
    {
      what: 'nesting',
      expect: 400,
      send: () => send(server, 'shared', `{"updates":[{"item":"x","op":{"set":${'['.repeat(99)}${']'.repeat(99)}}}]}`),
    },
    { what: 'a forged marker', expect: 400, send: () => get(server, 'shared', { marker: 'm'.repeat(300), wait: 0 }) },
  ];
}

describe('bad input on connections that all share', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'badinput', servers: 1 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[SY20] is refused and does not harm what others have in flight', async () => {
    const [server] = cluster.servers;
    assert(server);
    const bad = badRequests(server);
    const before = server.troubles().length;
    let going = true;
    const done = new Array<number>(12).fill(0);
    const good = done.map(async (_, n) => {
      for (; going; done[n] = (done[n] ?? 0) + 1) {
        await update(server, 'shared', { item: `good${n % 4}`, op: { merge: { [`c${n}`]: done[n] } } });
        await told(server, 'shared');
      }
    });
    // As often as it takes until everybody had something in flight meanwhile.
    for (let round = 0; round < 3 || (round < MAX_ROUNDS && Math.min(...done) === 0); round++) {
      const replies = await Promise.all(bad.map((one) => one.send()));
      for (const [n, reply] of replies.entries()) {
        const { what, expect } = bad[n] as Bad;
        if (typeof expect === 'number') assert.equal(reply?.status, expect, `${what}: ${JSON.stringify(reply?.body)}`);
        else assert.match(JSON.stringify(reply?.body), new RegExp(`"result":"${expect}"`), what);
        if (reply?.status === 400) assert((reply.body as Problem).detail.length < 500, `${what}: a short answer`);
      }
    }
    going = false;
    await Promise.all(good);
    assert(Math.min(...done) > 0, 'nothing was in flight');
    assert.deepEqual(server.troubles().slice(before), []);
  });

  it('[SY21] the longest ids there may be are apart from each other', async () => {
    const [server] = cluster.servers;
    assert(server);
    const longest = ['a', 'b'].map((end) => 'i'.repeat(127) + end);
    for (const space of longest) {
      for (const item of longest) {
        assert.equal((await update(server, space, { item, op: { set: space + item } })).version, 1);
      }
    }
    for (const space of longest) {
      const { items }: GetUpdatesResponse = await told(server, space);
      assert.deepEqual(
        items.map((item) => 'value' in item && item.value),
        longest.map((item) => space + item),
      );
    }
  });

  it('[SY22] the largest value is kept whole, and one beyond it leaves the old one', async () => {
    const [server] = cluster.servers;
    assert(server);
    const largest = 'v'.repeat(256 * 1024 - 2);
    await update(server, 'large', { item: 'x', op: { set: largest } });
    const over = { updates: [{ item: 'x', op: { set: `${largest}v` } }] };
    const [second] = must200(await post(server, 'large', over)).results;
    assert.equal(second?.result, 'tooLarge');
    const [item] = (await told(server, 'large')).items;
    assert(item && 'value' in item && item.value === largest);
  });
});
