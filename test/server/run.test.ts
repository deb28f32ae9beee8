import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { runningMs } from '../support/clocks.ts';
import { heard } from '../support/heard.ts';
import { CLI, Folder, plainEnvironment, printed, runCli, ServerProcess } from '../support/server-process.ts';

describe('a server process', function () {
  this.timeout(60_000);
  let folder: Folder;
  let server: ServerProcess | undefined;

  beforeEach(() => {
    folder = new Folder();
  });

  afterEach(async () => {
    await server?.end('SIGKILL');
    server = undefined;
    folder.remove();
  });

  const start = async (): Promise<ServerProcess> => {
    server = await ServerProcess.start(['--data-dir', folder.path]);
    return server;
  };

  it('[CF34] at SIGTERM answers parked polls and ends with 0 within 2.5 s', async () => {
    const { url, child } = await start();
    const updates = `${url}/v1/spaces/board/updates`;
    const { marker } = (await (await fetch(updates)).json()) as { marker: string };
    const waiting = fetch(`${updates}?marker=${marker}&wait=50`);
    // Seen as parked before the signal goes out.
    for (let text = ''; !/^longshore_parked_polls 1$/m.test(text); )
      text = await (await fetch(`${url}/metrics`)).text();
    const began = performance.now();
    child.kill('SIGTERM');
    const [[code], answer] = await Promise.all([once(child, 'exit'), waiting]);
    assert.equal(code, 0);
    assert.ok(performance.now() - began < 2_500);
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.has('retry-after'));
  });

  it('[CF47] told to stop while it waits for its store it ends with 0 within 1.5 s', async () => {
    // One takes connections and says nothing; at the other address nobody is.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      for (const [host, sign] of [
        [`127.0.0.1:${port}`, /"starting"/],
        ['127.0.0.1:1', /does not answer yet/],
      ] as const) {
        const env = plainEnvironment({ DATASTORE_EMULATOR_HOST: host, LONGSHORE_LOG_LEVEL: 'info' });
        const args = ['serve', '--port', '0', '--data-dir', folder.path, '--store', 'datastore:nobody'];
        const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
        await printed(child.stderr, sign);
        const ms = await runningMs(async () => {
          child.kill('SIGTERM');
          assert.deepEqual(await once(child, 'exit'), [0, null], host);
        });
        assert.ok(ms < 1_500, `${ms} ms`);
      }
    } finally {
      silent.close();
    }
  });

  it('[CF35] loses nothing acknowledged when it is killed', async () => {
    const first = await start();
    for (let i = 0; i < 5; i++) {
      const body = JSON.stringify({ updates: [{ item: 'a', op: { set: i } }] });
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch(`${first.url}/v1/spaces/board/updates`, { method: 'POST', headers, body });
      assert.equal(answer.status, 200);
    }
    await first.end('SIGKILL');
    const { url } = await start();
    const answer = await fetch(`${url}/v1/spaces/board/items/a`);
    assert.equal(await answer.json(), 4);
  });

  it('[CF36] refuses more than 16 KiB of headers', async () => {
    const { url } = await start();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
    assert.match(await heard(socket), /^HTTP\/1\.1 431 /);
  });

  it('[AU72] with a port for operators, their routes answer there and nowhere else', async () => {
    server = await ServerProcess.start(['--data-dir', folder.path, '--internal-port', '0']);
    const internal = /ops +(http:\S+)\/metrics/.exec(server.greeting)?.[1];
    assert.ok(internal !== undefined, server.greeting);
    const status = async (url: string) => (await fetch(url)).status;
    for (const path of ['/metrics', '/internal/sweep']) {
      assert.deepEqual([await status(`${internal}${path}`), await status(`${server.url}${path}`)], [200, 404]);
    }
    assert.equal(await status(`${internal}/v1/spaces/board/updates`), 404);
    assert.equal(await server.end(), 0);
  });

  it('[CF37] says what is in the way when it cannot start', async () => {
    const { url } = await start();
    const { port } = new URL(url);
    const other = new Folder();
    try {
      const taken = await runCli(['serve', '--port', port, '--data-dir', other.path]);
      assert.deepEqual([taken.code, /EADDRINUSE.*\b\d+/.test(taken.err)], [1, true], taken.err);
    } finally {
      other.remove();
    }
    const locked = await runCli(['serve', '--port', '0', '--data-dir', folder.path]);
    assert.equal(locked.code, 1);
    assert.match(locked.err, /store\.sqlite is in use by another process/);
  });
});
