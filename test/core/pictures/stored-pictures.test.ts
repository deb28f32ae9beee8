import assert from 'node:assert/strict';
import { PictureFiles } from '../../../src/core/pictures/picture-files.ts';
import { encodeHead } from '../../../src/model/head.ts';
import { headKey } from '../../../src/model/keys.ts';
import { Failure } from '../../../src/ports/failure.ts';
import type { ClientId } from '../../../src/protocol/ids.ts';
import { readRaw } from '../../doubles/raw-painter.ts';
import { SPACE } from '../../support/engine-fixture.ts';
import { GRACE, LEASE } from '../../support/people.ts';
import { hashOf, PictureWorld, replayed, stroke, watchJobs } from '../../support/pictures.ts';

/** Long enough for the sweep to find what is due, whose times are coarse. */
const SWEPT = LEASE + GRACE + 30_000;
const PICTURE = 'p';
const CALLER = { subject: 'anonymous' };

async function join({ world }: PictureWorld, clientId: string, on = 0): Promise<void> {
  await world.run(world.at(on).engine.clients.join(SPACE, { clientId }, CALLER));
}
async function leave({ world }: PictureWorld, client: string, on = 0): Promise<void> {
  await world.run(world.at(on).engine.clients.leave(SPACE, client as ClientId, undefined, CALLER));
}

describe('stored pictures', () => {
  it('[PIC60] a picture is stored 30 s after it was drawn on, and each stored version stays as it was', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(10);
    await pictures.world.pass(25_000, 250);
    assert.deepEqual(await pictures.stored(), []);
    await pictures.world.pass(10_000, 250);
    const first = pictures.whole;
    assert.deepEqual(
      (await pictures.stored()).map(({ index }) => index),
      [11],
    );
    await pictures.draw(5);
    await pictures.world.pass(40_000, 250);
    const stored = await pictures.stored();
    assert.deepEqual(
      stored.map(({ index }) => index),
      [11, 16],
    );
    assert.equal((await pictures.picture(0, stored[0]?.version)).pixels, first);
    assert.equal((await pictures.picture(0, stored[1]?.version)).pixels, pictures.whole);
    await pictures.world.pass(120_000, 500);
    assert.equal((await pictures.stored()).length, 2, 'stored once');
  });

  it('[PIC60] after 1,000 operations it is stored sooner', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(1_000, { each: 50 });
    await pictures.world.pass(8_000, 250);
    assert.deepEqual(
      (await pictures.stored()).map(({ index }) => index),
      [1_001],
    );
  });

  it('[PIC60] after each 1,000 operations it is stored, also while so much is drawn that folding is always due', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    let behind = 0;
    for (let turn = 0; turn < 40; turn++) {
      await pictures.draw(210, { each: 70 });
      await pictures.world.pass(250, 125);
      behind = Math.max(behind, pictures.drawn.length + 1 - ((await pictures.stored()).at(-1)?.index ?? 0));
    }
    assert.ok(behind < 2_000, `${behind} operations behind`);
    assert.ok((await pictures.stored()).length >= 6);
  });

  it('[PIC38] while it cannot be stored, or that takes long, it is folded as ever', async () => {
    const pictures = new PictureWorld();
    const { world, blobs } = pictures;
    await pictures.create();
    await pictures.draw(10);
    await world.pass(20_000, 500);
    let slow = 0;
    blobs.onChange = async () => {
      slow++;
      await world.clock.sleep(60_000);
    };
    await world.pass(15_000, 500);
    assert.equal(slow, 1);
    for (const after of [undefined, new Failure('blobsUnavailable', 'away')]) {
      blobs.failure = after;
      for (let turn = 0; turn < 3; turn++) {
        await pictures.draw(5);
        await world.pass(2_600, 200);
        assert.equal((await pictures.raster())?.index, pictures.drawn.length + 1);
      }
      await world.pass(70_000, 500);
    }
    assert.ok((world.at(0).counts.get('picture_failures') ?? 0) > 1);
    await pictures.draw(5);
    await world.pass(2_600, 200);
    assert.equal((await pictures.raster())?.index, pictures.drawn.length + 1, 'while it is tried again and again');
  });

  it('[PIC39] an instance that stops stores what was drawn on it, in the time that it has', async () => {
    const pictures = new PictureWorld(2);
    const { world, blobs } = pictures;
    await pictures.create();
    await pictures.draw(12);
    await world.run(world.at(0).engine.stop(2_000));
    assert.deepEqual(
      (await pictures.stored(1)).map(({ index }) => index),
      [13],
    );
    assert.equal((await pictures.picture(1, (await pictures.stored(1))[0]?.version)).pixels, pictures.whole);
    await pictures.draw(3, { on: 1 });
    blobs.onChange = () => world.clock.sleep(60_000);
    const began = world.clock.monotonic();
    await world.run(world.at(1).engine.stop(2_000));
    assert.ok(world.clock.monotonic() - began < 1_500, 'it does not wait for what takes too long');
  });

  it('[PIC61] it waits for the store to have its operations; what is lost before is in none', async () => {
    const pictures = new PictureWorld();
    const { world } = pictures;
    await pictures.create();
    await pictures.draw(5);
    const { store } = world.at(0);
    store.down = true;
    await world.pass(45_000, 250);
    assert.deepEqual([...pictures.blobs.held.keys()], []);
    store.down = false;
    await world.pass(40_000, 250);
    const [version] = (await pictures.stored()).map((each) => each.version);
    assert.equal((await pictures.picture(0, version)).pixels, pictures.whole);
  });

  it('[PIC62] a late writer changes nothing that is stored, and does not move the pointer back', async () => {
    const pictures = new PictureWorld();
    const files = new PictureFiles(pictures.blobs);
    const life = { space: SPACE, item: 'p', born: 1 };
    const picture = (version: number) => ({ version, index: version, lineage: '1.0', algo: 'a', width: 1, height: 1 });
    await files.put(life, picture(9), Buffer.from('nine'));
    await files.put(life, picture(7), Buffer.from('seven'));
    await files.put(life, picture(9), Buffer.from('other'));
    assert.equal((await files.newest(life))?.version, 9);
    assert.equal((await files.read(life, picture(9)))?.toString(), 'nine');
    // A newer one comes between the look at the pointer and its change.
    let overtaken = false;
    pictures.blobs.onChange = async (_what, name) => {
      if (overtaken || !name.endsWith('newest')) return;
      overtaken = true;
      await files.put(life, picture(12), Buffer.from('twelve'));
    };
    await files.put(life, picture(11), Buffer.from('eleven'));
    assert.deepEqual([overtaken, (await files.newest(life))?.version], [true, 12]);
    assert.deepEqual(
      (await files.list(life, 7, 10)).map(({ version }) => version),
      [9, 11, 12],
    );
  });

  it('[PIC63] while it cannot be stored operations go on, metrics tell, and it is stored when the blobs are back', async () => {
    const pictures = new PictureWorld();
    const { world } = pictures;
    await pictures.create();
    await pictures.draw(5);
    pictures.blobs.failure = new Failure('blobsUnavailable', 'away');
    await world.pass(60_000, 250);
    await pictures.draw(5);
    await world.pass(3_000, 250);
    assert.equal((await pictures.raster())?.index, 11, 'drawn on');
    assert.equal((await pictures.shown()).index, 11);
    const { counts } = world.at(0);
    assert.equal(counts.get('unwritten_pictures'), 1);
    assert.ok((counts.get('oldest_unwritten_picture_ms') ?? 0) >= 60_000);
    assert.ok((counts.get('picture_failures') ?? 0) > 2);
    pictures.blobs.failure = undefined;
    await world.pass(40_000, 250);
    const last = (await pictures.stored()).at(-1);
    assert.equal((await pictures.picture(0, last?.version)).pixels, pictures.whole);
    await world.pass(1_000, 250);
    assert.deepEqual([counts.get('unwritten_pictures'), counts.get('oldest_unwritten_picture_ms')], [0, 0]);
  });

  it('[PIC64] when everybody has left the picture is stored and leaves the cache; the next one sees the same', async () => {
    const pictures = new PictureWorld(2);
    const { world } = pictures;
    await join(pictures, 'ann');
    await pictures.create();
    await pictures.draw(30);
    await world.pass(3_000, 250);
    assert.ok(await pictures.raster());
    await leave(pictures, 'ann');
    await world.pass(SWEPT, 500);
    assert.deepEqual(await world.keysLike(/^(a|i|g\/board)\/./), []);
    const last = (await pictures.stored(1)).at(-1);
    assert.equal((await pictures.picture(1, last?.version)).pixels, pictures.whole);
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
    await pictures.draw(3, { on: 1 });
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
  });

  it('[PIC64] a joiner with many operations behind gets the stored picture, and not all operations', async () => {
    const pictures = new PictureWorld();
    const { world } = pictures;
    await join(pictures, 'ann');
    await pictures.create();
    await pictures.draw(600, { each: 100 });
    await leave(pictures, 'ann');
    await world.pass(SWEPT, 500);
    const shown = await pictures.shown();
    assert.deepEqual([shown.rasterIndex, shown.index, shown.ops], [601, 601, []]);
    const jobs = watchJobs(pictures);
    assert.equal((await pictures.picture()).pixels, pictures.whole);
    assert.ok(
      jobs.every((job) => job.task === 'fold' && job.ops.length === 0),
      'loaded, not drawn',
    );
  });

  it('[PIC68] an instance that had drawn does not bring back what another has put away', async () => {
    for (const after of [10_000, 20_000, 30_000]) {
      const pictures = new PictureWorld(2);
      const { world } = pictures;
      await join(pictures, 'ann');
      await pictures.create();
      await pictures.draw(5);
      await leave(pictures, 'ann');
      await world.pass(after, 250);
      await pictures.draw(1, { on: 1 });
      await world.pass(SWEPT + 60_000, 500);
      assert.deepEqual(await world.keysLike(/^(a|i|g\/board)\/./), [], `drawn after ${after} ms`);
      assert.equal((await pictures.picture(1)).pixels, pictures.whole);
    }
  });

  it('[PIC69] nothing is put away while somebody is here, also where storing takes so long that somebody is back', async () => {
    const pictures = new PictureWorld(2);
    const { world } = pictures;
    await join(pictures, 'ann');
    await pictures.create();
    await pictures.draw(5);
    await leave(pictures, 'ann');
    await world.pass(32_000, 250); // stored by then, so that it is not due again before it is put away
    await pictures.draw(1);
    let back: Promise<unknown> | undefined;
    pictures.blobs.onChange = async () => {
      back ??= world.at(1).engine.clients.join(SPACE, { clientId: 'bob' }, CALLER);
      await world.clock.sleep(5_000);
    };
    for (let waited = 0; !back && waited < 2 * SWEPT; waited += 500) await world.pass(500, 500);
    await world.pass(20_000, 500);
    assert.ok(back && (await pictures.raster()), 'the raster is there for bob');
    await world.run(back);
    await leave(pictures, 'bob');
    await world.pass(2 * SWEPT, 500);
    assert.deepEqual(await world.keysLike(/^(a|i|g\/board)\/./), []);
  });

  it('[PIC95] an item of which nobody noted any more that it is stored is put away like others', async () => {
    const pictures = new PictureWorld(2);
    const { world } = pictures;
    await join(pictures, 'ann');
    await pictures.create();
    await world.ok('card', { set: { x: 1 } }, { kind: 'register', release: true });
    await world.ok(PICTURE, stroke(0), { release: true });
    pictures.drawn.push(stroke(0));
    await leave(pictures, 'ann');
    await world.pass(20_000, 500);
    await world.evict(/^d\//); // no sweep comes to them
    for (const item of ['card', PICTURE]) {
      const head = await world.head(item);
      assert.ok(head && !head.open);
      const behind = encodeHead({ ...head, pv: head.v - 1 });
      await world.run(world.at(0).cache.set(headKey(SPACE, item), behind));
    }
    await world.pass(2 * SWEPT, 500);
    assert.deepEqual(await world.keysLike(/^(a|i|g\/board)\/./), []);
    assert.equal((await pictures.stored(1)).at(-1)?.index, 2);
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
  });

  it('[PIC65] somebody comes back and draws while it is being stored: nothing is lost, wherever that is', async () => {
    for (const at of [1, 2, 3, 4, 5, 6]) {
      const pictures = new PictureWorld(2);
      const { world } = pictures;
      await join(pictures, 'ann');
      await pictures.create();
      await pictures.draw(10);
      await leave(pictures, 'ann');
      let calls = 0;
      let back: Promise<unknown> | undefined;
      const comeBack = (): void => {
        if (++calls !== at) return;
        const ops = { ops: [{ fill: { x: 5, y: 5, color: '#123456' } }] };
        back = world.at(1).engine.postUpdate(SPACE, { updates: [{ item: 'p', op: ops }] }, CALLER);
        pictures.drawn.push(...(ops.ops as typeof pictures.drawn));
      };
      pictures.blobs.onChange = comeBack;
      const { run } = pictures.pool;
      pictures.pool.run = (urgency, job, signal) => {
        comeBack();
        return run.call(pictures.pool, urgency, job, signal) as never;
      };
      await world.pass(2 * SWEPT, 500);
      calls = 1_000;
      if (back) await world.run(back);
      assert.ok(back || at > 3, `nobody came back at ${at}`);
      for (const on of [0, 1]) assert.equal((await pictures.picture(on)).pixels, pictures.whole, `back at ${at}`);
      await world.pass(60_000, 500);
      const newest = (await pictures.stored()).at(-1);
      assert.equal((await pictures.picture(0, newest?.version)).pixels, pictures.whole);
    }
  });

  it('[PIC65] every stored version is the picture of exactly its operations', async () => {
    const pictures = new PictureWorld(2);
    const { world } = pictures;
    await pictures.create();
    for (let turn = 0; turn < 8; turn++) {
      await pictures.draw(9, { each: 1 + (turn % 3), on: turn % 2 });
      await world.pass(11_000, 500);
      if (turn === 4) await world.evict(/^(a|g\/board)\/./);
    }
    await world.pass(40_000, 500);
    const stored = await pictures.stored();
    assert.ok(stored.length >= 2);
    for (const { version, index } of stored) {
      const { pixels } = await pictures.picture(0, version);
      assert.equal(pixels, replayed(pictures.drawn.slice(0, index - 1)), `version ${version}`);
    }
    for (const { bytes } of [...pictures.blobs.held]
      .filter(([name]) => !name.endsWith('newest'))
      .map(([, held]) => held))
      assert.ok(hashOf(readRaw(bytes).rgba));
  });

  it('[PIC66] stored pictures go with their item, once its tombstone may be forgotten', async () => {
    const pictures = new PictureWorld();
    const { world } = pictures;
    await pictures.create();
    await pictures.draw(3);
    await world.pass(40_000, 500);
    assert.equal(pictures.blobs.held.size, 2);
    await world.ok('p', { delete: true });
    await world.run(world.at(0).engine.sweep());
    assert.equal(pictures.blobs.held.size, 2);
    await world.pass(25 * 3_600_000, 600_000);
    await world.run(world.at(0).engine.sweep());
    assert.equal(pictures.blobs.held.size, 0);
  });

  it('[PIC66] stored pictures go with their space', async () => {
    const pictures = new PictureWorld();
    const files = new PictureFiles(pictures.blobs);
    const picture = { version: 1, index: 1, lineage: '1.0', algo: 'a', width: 1, height: 1 };
    for (const item of ['a', 'b']) await files.put({ space: SPACE, item, born: 1 }, picture, Buffer.from('x'));
    await files.put({ space: 'other', item: 'a', born: 1 }, picture, Buffer.from('x'));
    let calls = 3;
    assert.equal(await files.clear(SPACE, () => calls-- > 0), false);
    assert.equal(await files.clear(SPACE, () => true), true);
    assert.equal(pictures.blobs.held.size, 2);
  });
});
