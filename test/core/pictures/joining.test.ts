import assert from 'node:assert/strict';
import { PictureFiles } from '../../../src/core/pictures/picture-files.ts';
import { Failure } from '../../../src/ports/failure.ts';
import type { PaintJob } from '../../../src/ports/painters.ts';
import { SPACE } from '../../support/engine-fixture.ts';
import { PictureWorld, watchJobs } from '../../support/pictures.ts';

/** Nothing but store and blobs is left of what instance 0 has done; its number is 1 from then on. */
async function restart({ world }: PictureWorld): Promise<void> {
  world.at(0).kill();
  world.start();
  await world.evict(/^(a|i|g\/board)\/./);
}

/** So many more operations, which the store has, but no stored picture. */
async function drawUnfiled(pictures: PictureWorld, count: number): Promise<void> {
  const { blobs, world } = pictures;
  blobs.failure = new Failure('blobsUnavailable', 'away');
  await pictures.draw(count, { each: 50 });
  await world.run(world.at(0).engine.stop(5_000));
  blobs.failure = undefined;
}

async function drawnAndStored(count: number): Promise<PictureWorld> {
  const pictures = new PictureWorld();
  await pictures.create();
  await pictures.draw(count, { each: 50 });
  await pictures.world.pass(40_000, 500);
  assert.equal((await pictures.stored()).at(-1)?.index, count + 1);
  return pictures;
}

/** What was painted: operations, and whether it began with a stored picture and made a file. */
const told = (jobs: readonly PaintJob[]) =>
  jobs.flatMap((job) => {
    if (job.task === 'prepare') return [];
    return [[job.task, job.task === 'fold' && [job.ops.length, job.png !== undefined, job.file !== undefined]]];
  });

describe('joining a picture on a server that has just begun', () => {
  it('[PIC36] it is sent as it is stored where nothing came after, though nobody can paint; then its raster is made', async () => {
    const pictures = await drawnAndStored(300);
    await restart(pictures);
    const { run } = pictures.pool;
    const held: (() => void)[] = [];
    pictures.pool.run = (...asked) =>
      new Promise((resolve, reject) => {
        held.push(() => run.apply(pictures.pool, asked).then(resolve as never, reject));
      });
    const sent = await pictures.picture(1);
    assert.deepEqual([sent.pixels, sent.index], [pictures.whole, 301]);
    const stored = [...pictures.blobs.held].find(([name]) => !name.endsWith('newest'))?.[1].bytes;
    assert.equal(Buffer.compare(sent.png, stored ?? Buffer.alloc(0)), 0);
    await pictures.world.pass(100);
    assert.equal(await pictures.raster(), undefined);
    assert.ok(held.length > 0);
    for (const go of held.splice(0)) go();
    await pictures.world.pass(100);
    assert.equal((await pictures.raster())?.index, 301);
    pictures.pool.run = run;
    await pictures.draw(3, { on: 1 });
    const jobs = watchJobs(pictures);
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
    assert.deepEqual(told(jobs), [['fold', [3, false, true]]]);
  });

  it('[PIC36] who asks again for the same gets it without any reading of blobs, on this instance', async () => {
    const pictures = await drawnAndStored(50);
    await restart(pictures);
    const first = await pictures.picture(1);
    pictures.blobs.failure = new Failure('blobsUnavailable', 'away');
    assert.equal(Buffer.compare((await pictures.picture(1)).png, first.png), 0);
  });

  it('[PIC37] the stored picture and what came after take one job, also for many who ask at once', async () => {
    const pictures = await drawnAndStored(100);
    await drawUnfiled(pictures, 1_900);
    await restart(pictures);
    const jobs = watchJobs(pictures);
    const all = await Promise.all(Array.from({ length: 5 }, () => pictures.picture(1)));
    for (const { pixels, index } of all) assert.deepEqual([pixels, index], [pictures.whole, 2_001]);
    assert.deepEqual(told(jobs), [['fold', [1_900, true, true]]]);
    assert.equal((await pictures.raster())?.index, 2_001);
    jobs.length = 0;
    await pictures.world.evict(/^g\/board\/./); // the raster is what is read now
    await pictures.draw(1, { on: 1 });
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
    assert.equal(jobs.filter((job) => job.task === 'fold' && job.png).length, 1);
  });

  it('[PIC37] without a stored picture, or while the blobs are away, everything is drawn', async () => {
    for (const failure of [undefined, new Failure('blobsUnavailable', 'away')]) {
      const pictures = failure ? await drawnAndStored(100) : new PictureWorld();
      if (!failure) await pictures.create();
      await drawUnfiled(pictures, 100);
      assert.equal(pictures.blobs.held.size, failure ? 2 : 0);
      await restart(pictures);
      pictures.blobs.failure = failure;
      const jobs = watchJobs(pictures);
      assert.equal((await pictures.picture(1)).pixels, pictures.whole);
      assert.deepEqual(told(jobs), [['fold', [pictures.drawn.length, false, true]]]);
    }
  });

  it('[PIC36] a stored picture with what a rollback took is not sent', async () => {
    const pictures = await drawnAndStored(20);
    await pictures.draw(4, { each: 1 }); // the first after a rest is stored before its answer
    await restart(pictures);
    pictures.drawn.length = 21;
    // As if somebody had stored too much.
    const files = new PictureFiles(pictures.blobs);
    const life = { space: SPACE, item: 'p', born: 1 };
    const newest = (await files.newest(life)) ?? assert.fail('nothing is stored');
    await files.put(life, { ...newest, version: newest.version + 4, index: 25 }, Buffer.from('never read'));
    const { pixels, index } = await pictures.picture(1);
    assert.deepEqual([pixels, index], [pictures.whole, 22]);
  });
});
