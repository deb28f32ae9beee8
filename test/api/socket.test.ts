import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect as connectTo, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { AppDeps } from '../../src/api/app-deps.ts';
import { createSockets, type Sockets } from '../../src/api/socket.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits/limits-config.ts';
import { MAX_BODY_BYTES } from '../../src/protocol/limits.ts';
import { type ServerMessage, serverMessageSchema } from '../../src/protocol/socket.ts';
import { createHttpServer, listen } from '../../src/server/http-server.ts';
import { makeTickets, spaceId } from '../support/callers.ts';
import { FakeClock, settle } from '../support/clocks.ts';
import { castRoles } from '../support/roles.ts';
import { type App, makeApp, makeLimits, ORIGIN, sendTo } from './fixture.ts';

const SOCKET = '/v1/spaces/board/socket';
const update = (item: string, value: unknown) => ({ updates: [{ item, op: { set: value } }] });

/** A client; every message is held against the schema. */
class Client {
  readonly ws: WebSocket;
  readonly messages: ServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  pings = 0;

  constructor(
    url: string,
    options: { headers?: Record<string, string>; autoPong?: boolean } = {},
    protocols: string[] = [],
  ) {
    this.ws = new WebSocket(url, protocols, options);
    this.ws.on('error', () => undefined);
    this.ws.on('ping', () => this.pings++);
    this.ws.on('message', (data) => this.messages.push(serverMessageSchema.parse(JSON.parse(String(data)))));
    this.closed = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  say(message: unknown): void {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async next(): Promise<ServerMessage> {
    while (this.messages.length === 0) await once(this.ws, 'message');
    return this.messages.shift() as ServerMessage;
  }
}

describe('GET …/socket', () => {
  let clock: FakeClock;
  let app: App;
  let sockets: Sockets;
  let server: Server;
  let port: number;
  let counts: Map<string, number>;
  const clients: Client[] = [];

  const serve = async (options: Partial<AppDeps> = {}) => {
    (server as Server | undefined)?.close(); // a test may begin anew with options of its own
    clock = new FakeClock();
    counts = new Map();
    const meter: AppDeps['meter'] = {
      count: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
      gauge: (name, value) => void counts.set(name, value),
      observe: () => undefined,
    };
    app = makeApp({ clock, meter, ...options });
    sockets = createSockets(app.deps);
    server = createHttpServer(app.listener, {}, sockets);
    port = (await listen(server, '127.0.0.1', 0)).port;
  };
  const client = (query = '', options: ConstructorParameters<typeof Client>[1] = {}, protocols?: string[]): Client => {
    const one = new Client(`ws://127.0.0.1:${port}${SOCKET}${query}`, options, protocols);
    clients.push(one);
    return one;
  };
  const connect = async (query = '', options: ConstructorParameters<typeof Client>[1] = {}): Promise<Client> => {
    const one = client(query, options);
    await once(one.ws, 'open');
    return one;
  };
  /** The status that the upgrade was refused with; 101 where it was granted. */
  const statusOf = async (query: string, headers: Record<string, string> = {}): Promise<number> => {
    const one = client(query, { headers });
    return Promise.race([
      once(one.ws, 'open').then(() => 101),
      once(one.ws, 'unexpected-response').then(([, res]) => {
        res.resume();
        return res.statusCode;
      }),
    ]);
  };

  beforeEach(() => serve());
  afterEach(() => {
    for (const { ws } of clients.splice(0)) ws.terminate();
    server.close();
    server.closeAllConnections();
  });

  it('[HT64] is not compressed, although the client offers it', async () => {
    const { ws } = await connect();
    assert.equal(ws.extensions, '');
  });

  it('[TR30] lets in pages of this server and of allowed origins, and whatever sends no origin', async () => {
    const own = `http://127.0.0.1:${port}`;
    const cases: [Record<string, string>, number][] = [
      [{}, 101],
      [{ Origin: ORIGIN }, 101],
      [{ Origin: own }, 101],
      [{ Origin: 'https://evil.example' }, 403],
      [{ Origin: `${ORIGIN}.evil.example` }, 403],
      [{ Origin: 'null' }, 403],
      [{ Origin: `http://127.0.0.1:${port + 1}` }, 403],
    ];
    for (const [headers, status] of cases) assert.equal(await statusOf('', headers), status, JSON.stringify(headers));
  });

  it('[AU76] lets in pages of this server where a proxy writes the port that their scheme has anyway', async () => {
    const statusAt = (Origin: string) => statusOf('', { Origin, Host: 'here.example:443' });
    assert.deepEqual([await statusAt('https://here.example'), await statusAt('http://here.example')], [101, 403]);
  });

  it('[TR31] asks who connects before anything else: header or ticket, and the right to read', async () => {
    const cast = await castRoles('key');
    const tickets = makeTickets({ clock: cast.clock });
    await serve({ access: cast.access, tickets });
    assert.equal(await statusOf(''), 401);
    assert.equal(await statusOf('', cast.headers('reader')), 101);
    assert.equal(await statusOf('', cast.headers('elsewhere')), 404);
    assert.equal(await statusOf('?ticket=none'), 401);
    const caller = await cast.access.admit(Object.entries(cast.headers('reader')).flat(), spaceId('board'), 'read');
    const holding = await cast.access.holding(caller, spaceId('board'));
    const { ticket } = tickets.issue(spaceId('board'), caller, holding);
    const elsewhere = tickets.issue(spaceId('other'), caller, holding).ticket;
    assert.equal(await statusOf(`?ticket=${elsewhere}`), 401);
    assert.deepEqual([await statusOf(`?ticket=${ticket}`), await statusOf(`?ticket=${ticket}`)], [101, 401]);
    assert.equal(await statusOf('?token=x', cast.headers('reader')), 400);
  });

  it('[TR41] one beyond the places of its caller is refused before the upgrade, and a place is free again when its socket ends', async () => {
    const limits = makeLimits({ ...DEFAULT_LIMITS, parkedEach: 1, addressFactor: 1 });
    await serve({ limits });
    const first = await connect();
    assert.equal(await statusOf(''), 503);
    assert.equal(limits.parked, 1);
    const broken = async () => {
      const socket = connectTo(port, '127.0.0.1');
      socket.write(
        `GET ${SOCKET} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\n\r\n`,
      );
      const [head] = await once(socket, 'data');
      socket.destroy();
      return Number(String(head).split(' ')[1]);
    };
    assert.equal(await broken(), 503);
    first.ws.close();
    await first.closed;
    while (limits.parked > 0) await settle();
    assert.equal(await broken(), 400);
    while (limits.parked > 0) await settle();
    assert.equal(await statusOf(''), 101);
  });

  it('[TR32] a request that asks for no WebSocket is 426; another upgrade is answered as if it did not ask', async () => {
    const plain = await sendTo(port, { path: SOCKET });
    assert.deepEqual([plain.status, plain.json.code, plain.headers.upgrade], [426, 'upgradeRequired', 'websocket']);
    assert.equal((await sendTo(port, { method: 'POST', path: SOCKET })).status, 405);
    const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': '' };
    assert.equal((await sendTo(port, { path: '/v1/spaces/board/updates', headers: h2c })).status, 200);
  });

  it('[TR32] the subprotocol longshore.v1 is chosen where it is offered; messages are not compressed', async () => {
    const one = client('', {}, ['other', 'longshore.v1']);
    await once(one.ws, 'open');
    assert.equal(one.ws.protocol, 'longshore.v1');
    assert.equal(one.ws.extensions, '');
  });

  it('[TR33] a watch brings its answers; another one takes its place', async () => {
    const one = await connect();
    let parked = app.engine.nextParked();
    one.say({ type: 'watch', id: 1, marker: 'm0', ids: ['a'], durable: true });
    assert.deepEqual(await one.next(), { type: 'watching', id: 1 });
    const first = await parked;
    assert.deepEqual(first.query, { marker: 'm0', ids: ['a'], durable: true, limit: 500, wait: 50 });
    const answer = app.engine.snapshot();
    parked = app.engine.nextParked();
    first.deliver({ answer });
    assert.deepEqual(await one.next(), { type: 'updates', answer: JSON.parse(String(answer.body)) });
    const second = await parked;
    assert.equal(second.query.marker, 'm1');
    one.say({ type: 'watch', id: 2 });
    assert.deepEqual(await one.next(), { type: 'watching', id: 2 });
    assert.equal(second.cancelled, true);
    assert.equal((await one.next()).type, 'updates');
  });

  it('[TR51] each watch is paid for: beyond the budget it is refused, and the one before goes on', async () => {
    const budgets = { ...DEFAULT_LIMITS.budgets, snapshot: 2, poll: 2 };
    await serve({ limits: makeLimits({ ...DEFAULT_LIMITS, budgets, addressFactor: 1 }) });
    const one = await connect();
    const parked = app.engine.nextParked();
    one.say({ type: 'watch', id: 1, marker: 'm0' });
    assert.deepEqual(await one.next(), { type: 'watching', id: 1 });
    const poll = await parked;
    one.say({ type: 'watch', id: 2, marker: 'm0' });
    const refused = await one.next();
    assert.ok(refused.type === 'problem' && refused.id === 2 && refused.problem.code === 'rateLimited');
    assert.equal(poll.cancelled, false);
    for (const id of [3, 4]) {
      one.say({ type: 'watch', id });
      assert.deepEqual([(await one.next()).type, (await one.next()).type], ['watching', 'updates']);
    }
    one.say({ type: 'watch', id: 5 });
    assert.equal((await one.next()).type, 'problem');
  });

  it('[TR34] posts are carried out one after another and answered with their id, as PostUpdate answers', async () => {
    const one = await connect();
    for (let id = 0; id < 40; id++) one.say({ type: 'post', id, clientId: 'ann', seq: id + 1, ...update('a', id) });
    for (let id = 0; id < 40; id++) {
      const message = await one.next();
      assert.ok(message.type === 'posted', JSON.stringify(message));
      assert.deepEqual([message.id, message.answer.results[0]?.result], [id, 'ok']);
    }
    assert.deepEqual(
      app.engine.requests.map(({ seq }) => seq),
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    assert.equal(app.engine.items.get('a')?.value, 39);
  });

  it('[TR34] a post that is unusable as a whole is a problem with its id, with the code of HTTP', async () => {
    const cast = await castRoles('key');
    await serve({ access: cast.access });
    const reader = await connect('', { headers: cast.headers('reader') });
    reader.say({ type: 'post', id: 7, ...update('a', 1) });
    const writer = await connect('', { headers: cast.headers('writer') });
    writer.say({ type: 'post', id: 8, updates: [...update('a', 1).updates, ...update('a', 2).updates] });
    app.engine.script = ({ item }) =>
      item === 'busy' ? { item, result: 'retry', code: 'storeUnavailable', retryAfterMs: 900 } : undefined;
    writer.say({ type: 'post', id: 9, ...update('busy', 1) });
    const got = [await reader.next(), await writer.next(), await writer.next()];
    assert.deepEqual(
      got.map((message) => message.type === 'problem' && [message.id, message.problem.status, message.problem.code]),
      [
        [7, 403, 'forbidden'],
        [8, 422, 'duplicateItem'],
        [9, 503, 'storeUnavailable'],
      ],
    );
    assert.equal(app.engine.items.size, 0);
  });

  it('[TR35] what is no message is refused with what is allowed, and the socket goes on', async () => {
    const one = await connect();
    const cases: [unknown, string, number | undefined][] = [
      ['{', 'badJson', undefined],
      ['null', 'badRequest', undefined],
      ['{"type":"ping","__proto__":1}', 'badKey', undefined],
      [{ type: 'leave', id: 3 }, 'badRequest', 3],
      [{ type: 'watch', id: 4, wait: 5 }, 'badRequest', 4],
      [{ type: 'watch', id: 5, ids: ['.'] }, 'badId', 5],
      [{ type: 'post', id: -1, ...update('a', 1) }, 'badRequest', undefined],
      [{ type: 'post', id: 6 }, 'badRequest', 6],
    ];
    for (const [message, code, id] of cases) {
      one.say(message);
      const got = await one.next();
      assert.ok(got.type === 'problem', JSON.stringify(got));
      assert.deepEqual([got.problem.code, got.id], [code, id], JSON.stringify(message));
    }
    one.say({ type: 'ping' });
    assert.deepEqual(await one.next(), { type: 'alive' });
  });

  it('[TR35] bytes instead of text close it with 1003, more than a body may have with 1009', async () => {
    const [one, two] = [await connect(), await connect()];
    one.ws.send(Buffer.from('{"type":"ping"}'));
    assert.equal((await one.closed).code, 1003);
    two.say('x'.repeat(MAX_BODY_BYTES + 2_000));
    assert.equal((await two.closed).code, 1009);
  });

  it('[TR36] a problem ends the watch and not the socket', async () => {
    const one = await connect();
    one.say({ type: 'watch', id: 1, marker: 'm-bad' });
    const got = [await one.next(), await one.next()];
    assert.deepEqual(
      got.map((message) => (message.type === 'problem' ? [message.id, message.problem.code] : message.type)),
      ['watching', [undefined, 'badMarker']],
    );
    one.say({ type: 'watch', id: 2 });
    assert.equal((await one.next()).type, 'watching');
    assert.equal((await one.next()).type, 'updates');
  });

  it('[TR37] every 15 s it is pinged, and told `alive` where nothing else was sent', async () => {
    const one = await connect();
    clock.advance(15_000);
    assert.deepEqual(await one.next(), { type: 'alive' });
    while (one.pings === 0) await settle();
    one.say({ type: 'ping' });
    assert.deepEqual(await one.next(), { type: 'alive' });
    clock.advance(15_000);
    while (one.pings === 1) await settle();
    assert.deepEqual(one.messages, []);
  });

  it('[TR37] a peer that gives no sign of life for 45 s is cut; one that answers pings is not', async () => {
    const [dead, living] = [await connect('', { autoPong: false }), await connect()];
    for (let turn = 1; turn <= 3; turn++) {
      clock.advance(15_000);
      while (living.pings < turn) await settle();
      // The pong has to be back before time goes on.
      living.say({ type: 'ping' });
      while (living.messages.length < 1) await settle();
      living.messages.length = 0;
    }
    assert.equal((await dead.closed).code, 1006);
    assert.equal(living.ws.readyState, WebSocket.OPEN);
    assert.deepEqual([counts.get('sockets'), counts.get('streams_cut')], [1, 1]);
  });

  it('[TR38] a client that posts and does not take the answers is closed once 1 MB of them waits', async () => {
    const arrived = once(server, 'connection');
    const one = await connect();
    const [peer] = (await arrived) as [Socket];
    app.engine.script = ({ item }) => {
      return { item, result: 'conflict', version: 1, durableVersion: 1, value: 'x'.repeat(250_000) };
    };
    one.ws.pause();
    let most = 0;
    for (let id = 0; !counts.has('streams_cut'); id++) {
      assert.ok(id < 400, 'never cut');
      one.say({ type: 'post', id, ...update('a', 1) });
      await settle();
      most = Math.max(most, peer.writableLength);
    }
    assert.ok(most > 1024 * 1024 && most < 1024 * 1024 + 300_000, `${most} bytes`);
    clock.advance(5_000);
    while (counts.get('sockets') !== 0) await settle();
    assert.equal(peer.destroyed, true);
  });

  it('[TR38] after it was too slow it is told `resync` with the marker that it goes on from', async () => {
    const arrived = once(server, 'connection');
    const one = await connect();
    const [peer] = (await arrived) as [Socket];
    app.engine.items.set('a', { kind: 'register', version: 1, value: 'x'.repeat(30_000_000), deleted: false });
    one.ws.pause();
    one.say({ type: 'watch', id: 1 });
    while (peer.writableLength === 0) await settle();
    assert.equal(app.engine.polls.length, 1);
    const parked = app.engine.nextParked();
    one.ws.resume();
    assert.equal((await parked).query.marker, 'm1');
    const types = [await one.next(), await one.next(), await one.next()];
    assert.deepEqual(
      [types[0]?.type, types[1]?.type, types[2]],
      ['watching', 'updates', { type: 'resync', marker: 'm1' }],
    );
  });

  it('[TR39] when the server stops, what was posted is answered, then it is told where to go, and closed with 1001', async () => {
    const one = await connect();
    const parked = app.engine.nextParked();
    one.say({ type: 'watch', id: 1, marker: 'm1' });
    one.say({ type: 'post', id: 2, ...update('a', 1) });
    const poll = await parked;
    while (app.engine.requests.length === 0) await settle();
    sockets.depart();
    const { code, reason } = await one.closed;
    assert.deepEqual([code, reason], [1001, 'stopping']);
    assert.deepEqual(
      one.messages.map((message) => (message.type === 'problem' ? message.problem.code : message.type)),
      ['watching', 'posted', 'stopping'],
    );
    assert.equal(poll.cancelled, true);
    await sockets.close();
    await settle();
    assert.equal(clock.waiting, 0);
  });

  it('[TR40] the end of the token, and of the right to read, ends the connection with 4403', async () => {
    const cast = await castRoles('jwt');
    await serve({ access: cast.access });
    const member = await connect('', { headers: cast.headers('memberReader') });
    const reader = await connect('', { headers: cast.headers('reader') });
    cast.policies.spaces.set('board', { exists: true, members: new Map() });
    cast.clock.advance(30_000);
    clock.advance(15_000);
    assert.equal((await member.closed).code, 4403);
    assert.equal(reader.ws.readyState, WebSocket.OPEN);
    cast.clock.advance(631_000);
    clock.advance(15_000);
    assert.deepEqual(await reader.closed, { code: 4403, reason: 'forbidden' });
    await settle();
    assert.deepEqual([counts.get('sockets'), clock.waiting], [0, 0]);
  });
});
