import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createMemoryStore } from '../../../src/backends/store/memory.ts';
import { ResourceSweeper } from '../../../src/core/resources/resource-sweeper.ts';
import { deleteSpace } from '../../../src/core/spaces/delete-space.ts';
import { itemRowKey, opsRowKey, resourceBlobName, valueRowKey } from '../../../src/model/keys.ts';
import { Failure } from '../../../src/ports/failure.ts';
import type { ResourceHash } from '../../../src/protocol/resources.ts';
import { FakeEngine } from '../../doubles/fake-engine.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';
import { spaceId } from '../../support/callers.ts';
import { FakeClock } from '../../support/clocks.ts';
import { makeResources } from '../../support/resources.ts';

const BOARD = spaceId('board');
const DAY_MS = 86_400_000;
const BYTES = Buffer.from('some bytes');
const HASH = createHash('sha256').update(BYTES).digest('hex') as ResourceHash;

function makeWorld() {
  const clock = new FakeClock();
  const blobs = new MemoryBlobs();
  const world = makeResources({ clock, blobs, store: createMemoryStore() });
  const { store } = world.parts;
  return {
    ...world,
    clock,
    blobs,
    store,
    put: () => world.resources.put(BOARD, BYTES, HASH),
    there: async () => (await world.resources.find(BOARD, HASH)) !== undefined && blobs.held.size === 1,
    /** As if an item with this text in its value had been stored. */
    async keepItem(text: string, item = 'card'): Promise<void> {
      const key = itemRowKey(BOARD, item);
      const changes = [{ key, record: { data: JSON.stringify({ value: text }), indexes: {} } }];
      await store.transact([key], () => ({ changes, result: undefined }));
    },
    async pass(days: number): Promise<void> {
      for (let day = 0; day < days; day++) {
        clock.advance(DAY_MS);
        await world.sweeper.sweeps.run();
      }
    },
  };
}

describe('resources that nobody needs', () => {
  it('[RC30] go when no item has named them for a week, and are not counted any more', async () => {
    const world = makeWorld();
    await world.put();
    await world.pass(7);
    assert.equal(await world.there(), true, 'seen unused for six days');
    await world.pass(1);
    assert.equal(await world.there(), false);
    assert.equal(world.blobs.held.size, 0);
    assert.deepEqual(await world.resources.usage(BOARD).then(({ count, bytes }) => [count, bytes]), [0, 0]);
  });

  it('[RC30] stay while the hash stands anywhere in what is stored of an item, not as a part of something longer', async () => {
    const world = makeWorld();
    await world.put();
    await world.keepItem(`{"image":"${HASH}"}`);
    await world.pass(30);
    assert.equal(await world.there(), true);
    await world.keepItem(`a${HASH}`);
    await world.keepItem(`${HASH}0`, 'other');
    await world.pass(9);
    assert.equal(await world.there(), false);
  });

  it('[RC35] stay while the hash stands in an operation that was archived, or in a value that is kept apart', async () => {
    const keys = [opsRowKey(BOARD, 'picture', 1, 1), valueRowKey(BOARD, 'card')];
    for (const key of keys) {
      const world = makeWorld();
      await world.put();
      const record = { data: `{"deltas":[{"op":{"stamp":{"hash":"${HASH}"}}}]}`, indexes: {} };
      await world.store.transact([key], () => ({ changes: [{ key, record }], result: undefined }));
      await world.pass(30);
      assert.equal(await world.there(), true, key.kind);
      await world.store.transact([key], () => ({ changes: [{ key, record: 'delete' }], result: undefined }));
      await world.pass(9);
      assert.equal(await world.there(), false, key.kind);
    }
  });

  it('[RC31] the week begins again when an item names them, or they are put, meanwhile', async () => {
    const world = makeWorld();
    await world.put();
    await world.pass(6);
    await world.keepItem(HASH);
    await world.pass(1);
    await world.keepItem('');
    await world.pass(6);
    assert.equal(await world.there(), true);
    await world.put();
    await world.pass(6);
    assert.equal(await world.there(), true);
    await world.pass(3);
    assert.equal(await world.there(), false);
  });

  it('[RC32] what is put again while it is being deleted stays, at every step of the deletion', async () => {
    for (const moment of ['info', 'delete', 'afterDelete'] as const) {
      const world = makeWorld();
      await world.put();
      await world.pass(7);
      let done = false;
      const again = async (): Promise<void> => {
        if (done) return;
        done = true;
        await world.put();
      };
      const { info, delete: remove } = world.blobs;
      if (moment === 'info') {
        world.blobs.info = async function (name) {
          const found = await info.call(this, name);
          await again();
          return found;
        };
      }
      if (moment === 'delete') world.blobs.onChange = (what) => (what === 'delete' ? again() : undefined);
      if (moment === 'afterDelete') {
        world.blobs.delete = async function (...asked) {
          const gone = await remove.apply(this, asked);
          await again();
          return gone;
        };
      }
      await world.pass(1);
      assert.equal(done, true, moment);
      assert.equal(await world.there(), true, moment);
      assert.deepEqual((await world.resources.usage(BOARD)).count, 1, moment);
    }
  });

  it('[RC32] a deletion that broke off is ended by a later sweep', async () => {
    const world = makeWorld();
    await world.put();
    await world.pass(7);
    const { delete: remove } = world.blobs;
    world.blobs.delete = () => Promise.reject(new Failure('blobsUnavailable', 'away'));
    await world.pass(1);
    world.blobs.delete = remove;
    assert.equal(await world.resources.find(BOARD, HASH), undefined);
    await world.pass(1);
    assert.deepEqual([world.blobs.held.size, (await world.resources.usage(BOARD)).count], [0, 0]);
  });

  it('[RC22] what has not arrived after an hour never will, and is not counted any more', async () => {
    const world = makeWorld();
    world.blobs.failure = new Failure('blobsUnavailable', 'away');
    await assert.rejects(world.put());
    world.blobs.failure = undefined;
    assert.equal((await world.resources.usage(BOARD)).count, 1);
    await world.keepItem(HASH);
    await world.pass(1);
    assert.equal((await world.resources.usage(BOARD)).count, 0);
  });

  it('[RC33] a space is looked through by one instance at a time, and not at every sweep', async () => {
    const world = makeWorld();
    await world.put();
    let reads = 0;
    const { list } = world.store;
    world.store.list = function (...asked) {
      if (asked[1] === 'item') reads++;
      return list.apply(this, asked);
    };
    const others = [world.sweeper, new ResourceSweeper(world.parts), new ResourceSweeper(world.parts)];
    world.clock.advance(DAY_MS);
    for (const sweeper of others) await sweeper.sweeps.run();
    world.clock.advance(60_000);
    for (const sweeper of others) await sweeper.sweeps.run();
    assert.equal(reads, 1);
  });

  it('[RC33] sweeps go by time until they are stopped', async () => {
    const world = makeWorld();
    await world.put();
    let looks = 0;
    const { spaces } = world.store;
    world.store.spaces = function (...asked) {
      looks++;
      return spaces.apply(this, asked);
    };
    world.sweeper.sweeps.start();
    for (let minute = 0; minute < 3; minute++) {
      world.clock.advance(60_000);
      await world.sweeper.sweeps.run();
    }
    assert.ok(looks >= 3);
    await world.sweeper.sweeps.stop();
    assert.equal(world.clock.waiting, 0);
  });

  it('[RC34] go with their space, all of them, and where that fails the space is not said to be gone', async () => {
    const world = makeWorld();
    await world.put();
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(`number ${i}`);
      await world.resources.put(BOARD, bytes, createHash('sha256').update(bytes).digest('hex') as ResourceHash);
    }
    const parts = { store: world.store, clock: world.clock, engine: new FakeEngine(), contents: world.sweeper };
    const remove = () => deleteSpace(parts, BOARD, { subject: 'ann' });
    world.blobs.failure = new Failure('blobsUnavailable', 'away');
    await assert.rejects(remove());
    world.blobs.failure = undefined;
    assert.deepEqual(await remove(), { outcome: 'done', deleted: 0 });
    assert.equal(world.blobs.held.size, 0);
    assert.deepEqual(await world.resources.usage(BOARD).then(({ count, bytes }) => [count, bytes]), [0, 0]);
  });

  it('[RC34] a deletion of many goes on with the next call', async () => {
    const world = makeWorld();
    await world.put();
    assert.equal(await world.sweeper.clear(BOARD, world.clock.monotonic()), false);
    assert.equal(await world.there(), true);
    assert.ok(world.blobs.held.has(resourceBlobName(BOARD, HASH)));
    assert.equal(await world.sweeper.clear(BOARD, world.clock.monotonic() + 1), true);
    assert.equal(await world.there(), false);
  });
});
