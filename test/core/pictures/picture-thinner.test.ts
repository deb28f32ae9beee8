import assert from 'node:assert/strict';
import { PictureFiles } from '../../../src/core/pictures/picture-files.ts';
import { PictureThinner } from '../../../src/core/pictures/picture-thinner.ts';
import { Failure } from '../../../src/ports/failure.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';
import { FakeClock } from '../../support/clocks.ts';
import { SPACE } from '../../support/engine-fixture.ts';
import { PictureWorld } from '../../support/pictures.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RULE = { allMs: HOUR, hourlyMs: 24 * HOUR };
const SIZE = { algo: 'a', width: 1, height: 1, lineage: '1.0' };

class Stored {
  readonly clock = new FakeClock();
  readonly blobs = new MemoryBlobs();
  readonly files = new PictureFiles(this.blobs);
  readonly counted: string[] = [];

  constructor() {
    this.blobs.now = () => this.clock.now();
  }

  thinner(): PictureThinner {
    const metrics = { count: (name: string) => void this.counted.push(name), gauge() {}, observe() {} };
    return new PictureThinner({ deps: { clock: this.clock, metrics }, blobs: this.blobs, rule: RULE });
  }

  /** Versions 1, 2, 3 …, a minute between two. */
  async put(item: string, count: number): Promise<void> {
    for (let version = 1; version <= count; version++) {
      await this.files.put(this.life(item), { version, index: version, ...SIZE }, Buffer.from(`${version}`));
      await this.clock.advance(MINUTE);
    }
  }

  life(item: string) {
    return { space: SPACE, item, born: 1 };
  }

  async versions(item: string): Promise<number[]> {
    return (await this.files.list(this.life(item), 0, 1_000)).map(({ version }) => version);
  }
}

describe('thinning out stored pictures', function () {
  this.timeout(30_000);

  it('[PIC73] goes round all of them, page by page, and comes again', async () => {
    const stored = new Stored();
    for (const item of ['a', 'b', 'c']) await stored.put(item, 300);
    await stored.clock.advance(48 * HOUR);
    const [one, other] = [stored.thinner(), stored.thinner()];
    for (let look = 0; look < 12; look++) await (look % 2 ? one : other).thin();
    for (const item of ['a', 'b', 'c']) {
      const left = await stored.versions(item);
      assert.ok(left.length <= 2, `${left}`); // of one day, or of two
      assert.equal(left.at(-1), 300);
      assert.equal((await stored.files.newest(stored.life(item)))?.version, 300);
    }
    assert.ok(stored.counted.length >= 3 * 298);
  });

  it('[PIC73] while the blobs are away sweeps go on, the log says so, and it is done when they are back', async () => {
    const pictures = new PictureWorld();
    const { world, blobs } = pictures;
    blobs.now = () => world.clock.now();
    await pictures.create();
    for (let turn = 0; turn < 3; turn++) {
      await pictures.draw(2);
      await world.pass(40_000, 500);
    }
    const { engine, log } = world.at(0);
    const said = () => log.lines.filter((line) => JSON.stringify(line).includes('could not be thinned out')).length;
    blobs.failure = new Failure('blobsUnavailable', 'away');
    await world.pass(49 * HOUR, 10 * MINUTE);
    await world.run(engine.sweep());
    const before = said();
    assert.ok(before > 0);
    assert.equal((await world.run(engine.sweep())).pruned, 0);
    assert.deepEqual([said(), blobs.held.size], [before + 1, 4]);
    blobs.failure = undefined;
    await world.run(engine.sweep());
    assert.deepEqual([said(), blobs.held.size], [before + 1, 2]);
  });

  it('[PIC73] deletes so many at once, and no more', async () => {
    const stored = new Stored();
    await stored.put('a', 400);
    await stored.clock.advance(48 * HOUR);
    await stored.thinner().thin();
    assert.equal(stored.counted.length, 200);
  });

  it('[PIC73] what the pointer names stays, also while a newer one is stored that it does not name yet', async () => {
    const stored = new Stored();
    await stored.put('a', 2);
    stored.blobs.onChange = (_, name) => {
      if (name.endsWith('newest')) throw new Error('dies before the pointer');
    };
    await assert.rejects(
      stored.files.put(stored.life('a'), { version: 3, index: 3, ...SIZE }, Buffer.from('3')),
      /dies/,
    );
    stored.blobs.onChange = () => {};
    await stored.clock.advance(48 * HOUR);
    await stored.thinner().thin();
    assert.deepEqual(await stored.versions('a'), [2, 3]);
    assert.ok(await stored.files.readNewest(stored.life('a'), async () => true));
  });

  it('[PIC73] one that a late writer has written anew meanwhile stays', async () => {
    const stored = new Stored();
    await stored.put('a', 2);
    await stored.clock.advance(48 * HOUR);
    const [first] = await stored.blobs.list('p/', '', 1);
    assert.ok(first);
    let raced = false;
    stored.blobs.onChange = async (what) => {
      if (what !== 'delete' || raced) return;
      raced = true;
      await stored.blobs.delete(first.name);
      await stored.files.put(stored.life('a'), { version: 1, index: 1, ...SIZE }, Buffer.from('1'));
    };
    await stored.thinner().thin();
    assert.ok(raced);
    assert.deepEqual([await stored.versions('a'), stored.counted], [[1, 2], []]);
  });

  it('[PIC74] who finds the newest picture gone reads the one that has taken its place', async () => {
    const stored = new Stored();
    await stored.put('a', 1);
    let looks = 0;
    const found = await stored.files.readNewest(stored.life('a'), async () => {
      if (looks++ > 0) return true;
      await stored.put('a', 2);
      const [first] = await stored.blobs.list('p/', '', 1);
      await stored.blobs.delete(first?.name ?? '');
      return true;
    });
    assert.deepEqual([found?.newest.version, found?.bytes.toString(), looks], [2, '2', 2]);
  });

  it('[PIC72] sweeps do it, and the picture stays what it is', async () => {
    const pictures = new PictureWorld();
    const { world } = pictures;
    pictures.blobs.now = () => world.clock.now();
    await pictures.create();
    for (let turn = 0; turn < 4; turn++) {
      await pictures.draw(2);
      await world.pass(40_000, 500);
    }
    const before = await pictures.stored();
    assert.equal(before.length, 4);
    await world.run(world.at(0).engine.sweep());
    assert.deepEqual(await pictures.stored(), before);
    await world.pass(25 * HOUR, 10 * MINUTE);
    await world.run(world.at(0).engine.sweep());
    const after = await pictures.stored();
    assert.ok(after.length <= 2);
    assert.deepEqual(after.at(-1), before.at(-1));
    await world.evict(/^(a|g\/board)\/./);
    assert.equal((await pictures.picture()).pixels, pictures.whole);
  });
});
