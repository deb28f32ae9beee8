import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener, Server, ServerOptions, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createHttpServer, HTTP_OPTIONS, listen } from '../../src/server/http-server.ts';
import { type App, makeApp } from '../api/fixture.ts';
import { heard } from '../support/heard.ts';

const UPDATES = '/v1/spaces/board/updates';
const QUICK: Partial<ServerOptions> = { headersTimeout: 100, requestTimeout: 150, connectionsCheckingInterval: 25 };

describe('the HTTP server and slow clients', () => {
  let app: App;
  let server: Server;
  let sockets: Socket[];

  beforeEach(() => {
    app = makeApp();
    sockets = [];
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  /** An open connection on which this much has been sent. */
  async function open(
    sent: string,
    times: Parameters<typeof createHttpServer>[1] = QUICK,
    listener: RequestListener = app.listener,
  ): Promise<Socket> {
    server = createHttpServer(listener, times);
    const { port } = await listen(server, '127.0.0.1', 0);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    socket.write(sent);
    return socket;
  }

  it('[CF40] headers that do not end are cut off with 408', async () => {
    const socket = await open('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    assert.match(await heard(socket), /^HTTP\/1\.1 408 /);
  });

  it('[CF46] a client that takes nothing of its answer is cut; one that waits for its answer is not', async () => {
    const large = Buffer.alloc(32 * 1024 * 1024);
    const asked: ServerResponse[] = [];
    const listener: RequestListener = (req, res) => {
      asked.push(res);
      if (req.url === '/large') res.end(large);
    };
    const stalled = await open('GET /large HTTP/1.1\r\nHost: x\r\n\r\n', { stallMs: 200 }, listener);
    let looked = 0;
    server.on('timeout', () => looked++);
    const waiting = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(waiting);
    waiting.write('GET /later HTTP/1.1\r\nHost: x\r\n\r\n');
    while (asked.length < 2) await once(server, 'request');
    const [first, second] = asked;
    if (first && !first.closed) await once(first, 'close');
    assert.ok(stalled.bytesRead < large.length, 'it was cut');
    while (looked < 2) await once(server, 'timeout'); // the one that waits has been looked at, too
    second?.end('at last');
    assert.match(String((await once(waiting, 'data'))[0]), /at last$/);
  });

  it('[CF40] so are headers that come letter by letter', async () => {
    const socket = await open('GET /healthz HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('a'), 10);
    try {
      assert.match(await heard(socket), /^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(drip);
    }
  });

  it('[CF41] a body that does not come is cut off, and nothing of it is applied', async () => {
    const head = `POST ${UPDATES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`;
    const socket = await open(`${head}{"updates":[`);
    assert.match(await heard(socket), /^(HTTP\/1\.1 408 |$)/);
    assert.equal(app.engine.requests.length, 0);
  });

  it('[CF42] a parked poll is not: only receiving is timed', async () => {
    const parked = app.engine.nextParked();
    const socket = await open(`GET ${UPDATES}?marker=m1&wait=20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const poll = await parked;
    // Others are cut off by the same timers, one after the other: by then the poll has outlived both.
    for (let i = 0; i < 3; i++) {
      const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
      sockets.push(other);
      other.write('GET / HTTP/1.1\r\n');
      assert.match(await heard(other), /^HTTP\/1\.1 408 /);
    }
    poll.deliver({ answer: app.engine.snapshot() });
    assert.match(await heard(socket), /^HTTP\/1\.1 200 /);
  });

  it('[CF43] a quiet connection is kept longer than a load balancer keeps it, and shorter only when told', async () => {
    assert.ok(HTTP_OPTIONS.keepAliveTimeout > 600_000);
    const socket = await open('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', {});
    assert.equal(server.keepAliveTimeout, HTTP_OPTIONS.keepAliveTimeout);
    const [chunk] = await once(socket, 'data');
    assert.match(String(chunk), /^HTTP\/1\.1 200 .*Keep-Alive: timeout=620/s);
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /);
  });

  it('[CF44] two lengths, or a length beside chunks, are refused', async () => {
    for (const framing of [
      'Content-Length: 2\r\nContent-Length: 3',
      'Content-Length: 2\r\nTransfer-Encoding: chunked',
    ]) {
      const socket = await open(`POST ${UPDATES} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n{}`);
      assert.match(await heard(socket), /^HTTP\/1\.1 400 /, framing);
      server.close();
    }
    assert.equal(app.engine.requests.length, 0);
  });

  it('[CF45] connections beyond the bound are not served', async () => {
    const first = await open('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(first, 'data');
    server.maxConnections = 1;
    const second = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(second);
    second.on('error', () => undefined);
    second.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal(await heard(second), '');
    assert.equal(createHttpServer(app.listener).maxConnections, 50_000);
  });
});
