import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeImage } from '../../src/backends/images/sharp.ts';
import { type OpsResponse, opsResponseSchema } from '../../src/protocol/ops.ts';
import { draw } from '../../src/raster/draw.ts';
import type { DrawOp } from '../../src/raster/ops.ts';
import { Raster, toPixels } from '../../src/raster/raster.ts';
import { imageOf } from '../support/images.ts';
import { stroke } from '../support/pictures.ts';
import { mustBeOk, post } from './calls.ts';
import { ServerProcess } from './server-process.ts';

const SIZE = { width: 400, height: 300 };
const ITEM = '/v1/spaces/art/items/sketch';

type Seen = { readonly raster: Raster; readonly index: number; readonly version: number };

describe('a picture on a real server', function () {
  this.timeout(60_000);
  let folder: string;
  const servers: ServerProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-pictures-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<ServerProcess> {
    const server = ServerProcess.launch(`p${servers.length}`, ['--data-dir', folder]);
    servers.push(server);
    await server.listening();
    return server;
  }

  async function send(server: ServerProcess, op: unknown, client: string, seq: number): Promise<void> {
    const updates = [{ item: 'sketch', kind: 'picture', op }];
    mustBeOk((await post(server, 'art', { clientId: client, seq, updates })) ?? assert.fail('the server is gone'));
  }

  async function ops(server: ServerProcess, index: number): Promise<OpsResponse> {
    const response = await fetch(`${server.url}${ITEM}/ops?index=${index}&wait=0`);
    return opsResponseSchema.parse(await response.json());
  }

  /** What a joiner has: the picture as it is sent. */
  async function fetchPicture(server: ServerProcess, query = ''): Promise<Seen> {
    const response = await fetch(`${server.url}${ITEM}/picture.png${query}`);
    assert.equal(response.status, 200);
    const image = await decodeImage(Buffer.from(await response.arrayBuffer()), 'image/png');
    assert.ok(image);
    const raster = new Raster(image.width, image.height);
    for (const [i, pixel] of toPixels(image.rgba).entries())
      raster.set(i % image.width, Math.floor(i / image.width), pixel);
    const read = (name: string) => Number(response.headers.get(name));
    return { raster, index: read('longshore-index'), version: read('longshore-version') };
  }

  async function allOps(server: ServerProcess): Promise<DrawOp[]> {
    const all: unknown[] = [];
    for (let next = 1; ; ) {
      const answer = await ops(server, next);
      all.push(...answer.ops.map(({ op }) => op));
      next = answer.nextIndex;
      if (answer.upToDate) return all.slice(1) as DrawOp[];
    }
  }

  function hashOf(raster: Raster): string {
    return createHash('sha256').update(raster.bytes()).digest('hex');
  }

  it('[PIC80] who joins while 20 clients draw has, with the operations after, the same picture as everybody; it survives kill -9', async () => {
    const server = await start();
    await send(server, { create: SIZE }, 'maker', 1);
    const joined: Seen[] = [];
    const image = await imageOf('jpeg', 40, 30);
    const put = await fetch(`${server.url}/v1/spaces/art/resources`, { method: 'PUT', body: new Uint8Array(image) });
    const { hash } = (await put.json()) as { hash: string };
    const clients = Array.from({ length: 20 }, async (_, client) => {
      for (let n = 1; n <= 25; n++) {
        const mine = stroke(client * 100 + n);
        const op = n % 5 === 0 ? { ops: [mine, { fill: { x: n, y: client, color: '#336699' } }] } : mine;
        if (client === 0 && n % 5 === 0) joined.push(await fetchPicture(server));
        await send(server, n === 13 ? { stamp: { x: n * 9, y: client * 9, hash } } : op, `c${client}`, n);
      }
    });
    const joiners = (async () => {
      for (let n = 0; n < 15; n++) joined.push(await fetchPicture(server));
    })();
    await Promise.all([...clients, joiners]);
    const all = await allOps(server);
    assert.equal(all.length, 20 * 30);
    const stampImage = await decodeImage(image, 'image/jpeg');
    assert.ok(stampImage);
    const stamps = (name: string) => (name === hash ? { ...stampImage, pixels: toPixels(stampImage.rgba) } : undefined);
    const whole = new Raster(SIZE.width, SIZE.height);
    draw(whole, all, stamps);
    assert.ok(new Set(joined.map(({ index }) => index)).size > 3, 'joined in the middle');
    for (const { raster, index } of joined) {
      draw(raster, all.slice(index - 1), stamps);
      assert.equal(hashOf(raster), hashOf(whole), `joined at ${index}`);
    }
    assert.equal(hashOf((await fetchPicture(server)).raster), hashOf(whole));
    await server.kill();
    const next = await start();
    const after = await fetchPicture(next);
    assert.deepEqual([hashOf(after.raster), after.index], [hashOf(whole), all.length + 1]);
  });
});
