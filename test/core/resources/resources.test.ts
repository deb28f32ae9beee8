import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createMemoryStore } from '../../../src/backends/store/memory.ts';
import type { Kept } from '../../../src/core/resources/resources.ts';
import { FIXED_SETTINGS } from '../../../src/core/spaces/settings.ts';
import { resourceBlobName, spaceRowKey } from '../../../src/model/keys.ts';
import { decodeSpaceRow } from '../../../src/model/row.ts';
import { Failure, isFailure } from '../../../src/ports/failure.ts';
import { ProblemError } from '../../../src/protocol/errors.ts';
import { MAX_IMAGE_PIXELS } from '../../../src/protocol/limits.ts';
import type { ResourceHash } from '../../../src/protocol/resources.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';
import { spaceId } from '../../support/callers.ts';
import { imageOf, pngThatClaims } from '../../support/images.ts';
import { makeResources, type ResourceWorld } from '../../support/resources.ts';

const BOARD = spaceId('board');
const TEXT = Buffer.from('some bytes');

function hashOf(bytes: Buffer): ResourceHash {
  return createHash('sha256').update(bytes).digest('hex') as ResourceHash;
}
function put({ resources }: ResourceWorld, bytes: Buffer, space = BOARD): Promise<Kept> {
  return resources.put(space, bytes, hashOf(bytes));
}
const is = (code: string) => (error: unknown) => error instanceof ProblemError && error.problem.code === code;
const counted = async ({ resources }: ResourceWorld) => {
  const { count, bytes } = await resources.usage(BOARD);
  return { count, bytes };
};

describe('resources', () => {
  it('[RC1] keeps bytes by their hash, once', async () => {
    const world = makeResources();
    const first = await put(world, TEXT);
    assert.deepEqual(first, {
      created: true,
      resource: { hash: hashOf(TEXT), type: 'application/octet-stream', size: 10 },
    });
    assert.deepEqual(await put(world, TEXT), { ...first, created: false });
    assert.deepEqual(await world.resources.find(BOARD, hashOf(TEXT)), first.resource);
    assert.deepEqual(await world.resources.read(BOARD, hashOf(TEXT), { start: 0, end: 3 }), Buffer.from('some'));
    assert.deepEqual(await counted(world), { count: 1, bytes: 10 });
  });

  it('[RC2] knows images by their first bytes, and their width and height', async () => {
    const world = makeResources();
    for (const format of ['png', 'jpeg', 'webp', 'gif'] as const) {
      const { resource } = await put(world, await imageOf(format));
      assert.deepEqual([resource.type, resource.width, resource.height], [`image/${format}`, 7, 5]);
      assert.deepEqual(await world.resources.find(BOARD, resource.hash as ResourceHash), resource);
    }
  });

  it('[RC2] what browsers could take for a page is octets', async () => {
    const world = makeResources();
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
    for (const text of [svg, '<!doctype html><script>alert(1)</script>', '%PDF-1.7', 'GIF88a', 'RIFF....WAVE']) {
      assert.equal((await put(world, Buffer.from(text))).resource.type, 'application/octet-stream');
    }
  });

  it('[RC3] refuses an image that cannot be read, and one that promises too many pixels, and counts neither', async () => {
    const world = makeResources();
    const side = Math.ceil(Math.sqrt(MAX_IMAGE_PIXELS)) + 1;
    const bad = [
      await pngThatClaims(50_000, 50_000),
      await pngThatClaims(side, side),
      (await imageOf('png')).subarray(0, 20),
      Buffer.concat([Buffer.from('GIF89a'), Buffer.from('<script>')]),
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), TEXT]),
    ];
    for (const bytes of bad) await assert.rejects(put(world, bytes), is('badImage'));
    assert.deepEqual(await counted(world), { count: 0, bytes: 0 });
    assert.equal((await put(world, await pngThatClaims(6_000, 6_000))).resource.width, 6_000);
  });

  it('[RC9] spaces have nothing to do with each other', async () => {
    const world = makeResources();
    await put(world, TEXT);
    const other = spaceId('other');
    assert.equal(await world.resources.find(other, hashOf(TEXT)), undefined);
    assert.equal((await put(world, TEXT, other)).created, true);
    assert.deepEqual(await counted(world), { count: 1, bytes: 10 });
  });

  it('[RC20] counts once what several instances are given at once', async () => {
    const store = createMemoryStore();
    const blobs = new MemoryBlobs();
    const worlds = [makeResources({ store, blobs }), makeResources({ store, blobs })];
    const kept = await Promise.all(worlds.flatMap((world) => [put(world, TEXT), put(world, TEXT)]));
    assert.equal(kept.filter(({ created }) => created).length, 1);
    for (const world of worlds) assert.deepEqual(await counted(world), { count: 1, bytes: 10 });
  });

  it('[RC21] refuses what is beyond the quota, and keeps nothing of it', async () => {
    const blobs = new MemoryBlobs();
    const world = makeResources({ blobs, spaceBytes: 25 });
    await put(world, Buffer.from('0123456789'));
    await put(world, Buffer.from('abcdefghij'));
    await assert.rejects(put(world, Buffer.from('ABCDEF')), is('quotaExceeded'));
    assert.equal((await put(world, Buffer.from('ABCDE'))).created, true);
    assert.equal((await put(world, Buffer.from('ABCDE'))).created, false, 'what is there already costs nothing');
    assert.deepEqual(await counted(world), { count: 3, bytes: 25 });
    assert.equal(blobs.held.size, 3);
  });

  it('[RC21] a space may be given less than the server allows, never more', async () => {
    for (const [quotaBytes, expected] of [
      [5, 5],
      [1_000, 100],
      [0, 0],
    ] as const) {
      const settings = {
        known: () => undefined,
        load: async () => ({ ...(await FIXED_SETTINGS.load('')), quotaBytes }),
      };
      const { resources } = makeResources({ settings, spaceBytes: 100 });
      assert.equal((await resources.usage(BOARD)).quotaBytes, expected);
    }
  });

  it('[RC22] what the blobs did not take is not shown, and can be put again', async () => {
    const blobs = new MemoryBlobs();
    const world = makeResources({ blobs });
    blobs.failure = new Failure('blobsUnavailable', 'away', { unclear: true });
    await assert.rejects(put(world, TEXT), (error) => isFailure(error, 'blobsUnavailable'));
    assert.equal(await world.resources.find(BOARD, hashOf(TEXT)), undefined);
    blobs.failure = undefined;
    await put(world, TEXT);
    assert.ok(await world.resources.find(BOARD, hashOf(TEXT)));
    assert.deepEqual(await counted(world), { count: 1, bytes: 10 });
  });

  it('[RC22] a blob that was lost comes back with the next upload', async () => {
    const blobs = new MemoryBlobs();
    const world = makeResources({ blobs });
    await put(world, TEXT);
    blobs.held.clear();
    await put(world, TEXT);
    assert.ok(blobs.held.has(resourceBlobName(BOARD, hashOf(TEXT))));
  });

  it('[RC24] a space comes into being with its first resource, and goes on with one while it is being deleted', async () => {
    const world = makeResources();
    const { store } = world.parts;
    const row = async () => decodeSpaceRow((await store.read([spaceRowKey(BOARD)]))[0]);
    await put(world, TEXT);
    const made = await row();
    assert.ok(made.createdAt > 0);
    const { encodeSpaceRow } = await import('../../../src/model/row.ts');
    const ending = { key: spaceRowKey(BOARD), record: encodeSpaceRow({ ...made, ending: 'deleting' }) };
    await store.transact([ending.key], () => ({ changes: [ending], result: undefined }));
    await put(world, TEXT);
    assert.equal((await row()).ending, undefined);
  });
});
