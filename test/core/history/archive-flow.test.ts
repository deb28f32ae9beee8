import assert from 'node:assert/strict';
import { Failure } from '../../../src/ports/failure.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';
import { EngineWorld } from '../../support/engine-fixture.ts';
import { allOps, archived, KIND, parkOps, readOps, text, texts, write } from '../../support/history.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Two instances that move what is an hour old; nothing else. */
function openWorld(): { world: EngineWorld; blobs: MemoryBlobs } {
  const blobs = new MemoryBlobs();
  const world = new EngineWorld({ durableAlways: true }, 0);
  for (let n = 0; n < 2; n++) world.start({}, { archive: { blobs, afterMs: HOUR } });
  return { world, blobs };
}

async function sweepAfter(world: EngineWorld, ms: number): Promise<void> {
  world.clock.advance(ms);
  await world.settle();
  // The first one may be joined by one that goes by time and prunes nothing.
  for (let turn = 0; turn < 2; turn++) await world.run(world.at(0).engine.sweep());
}

describe('the oldest operations of an item', () => {
  it('[AR1] [AR2] are moved by a sweep, and told by their index as before, by every instance', async () => {
    const { world, blobs } = openWorld();
    await write(world, 1, 200, 2_000);
    const before = (await archived(world)).length;
    assert(before > 5, `${before} records`);
    await sweepAfter(world, 2 * HOUR);
    assert.deepEqual([(await archived(world)).length, blobs.held.size], [1, before - 1]);
    const moved = [0, 1].map((on) => world.at(on).counts.get('moved_segments') ?? 0);
    assert.equal(
      moved.reduce((sum, one) => sum + one),
      before - 1,
    );
    for (const on of [0, 1]) {
      assert.deepEqual(await allOps(world, 'c', {}, on), texts(1, 200, 2_000));
      for (const index of [1, 2, 33, 100, 199]) {
        const { ops } = await readOps(world, 'c', { index, limit: 1 }, on);
        assert.deepEqual([ops[0]?.index, ops[0]?.op], [index, text(index, 2_000)]);
      }
    }
    // It goes on: what is written later finds the record that may grow, and is moved in its turn.
    await write(world, 201, 400, 2_000, 1);
    await sweepAfter(world, 2 * HOUR);
    world.restartCache();
    assert.deepEqual([(await archived(world)).length, await allOps(world, 'c')], [1, texts(1, 400, 2_000)]);
  });

  it('[AR4] go with a deleted item once tombstones go, and another life has its own', async () => {
    const { world, blobs } = openWorld();
    await write(world, 1, 200, 2_000);
    await sweepAfter(world, 2 * HOUR);
    assert(blobs.held.size > 4);
    await world.ok('c', { delete: true });
    await world.ok('c', { add: 'again' }, KIND);
    await sweepAfter(world, 2 * HOUR);
    assert(blobs.held.size > 4, 'the tombstone is young');
    assert.deepEqual(await allOps(world, 'c'), ['again']);
    await sweepAfter(world, DAY);
    assert.deepEqual([blobs.held.size, await allOps(world, 'c')], [0, ['again']]);
  });

  it('[AR7] while the blobs are away: the sweep says so and ends, new ones are told, those that are there are 503', async () => {
    const { world, blobs } = openWorld();
    await write(world, 1, 100, 2_000);
    blobs.failure = new Failure('blobsUnavailable', 'the blobs are away');
    await sweepAfter(world, 2 * HOUR);
    assert(world.at(0).log.lines.some((line) => JSON.stringify(line).includes('could not be moved')));
    assert.deepEqual(await allOps(world, 'c'), texts(1, 100, 2_000));
    blobs.failure = undefined;
    await sweepAfter(world, HOUR);
    blobs.failure = new Failure('blobsUnavailable', 'the blobs are away');
    await world.ok('c', { add: 'new' }, { on: 1 });
    assert.deepEqual(
      (await readOps(world, 'c', { index: 101 }, 1)).ops.map(({ op }) => op),
      ['new'],
    );
    const parked = parkOps(world, 'c', { index: 1, wait: 0 }, 1);
    await world.delivered(parked);
    assert.equal(parked.problem?.status, 503);
    blobs.failure = undefined;
    assert.equal((await allOps(world, 'c', {}, 1)).length, 101);
  });

  it('[AR7] while the blobs are away, what is left of a deleted item waits for them, the log says so, and it goes when they are back', async () => {
    const { world, blobs } = openWorld();
    await write(world, 1, 100, 2_000);
    await sweepAfter(world, 2 * HOUR);
    await world.ok('c', { delete: true });
    blobs.failure = new Failure('blobsUnavailable', 'the blobs are away');
    await sweepAfter(world, 2 * DAY);
    const said = (words: string) => world.at(0).log.lines.some((line) => JSON.stringify(line).includes(words));
    assert(said('ended lives could not be removed') && !said('the sweep of what others left'));
    blobs.failure = undefined;
    assert(blobs.held.size > 1);
    await sweepAfter(world, HOUR);
    assert.equal(blobs.held.size, 0);
  });

  it('[AR8] stay in the store where nothing says when they are to go; what was moved is told all the same', async () => {
    const { world, blobs } = openWorld();
    await write(world, 1, 100, 2_000);
    await sweepAfter(world, 2 * HOUR);
    const moved = blobs.held.size;
    assert(moved > 1);
    world.start({}, { archive: { blobs } });
    for (const place of [0, 1]) world.at(place).kill();
    await write(world, 101, 200, 2_000, 2);
    world.clock.advance(DAY);
    await world.settle();
    for (let turn = 0; turn < 2; turn++) await world.run(world.at(2).engine.sweep());
    assert.equal(blobs.held.size, moved);
    assert.deepEqual(await allOps(world, 'c', {}, 2), texts(1, 200, 2_000));
  });
});
