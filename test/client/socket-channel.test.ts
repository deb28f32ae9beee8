import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Credentials } from '../../src/client/credentials.ts';
import { mayRetry } from '../../src/client/errors.ts';
import { Http } from '../../src/client/http.ts';
import { type SocketLike, socketChannel } from '../../src/client/socket-channel.ts';
import { FakeClock, runningMs, settle } from '../support/clocks.ts';
import { ROOT } from '../support/files.ts';

/** Opens and closes when told, and notes what is asked of it. */
class FakeSocket implements SocketLike {
  onopen: SocketLike['onopen'] = null;
  onmessage: SocketLike['onmessage'] = null;
  onclose: SocketLike['onclose'] = null;
  readonly asked: string[] = [];

  send(text: string): void {
    this.asked.push(text);
  }

  close(): void {
    this.asked.push('close');
  }
}

async function opening(patient: boolean) {
  const clock = new FakeClock();
  const credentials = new Credentials(undefined);
  const http = new Http({ url: 'http://server', space: 's', credentials, clock, fetch });
  const socket = new FakeSocket();
  const failures: unknown[] = [];
  const ignore = (): void => undefined;
  const sink = { heard: ignore, answer: ignore, moved: ignore, rested: ignore };
  const open = socketChannel(http, () => socket, patient);
  const channel = open({ ...sink, failed: (error) => failures.push(error) }, { wait: 0 });
  await settle();
  return { clock, socket, channel, failures };
}

describe('a socket that is ended while it is being opened', () => {
  it('[SDK101] is closed by a page once it is open, and says nothing', async () => {
    const { clock, socket, channel, failures } = await opening(true);
    channel.close();
    assert.deepEqual(socket.asked, []);
    socket.onopen?.({} as never);
    assert.deepEqual(socket.asked, ['close']);
    socket.onclose?.({ code: 1000 });
    assert.deepEqual([clock.waiting, failures], [0, []]);
  });

  it('[SDK101] is left alone by a page where it cannot be opened', async () => {
    const { clock, socket, channel, failures } = await opening(true);
    channel.close();
    socket.onclose?.({ code: 1006 });
    assert.deepEqual([socket.asked, clock.waiting, failures], [[], 0, []]);
  });

  it('[SDK101] is closed by a page after 10 s whatever becomes of it', async () => {
    const { clock, socket, channel } = await opening(true);
    channel.close();
    clock.advance(9_999);
    assert.deepEqual(socket.asked, []);
    clock.advance(1);
    assert.deepEqual(socket.asked, ['close']);
  });

  it('[SDK101] is closed at once where it is open already, or elsewhere than in a page', async () => {
    const open = await opening(true);
    open.socket.onopen?.({} as never);
    open.channel.close();
    assert.deepEqual([open.socket.asked.at(-1), open.clock.waiting], ['close', 0]);
    const elsewhere = await opening(false);
    elsewhere.channel.close();
    assert.deepEqual([elsewhere.socket.asked, elsewhere.clock.waiting], [['close'], 0]);
  });

  it('[SDK101] keeps no Node process alive that has closed its space', async () => {
    const answer = { marker: 'm', epoch: 'e', upToDate: true, changesRemaining: 0, items: [] };
    const joined = { ...answer, clientId: 'me', generation: 1, leaseMs: 30_000, nextSeq: 1 };
    const server = createServer((_req, res) => res.end(JSON.stringify(joined))).listen(0, '127.0.0.1');
    const upgrade = once(server, 'upgrade'); // which is never answered
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const program = `
      import { connect } from ${JSON.stringify(`${ROOT}/src/client/connect.ts`)};
      const space = connect({ url: 'http://127.0.0.1:${port}', space: 's', transport: 'websocket' });
      process.stdin.once('data', () => { space.close(); process.stdin.destroy(); });
    `;
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'] });
    const exit = once(child, 'exit');
    await upgrade;
    const ms = await runningMs(async () => {
      child.stdin.write('close\n');
      assert.deepEqual(await exit, [0, null]);
    });
    server.close();
    server.closeAllConnections();
    assert(ms < 5_000, `it took ${ms} ms`); // a page would have waited for 10 s
  });
});

describe('a socket over which nonsense comes', () => {
  it('[SDK110] a message that cannot be read ends the socket, and no more', async () => {
    for (const data of ['<html>', 'null', '7']) {
      const { socket, failures } = await opening(true);
      socket.onopen?.({} as never);
      socket.onmessage?.({ data });
      const over = data !== '7'; // a message of a kind that is not known here says nothing
      assert.deepEqual([failures.length, failures.every(mayRetry)], [over ? 1 : 0, true]);
      assert.equal(socket.asked.includes('close'), over);
    }
  });
});
