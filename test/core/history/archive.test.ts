import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderBlobs } from '../../../src/backends/blobs/folder.ts';
import { createGcsBlobs } from '../../../src/backends/blobs/gcs.ts';
import { createMemoryStore } from '../../../src/backends/store/memory.ts';
import { createSqliteStore } from '../../../src/backends/store/sqlite.ts';
import { archiveBlobName, itemRowKey } from '../../../src/model/keys.ts';
import { archiveShard } from '../../../src/model/ops-record.ts';
import { Failure } from '../../../src/ports/failure.ts';
import { newProject, openDatastore, realRandom } from '../../backends/store/fixtures.ts';
import { ArchiveWorld, archiveContract } from '../../contracts/archive.ts';
import { GcsServer } from '../../doubles/gcs-server.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';
import { realClock } from '../../support/clocks.ts';
import { sharedDatastoreEmulator } from '../../support/datastore-emulator.ts';
import { skipFor } from '../../support/need.ts';

const LIFE = { space: 'board', item: 'c', born: 3 };
const ALL = Array.from({ length: 24 }, (_, n) => `${n + 1}`);

function inMemory(): ArchiveWorld & { readonly blobs: MemoryBlobs } {
  return new ArchiveWorld(createMemoryStore(), new MemoryBlobs()) as ArchiveWorld & { readonly blobs: MemoryBlobs };
}

describe('archived operations in memory', () => {
  archiveContract(async () => ({ store: createMemoryStore(), blobs: new MemoryBlobs(), close: async () => {} }));
});

describe('archived operations in SQLite and a folder', () => {
  archiveContract(async () => {
    const path = mkdtempSync(join(tmpdir(), 'longshore-archive-'));
    const store = createSqliteStore({ path: join(path, 'store.sqlite') });
    const blobs = createFolderBlobs({ path: join(path, 'blobs'), random: realRandom });
    const close = async (): Promise<void> => {
      await store.close();
      await blobs.close();
      rmSync(path, { recursive: true });
    };
    return { store, blobs, close };
  });
});

describe('archived operations in Datastore and Cloud Storage', function () {
  this.timeout(240_000);
  let host = '';

  before(async function () {
    const emulator = await sharedDatastoreEmulator();
    if ('missing' in emulator) skipFor(this, emulator.missing);
    host = emulator.host;
  });

  archiveContract(async () => {
    const server = await GcsServer.start('harbour');
    const place = { bucket: 'harbour', prefix: '', projectId: 'test', apiEndpoint: server.endpoint };
    const blobs = createGcsBlobs({ ...place, timeoutMs: 30_000, clock: realClock, random: realRandom });
    const store = openDatastore(host, { projectId: newProject() });
    const close = async (): Promise<void> => {
      await store.close();
      await blobs.close();
      await server.stop();
    };
    return { store, blobs, close };
  });
});

describe('archived operations while others are at them', () => {
  it('[AR2] are found by readers at every moment of a move', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    let looks = 0;
    const look = async (): Promise<void> => {
      looks++;
      assert.deepEqual(await world.operations(), ALL);
    };
    const watched = <Backend extends object>(backend: Backend): Backend =>
      new Proxy(backend, {
        get:
          (target, name) =>
          async (...args: unknown[]) => {
            await look();
            const result = await Reflect.apply(Reflect.get(target, name) as () => unknown, target, args);
            await look();
            return result;
          },
      });
    assert.equal(await world.move(watched(world.store), watched(world.blobs)), 5);
    assert(looks > 30);
  });

  it('[AR2] are found by a reader although all of them are moved, or restored, between two of its calls', async () => {
    for (const what of ['move', 'restore'] as const) {
      for (let at = 1; at <= 4; at++) {
        const world = inMemory();
        await world.fill();
        await world.age();
        if (what === 'restore') await world.move();
        let calls = 0;
        const interrupted = <Backend extends object>(backend: Backend): Backend =>
          new Proxy(backend, {
            get:
              (target, name) =>
              async (...args: unknown[]) => {
                if (++calls === at) await world[what]();
                return Reflect.apply(Reflect.get(target, name) as () => unknown, target, args);
              },
          });
        const found = await world.operations(LIFE, interrupted(world.store), interrupted(world.blobs));
        assert.deepEqual(found, ALL, `${what} before call ${at}`);
      }
    }
  });

  it('[AR3] are moved once by two sweeps at the same time, and none is lost', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    const [one, other] = await Promise.all([world.move(), world.move()]);
    assert.equal(one + other, 5);
    assert.deepEqual([await world.stored(), await world.blobCount()], [1, 5]);
    assert.deepEqual(await world.operations(), ALL);
    // One that was late by a whole move leaves what the other has moved.
    const late = inMemory();
    await late.fill();
    await late.age();
    late.blobs.onChange = async () => {
      late.blobs.onChange = () => {};
      await late.move();
    };
    assert.equal(await late.move(), 0);
    assert.deepEqual([await late.stored(), await late.blobCount()], [1, 5]);
    assert.deepEqual(await late.operations(), ALL);
  });

  it('[AR3] of a life that ended and was swept while the mover slept leave no blob behind', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    world.blobs.onChange = async (what) => {
      if (what !== 'put') return;
      world.blobs.onChange = () => {};
      await world.end();
      world.clock.advance(1_000_000);
      await world.drop();
      assert.equal(await world.stored(), 0);
    };
    assert.equal(await world.move(), 0);
    assert.deepEqual([await world.stored(), await world.blobCount()], [0, 0]);
  });

  it('[AR1] stay where they may name a resource, where their life has ended, and where an older build wrote them', async () => {
    const world = inMemory();
    const hash = 'ab'.repeat(32);
    await world.fill(LIFE, (index) => (index === 6 ? `see ${hash}` : `${index}`));
    await world.age();
    assert.deepEqual([await world.move(), await world.stored(), await world.blobCount()], [4, 2, 4]);
    assert.equal((await world.operations())[5], `see ${hash}`);
    const ended = inMemory();
    await ended.fill();
    await ended.age();
    await ended.end();
    assert.deepEqual([await ended.move(), await ended.blobCount()], [0, 0]);
    const again = inMemory();
    await again.fill();
    await again.age();
    await again.write(again.row({ ...LIFE, born: 900 }));
    assert.deepEqual([await again.move(), await again.blobCount()], [0, 0], 'it lives another life');
    const old = inMemory();
    await old.fill();
    const { key, record } = old.segment(LIFE, 1);
    await old.write({ key, record: { ...(record as { data: string }), indexes: {} } });
    await old.age();
    assert.deepEqual([await old.move(), await old.stored()], [4, 2]);
    assert.deepEqual(await old.operations(), ALL);
  });

  it('[AR6] take the place of another blob of their name', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    const name = archiveBlobName({ ...LIFE, first: 5 });
    await world.blobs.put(name, Buffer.from('1{"data":"1{}"}'), { contentType: 'application/octet-stream' });
    assert.equal(await world.move(), 5);
    assert.deepEqual(await world.operations(), ALL);
  });

  it('[AR5] are restored for a space or an item alone, and not where their life has ended', async () => {
    const world = inMemory();
    const others = [
      { space: 'board', item: 'd', born: 1 },
      { space: 'other', item: 'c', born: 3 },
    ];
    for (const life of [LIFE, ...others]) await world.fill(life);
    await world.age();
    assert.equal(await world.move(), 15);
    const restore = (only: { space?: string; item?: string }) => world.restore(world.store, world.blobs, only);
    assert.deepEqual(await restore({ space: 'board', item: 'd' }), {
      restored: 5,
      present: 0,
      ended: 0,
      unreadable: 0,
    });
    assert.deepEqual(await restore({ space: 'board' }), { restored: 5, present: 5, ended: 0, unreadable: 0 });
    await world.end({ space: 'other', item: 'c', born: 3 });
    assert.deepEqual(await restore({}), { restored: 0, present: 10, ended: 5, unreadable: 0 });
    await world.write({ key: itemRowKey('other', 'c'), record: 'delete' });
    assert.deepEqual(await restore({ space: 'other' }), { restored: 0, present: 0, ended: 5, unreadable: 0 });
    assert.deepEqual(await restore({ space: 'nowhere' }), { restored: 0, present: 0, ended: 0, unreadable: 0 });
  });

  it('[AR11] are moved although many before them cannot be; those are named, and tried again', async () => {
    const world = inMemory();
    const shard = archiveShard(LIFE.space, LIFE.item);
    const item = Array.from({ length: 1_000 }, (_, n) => `x${n}`).find((id) => archiveShard(LIFE.space, id) === shard);
    assert(item !== undefined);
    // More than are looked at together, and before the others; their row is of another build.
    const stuck = Array.from({ length: 60 }, (_, n) => world.segment({ ...LIFE, item }, n * 4 + 1));
    await world.write({ key: itemRowKey(LIFE.space, item), record: { data: '9{}', indexes: {} } }, ...stuck);
    world.clock.advance(60_000);
    await world.fill();
    await world.age();
    assert.equal(await world.move(), 5);
    assert.deepEqual(await world.operations(), ALL);
    const named = world.log.lines.map(({ level, fields }) => `${level} ${fields.space} ${fields.segment}`);
    assert.deepEqual(named.sort(), stuck.map(({ key }) => `warn board ${key.id}`).sort());
    assert.equal(world.counted.get('segment_failures'), 60);
    assert.deepEqual([await world.move(), world.counted.get('segment_failures')], [0, 120]);
  });

  it('[AR11] are moved although the blob of one of them cannot be written', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    const name = archiveBlobName({ ...LIFE, first: 5 });
    world.blobs.onChange = (_, blob) => {
      if (blob === name) throw new Failure('blobsUnavailable', 'what stands there is damaged');
    };
    assert.deepEqual([await world.move(), await world.stored(), world.log.lines.length], [4, 2, 1]);
    assert.deepEqual(await world.operations(), ALL);
    world.blobs.onChange = () => {};
    assert.equal(await world.move(), 1);
  });

  it('[AR12] are restored but for those that cannot be read or are not whole, which are named', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    await world.move();
    const [cut, strange, garbled, wrong] = [1, 5, 9, 13].map((first) => archiveBlobName({ ...LIFE, first }));
    assert(cut && strange && garbled && wrong);
    const blob = async (name: string) => (await world.blobs.get(name))?.bytes ?? Buffer.alloc(0);
    const put = (name: string, bytes: Buffer) => world.blobs.put(name, bytes, { contentType: 'a/b' });
    const whole = await blob(wrong);
    await put(cut, (await blob(cut)).subarray(0, 40));
    await put(strange, Buffer.from('9{}'));
    await put(garbled, Buffer.from((await blob(garbled)).toString().replace('deltas', 'de')));
    await put(wrong, await blob(archiveBlobName({ ...LIFE, first: 17 })));
    assert.deepEqual(await world.restore(), { restored: 1, present: 0, ended: 0, unreadable: 4 });
    assert.deepEqual(world.unreadable.sort(), [cut, strange, garbled, wrong].sort());
    await put(wrong, whole);
    assert.deepEqual(await world.restore(), { restored: 1, present: 1, ended: 0, unreadable: 3 });
    world.blobs.failure = new Failure('blobsUnavailable', 'all of them are away');
    await assert.rejects(world.restore(), { code: 'blobsUnavailable' });
  });

  it('[AR7] stay in the store while the blobs are away, and those that are there cannot be had', async () => {
    const world = inMemory();
    await world.fill();
    await world.age();
    world.blobs.failure = new Failure('blobsUnavailable', 'away');
    await assert.rejects(world.move(), { code: 'blobsUnavailable' });
    assert.deepEqual(await world.operations(), ALL);
    world.blobs.failure = undefined;
    await world.move();
    world.blobs.failure = new Failure('blobsUnavailable', 'away');
    await assert.rejects(world.operations(), { code: 'blobsUnavailable' });
  });
});
