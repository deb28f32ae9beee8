import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { AppDeps } from '../../src/api/app-deps.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits/limits-config.ts';
import { ProblemError } from '../../src/protocol/errors.ts';
import { MAX_MARKER_CHARS, STREAM_LIFE_MS } from '../../src/protocol/limits.ts';
import { createHttpServer, listen } from '../../src/server/http-server.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { castRoles } from '../support/roles.ts';
import { parseEvent } from '../support/transport-clients.ts';
import { type App, makeApp, makeLimits, ORIGIN, sendTo } from './fixture.ts';

const STREAM = '/v1/spaces/board/updates/stream';

/** What comes over one connection, block by block. */
class Events {
  readonly outgoing: ClientRequest;
  incoming: IncomingMessage | undefined;
  readonly blocks: string[] = [];
  #rest = '';

  constructor(port: number, path: string, headers: Record<string, string> = {}) {
    this.outgoing = request({ host: '127.0.0.1', port, path, headers, agent: false });
    this.outgoing.on('error', () => undefined);
    this.outgoing.end();
  }

  async head(): Promise<IncomingMessage> {
    const [incoming] = await once(this.outgoing, 'response');
    this.incoming = incoming as IncomingMessage;
    this.incoming.setEncoding('utf8').on('data', (chunk: string) => {
      const blocks = (this.#rest + chunk).split('\n\n');
      this.#rest = blocks.pop() ?? '';
      this.blocks.push(...blocks);
    });
    this.incoming.on('error', () => undefined);
    return this.incoming;
  }

  async next(): Promise<string> {
    while (this.blocks.length === 0) await once(this.incoming as IncomingMessage, 'data');
    return this.blocks.shift() as string;
  }

  /** Everything until the connection ended. */
  async rest(): Promise<string[]> {
    if (!this.incoming?.complete) await once(this.incoming as IncomingMessage, 'end');
    return this.blocks.splice(0);
  }
}

describe('GET …/updates/stream', () => {
  let clock: FakeClock;
  let app: App;
  let server: Server;
  let port: number;
  const opened: Events[] = [];

  const serve = async (options: Partial<AppDeps> = {}) => {
    (server as Server | undefined)?.close(); // a test may begin anew with options of its own
    clock = new FakeClock();
    app = makeApp({ clock, ...options });
    server = createHttpServer(app.listener);
    port = (await listen(server, '127.0.0.1', 0)).port;
  };
  const open = (query = '', headers: Record<string, string> = {}): Events => {
    const events = new Events(port, `${STREAM}${query}`, headers);
    opened.push(events);
    return events;
  };
  /** One that waits at the engine, its head and first `retry` read. */
  const park = async (query = '?marker=m1', headers: Record<string, string> = {}) => {
    const parked = app.engine.nextParked();
    const events = open(query, headers);
    const head = await events.head();
    assert.match(await events.next(), /^retry: \d+$/);
    return { events, head, poll: await parked };
  };

  beforeEach(() => serve());
  afterEach(() => {
    for (const { outgoing } of opened.splice(0)) outgoing.destroy();
    server.close();
    server.closeAllConnections();
  });

  it('[HT64] is not compressed, whatever the client accepts', async () => {
    const { head } = await park('?marker=m1', { 'Accept-Encoding': 'gzip, br' });
    assert.equal(head.headers['content-encoding'], undefined);
  });

  it('[TR20] is an event stream that nobody keeps or holds back, with the headers of every answer', async () => {
    const { head } = await park('?marker=m1', { Origin: ORIGIN, 'X-Request-Id': 'mine-1' });
    assert.equal(head.statusCode, 200);
    assert.equal(head.headers['content-type'], 'text/event-stream');
    assert.equal(head.headers['cache-control'], 'no-store');
    assert.equal(head.headers['x-accel-buffering'], 'no');
    assert.equal(head.headers['access-control-allow-origin'], ORIGIN);
    assert.equal(head.headers['x-request-id'], 'mine-1');
  });

  it('[TR20] with a marker the head comes at once, without one with the first answer', async () => {
    await park();
    const events = open();
    await events.head();
    assert.match(await events.next(), /^retry: \d+$/);
    assert.match(await events.next(), /^id: m1\ndata: \{"marker":"m1".*\}$/);
  });

  it('[TR21] an event is the marker and the bytes of the answer, and the next poll goes on from it', async () => {
    const { events, poll } = await park('?marker=m0&ids=a,b*&kinds=register&limit=7&durable=true&clientId=ann');
    app.engine.items.set('a', { kind: 'register', version: 1, value: 'line\nend', deleted: false });
    const answer = app.engine.snapshot();
    const parked = app.engine.nextParked();
    poll.deliver({ answer });
    assert.equal(await events.next(), `id: m1\ndata: ${answer.body}`);
    const { query } = await parked;
    assert.deepEqual(poll.query, { ...query, marker: 'm0' });
    assert.deepEqual(query, {
      marker: 'm1',
      ids: ['a', 'b*'],
      kinds: ['register'],
      limit: 7,
      durable: true,
      clientId: 'ann',
      wait: 50,
    });
  });

  it('[TR50] the poll that waits for the stream is that of the client it names', async () => {
    const { poll } = await park('?marker=m0&clientId=ann');
    assert.deepEqual([poll.query.clientId, poll.caller?.subject], ['ann', 'anonymous']);
  });

  it('[TR51] without a marker it is paid as a snapshot', async () => {
    const budgets = { ...DEFAULT_LIMITS.budgets, snapshot: 1 };
    await serve({ limits: makeLimits({ ...DEFAULT_LIMITS, budgets, addressFactor: 1 }) });
    assert.equal((await open().head()).statusCode, 200);
    assert.equal((await open().head()).statusCode, 429);
    assert.equal((await open('?marker=m0').head()).statusCode, 200);
  });

  it('[TR22] Last-Event-ID counts more than the marker of the URL; an empty one counts for nothing', async () => {
    const markers: unknown[] = [];
    for (const last of ['m7', ''])
      markers.push((await park('?marker=m1', { 'Last-Event-ID': last })).poll.query.marker);
    assert.deepEqual(markers, ['m7', 'm1']);
    const long = await sendTo(port, { path: STREAM, headers: { 'Last-Event-ID': 'x'.repeat(MAX_MARKER_CHARS + 1) } });
    assert.deepEqual([long.status, long.json.code], [400, 'badRequest']);
    assert.match(long.json.detail, /Last-Event-ID/);
  });

  it('[TR23] a fresh marker without news moves the id alone, except in the first answer', async () => {
    const { events, poll } = await park();
    const empty = { ...app.engine.snapshot(), empty: true };
    let parked = app.engine.nextParked();
    poll.deliver({ answer: empty });
    assert.equal(await events.next(), `id: m1\ndata: ${empty.body}`);
    const second = await parked;
    parked = app.engine.nextParked();
    second.deliver({ answer: { ...empty, marker: 'm2' } });
    assert.equal(await events.next(), 'id: m2');
    assert.equal((await parked).query.marker, 'm2');
  });

  it('[TR24] every 15 s without news a comment is sent, and none where something was', async () => {
    const { events, poll } = await park();
    clock.advance(14_999);
    await settle();
    assert.deepEqual(events.blocks, []);
    clock.advance(1);
    assert.equal(await events.next(), ':');
    poll.deliver({ answer: app.engine.snapshot() });
    assert.match(await events.next(), /^id: m1/);
    clock.advance(15_000);
    await settle();
    assert.deepEqual(events.blocks, []);
    clock.advance(15_000);
    assert.equal(await events.next(), ':');
  });

  it('[TR25] ends within 55 s, whole and with `retry`, and frees its place', async () => {
    const { events } = await park();
    const cancelled = app.engine.nextCancelled();
    // 10 % shorter at most; the middle of that here.
    clock.advance(STREAM_LIFE_MS * 0.95 - 1);
    await settle();
    assert.equal(events.incoming?.complete, false);
    clock.advance(1);
    await cancelled;
    const rest = await events.rest();
    assert.match(rest.at(-1) ?? '', /^retry: \d+$/);
    assert.equal(events.incoming?.complete, true);
    await settle();
    assert.equal(clock.waiting, 0);
  });

  it('[TR26] a problem before the head is an answer of its own; later it is the last event', async () => {
    const bad = await sendTo(port, { path: `${STREAM}?marker=m-bad` });
    assert.deepEqual([bad.status, bad.json.code], [400, 'badMarker']);
    const { events, poll } = await park();
    poll.deliver({ problem: new ProblemError('cacheUnavailable', 'away', { retryAfterMs: 700 }).problem });
    const last = parseEvent((await events.rest()).at(-1) ?? '');
    assert.deepEqual(
      [last.event, last.retry, JSON.parse(last.data ?? '').code],
      ['problem', '700', 'cacheUnavailable'],
    );
    await settle();
    assert.equal(clock.waiting, 0);
  });

  it('[TR27] takes GET alone, and no `wait`; an unknown parameter is named', async () => {
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      const { status, headers } = await sendTo(port, { method, path: STREAM });
      assert.deepEqual([method, status, headers.allow], [method, 405, 'GET']);
    }
    const wait = await sendTo(port, { path: `${STREAM}?wait=5` });
    assert.deepEqual([wait.status, /unknown query parameter "wait"/.test(wait.json.detail)], [400, true]);
    assert.equal(app.engine.polls.length, 0);
  });

  it('[TR28] a client that does not take the end is cut 5 s after it', async () => {
    app.engine.items.set('a', { kind: 'register', version: 1, value: 'x'.repeat(30_000_000), deleted: false });
    const [arrived] = [once(server, 'connection')];
    const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET ${STREAM} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [peer] = (await arrived) as [Socket];
    const closed = once(peer, 'close');
    while (peer.writableLength === 0) await settle();
    // Held: the engine is asked nothing while the client takes nothing.
    assert.equal(app.engine.polls.length, 1);
    clock.advance(STREAM_LIFE_MS);
    await settle();
    assert.equal(peer.destroyed, false);
    clock.advance(5_000);
    await closed;
    await settle();
    assert.equal(clock.waiting, 0);
    socket.destroy();
  });

  it('[TR29] rights are looked at again every 15 s also without news', async () => {
    const cast = await castRoles('jwt');
    await serve({ access: cast.access });
    const { events } = await park('?marker=m1', cast.headers('memberReader'));
    const other = await park('?marker=m1', cast.headers('reader'));
    cast.policies.spaces.set('board', { exists: true, members: new Map() });
    cast.clock.advance(30_000);
    clock.advance(15_000);
    const last = parseEvent((await events.rest()).at(-1) ?? '');
    assert.deepEqual([last.event, JSON.parse(last.data ?? '').code], ['problem', 'forbidden']);
    assert.equal(await other.events.next(), ':');
    cast.clock.advance(631_000);
    clock.advance(15_000);
    assert.match((await other.events.rest()).at(-1) ?? '', /expired/);
  });

  it('[TR29] an instance that may not serve any more ends its streams, and opens none', async () => {
    let refusal: ReturnType<AppDeps['refusal']>;
    await serve({ refusal: () => refusal });
    const { events } = await park();
    refusal = new ProblemError('notReady', 'not the owner', { retryAfterMs: 2_000 }).problem;
    clock.advance(15_000);
    const last = parseEvent((await events.rest()).at(-1) ?? '');
    assert.deepEqual([last.event, last.retry], ['problem', '2000']);
    assert.equal((await sendTo(port, { path: STREAM })).status, 503);
  });
});
