import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createGcsBlobs } from '../../../src/backends/blobs/gcs.ts';
import { uploadBlobName } from '../../../src/model/keys.ts';
import type { Blobs } from '../../../src/ports/blobs.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { ProblemError } from '../../../src/protocol/errors.ts';
import { MAX_DIRECT_RESOURCE_BYTES, MAX_RESOURCE_BYTES } from '../../../src/protocol/limits.ts';
import type { ResourceHash, UploadTicket } from '../../../src/protocol/resources.ts';
import { makeApp, postJson, send } from '../../api/fixture.ts';
import { GcsServer } from '../../doubles/gcs-server.ts';
import { spaceId } from '../../support/callers.ts';
import { realClock } from '../../support/clocks.ts';
import { imageOf } from '../../support/images.ts';
import { makeResources, type ResourceWorld } from '../../support/resources.ts';

const BOARD = spaceId('board');
const UPLOADS = '/v1/spaces/board/uploads';
const TEXT = Buffer.from('some bytes');
/** The double sums up large objects in JavaScript, several times. */
const LARGE_MS = 60_000;
const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex') as ResourceHash;
const is = (code: string) => (error: unknown) => error instanceof ProblemError && error.problem.code === code;

async function sendBytes({ url, headers }: Pick<UploadTicket, 'url' | 'headers'>, bytes: Buffer): Promise<boolean> {
  return (await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) })).ok;
}

describe('resources that go past the server', () => {
  let server: GcsServer;
  let blobs: Blobs;
  let world: ResourceWorld;
  /** Hours that have passed for the sweep. */
  let hours: number;

  beforeEach(async () => {
    server = await GcsServer.start('harbour');
    hours = 0;
    const clock: Clock = { ...realClock, now: () => Date.now() + hours * 3_600_000 };
    const random = { fraction: () => 0.5, id: () => `id-${Math.random().toString(36).slice(2)}` };
    blobs = createGcsBlobs({
      bucket: 'harbour',
      prefix: 'in',
      projectId: 'test-project',
      apiEndpoint: server.endpoint,
      timeoutMs: 30_000,
      clock: realClock,
      random,
    });
    world = makeResources({ blobs, random, clock, spaceBytes: 100_000_000 });
  });
  afterEach(async () => {
    await blobs.close();
    await server.stop();
  });

  const names = () => server.objects.list('', '').map(({ name }) => name);
  const usage = async () => {
    const { count, bytes } = await world.resources.usage(BOARD);
    return [count, bytes];
  };

  it('[RC40] are sent to a signed URL, looked at, and kept like any other', async () => {
    const { resources, uploads } = world;
    const { listener } = makeApp({ resources, uploads });
    const image = await imageOf('png');
    const begun = await postJson(listener, UPLOADS, { size: image.length });
    assert.equal(begun.status, 201);
    assert.equal(await sendBytes(begun.json, image), true);
    const finish = () => send(listener, { method: 'POST', path: `${UPLOADS}/${begun.json.upload}` });
    const kept = await finish();
    const described = { hash: sha(image), type: 'image/png', size: image.length, width: 7, height: 5 };
    assert.deepEqual([kept.status, kept.json], [201, described]);
    assert.deepEqual(await usage(), [1, image.length]);
    assert.equal(names().length, 1, 'the upload itself is gone');
    assert.equal((await finish()).status, 404);
    const got = await send(listener, { path: `/v1/spaces/board/resources/${sha(image)}` });
    assert.deepEqual([got.status, got.headers['content-type']], [200, 'image/png']);
    const signed = await send(listener, { path: `/v1/spaces/board/resources/${sha(image)}/url` });
    const direct = await fetch(signed.json.url);
    assert.deepEqual(
      [direct.headers.get('content-type'), direct.headers.get('content-disposition')],
      ['image/png', 'inline'],
    );
    assert.deepEqual(Buffer.from(await direct.arrayBuffer()), image);
  });

  it('[RC40] what is there already is 200, and counted once', async () => {
    await world.resources.put(BOARD, TEXT, sha(TEXT));
    const ticket = await world.uploads.begin(BOARD, TEXT.length);
    await sendBytes(ticket, TEXT);
    assert.equal((await world.uploads.finish(BOARD, ticket.upload)).created, false);
    assert.deepEqual(await usage(), [1, TEXT.length]);
  });

  it('[RC41] an upload is counted from its beginning, and no longer when it never ends', async () => {
    await world.uploads.begin(BOARD, 60_000_000);
    await assert.rejects(world.uploads.begin(BOARD, 60_000_000), is('quotaExceeded'));
    assert.deepEqual(await usage(), [1, 60_000_000]);
    const ticket = await world.uploads.begin(BOARD, 10);
    await sendBytes(ticket, TEXT);
    hours = 25;
    await world.sweeper.sweeps.run();
    assert.deepEqual(await usage(), [0, 0]);
    assert.deepEqual(names(), []);
    await assert.rejects(world.uploads.finish(BOARD, ticket.upload), is('notFound'));
  });

  it('[RC41] the room of an upload is enough for itself', async function () {
    this.timeout(LARGE_MS);
    const bytes = Buffer.alloc(MAX_RESOURCE_BYTES + 1, 'x');
    world = makeResources({ blobs, spaceBytes: bytes.length });
    const ticket = await world.uploads.begin(BOARD, bytes.length);
    await sendBytes(ticket, bytes);
    const { resource } = await world.uploads.finish(BOARD, ticket.upload);
    assert.deepEqual([resource.hash, resource.size], [sha(bytes), bytes.length]);
    assert.deepEqual(await usage(), [1, bytes.length]);
    await assert.rejects(world.resources.put(BOARD, TEXT, sha(TEXT)), is('quotaExceeded'));

    const { listener } = makeApp({ resources: world.resources, uploads: world.uploads });
    const sent = await send(listener, { path: `/v1/spaces/board/resources/${resource.hash}` });
    assert.deepEqual([sent.status, sent.headers['cache-control'], sent.text], [307, 'no-store', '']);
    const direct = await fetch(String(sent.headers.location));
    assert.match(String(direct.headers.get('content-disposition')), /^attachment/);
    assert.equal(sha(Buffer.from(await direct.arrayBuffer())), resource.hash);
  });

  it('[RC42] a bad image is refused, and an image too large to be looked at', async function () {
    this.timeout(LARGE_MS);
    const bad = Buffer.concat([(await imageOf('png')).subarray(0, 20), Buffer.alloc(100)]);
    const large = Buffer.concat([await imageOf('png'), Buffer.alloc(MAX_RESOURCE_BYTES)]);
    for (const bytes of [bad, large]) {
      const ticket = await world.uploads.begin(BOARD, bytes.length);
      await sendBytes(ticket, bytes);
      await assert.rejects(world.uploads.finish(BOARD, ticket.upload), is('badImage'));
    }
    assert.equal(names().filter((name) => name.startsWith('in/r/')).length, 0);
  });

  it('[RC42] what takes the place of the upload while it is looked at is not taken for it', async () => {
    const bytes = Buffer.alloc(5_000_000, 'a');
    const ticket = await world.uploads.begin(BOARD, bytes.length);
    await sendBytes(ticket, bytes);
    const name = `in/${uploadBlobName(BOARD, ticket.upload)}`;
    let reads = 0;
    server.onRequest = ({ query }) => {
      if (query.get('alt') === 'media' && ++reads === 2)
        server.objects.insert(name, Buffer.alloc(5_000_000, 'b'), {}, null);
    };
    await assert.rejects(world.uploads.finish(BOARD, ticket.upload), is('conflict'));
    server.onRequest = ({ path }) => {
      if (path.includes('rewriteTo')) server.objects.insert(name, Buffer.alloc(5_000_000, 'c'), {}, null);
    };
    await assert.rejects(world.uploads.finish(BOARD, ticket.upload), is('conflict'));
    assert.equal(names().filter((one) => one.startsWith('in/r/')).length, 0);
  });

  it('[RC42] ids that are none, sizes that are none, and uploads of other spaces are refused', async () => {
    const { resources, uploads } = world;
    const { listener } = makeApp({ resources, uploads });
    for (const size of [0, -1, 1.5, MAX_DIRECT_RESOURCE_BYTES + 1, '9']) {
      assert.equal((await postJson(listener, UPLOADS, { size })).status, 400, String(size));
    }
    const ticket = await uploads.begin(BOARD, 10);
    await sendBytes(ticket, TEXT);
    for (const path of [
      `/v1/spaces/other/uploads/${ticket.upload}`,
      `${UPLOADS}/..%2Fx`,
      `${UPLOADS}/${'0'.repeat(64)}`,
    ]) {
      assert.equal((await send(listener, { method: 'POST', path })).status, 404, path);
    }
  });

  it('[RC43] where the blobs have no signed URLs it is 501, and large resources pass through the server', async () => {
    const { listener, deps } = makeApp();
    await deps.resources.put(BOARD, TEXT, sha(TEXT));
    const answers = [
      await postJson(listener, UPLOADS, { size: 10 }),
      await send(listener, { method: 'POST', path: `${UPLOADS}/x` }),
      await send(listener, { path: `/v1/spaces/board/resources/${sha(TEXT)}/url` }),
    ];
    for (const { status, json } of answers) assert.deepEqual([status, json.code], [501, 'notOffered']);
    const bytes = Buffer.alloc(MAX_RESOURCE_BYTES + 1, 'x');
    await deps.resources.put(BOARD, bytes, sha(bytes));
    assert.equal((await send(listener, { path: `/v1/spaces/board/resources/${sha(bytes)}` })).status, 200);
  });
});
