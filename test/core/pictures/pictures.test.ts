import assert from 'node:assert/strict';
import type { ItemId } from '../../../src/protocol/ids.ts';
import { MAX_RECORD_BYTES, MAX_UNFOLDED_OPS } from '../../../src/protocol/limits.ts';
import { draw } from '../../../src/raster/draw.ts';
import type { DrawOp } from '../../../src/raster/ops.ts';
import { Raster, toPixels } from '../../../src/raster/raster.ts';
import { readRaw } from '../../doubles/raw-painter.ts';
import { SPACE } from '../../support/engine-fixture.ts';
import { hashOf, PictureWorld, SIZE, stroke } from '../../support/pictures.ts';

type Value = {
  readonly width: number;
  readonly height: number;
  readonly index: number;
  readonly lineage: string;
  readonly rasterVersion: number;
  readonly rasterIndex: number;
  readonly url: string;
  readonly ops?: readonly { readonly index: number; readonly op: DrawOp }[];
};

describe('pictures', () => {
  it('[PIC50] a joiner is told how far the picture is drawn, where its pixels are, and every operation after that', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(150, { each: 3 });
    await pictures.world.pass(3_000);
    await pictures.draw(20);
    const { ops = [], ...value } = (await pictures.shown()) as unknown as Value;
    const url = `/v1/spaces/${SPACE}/items/p/picture.png`;
    assert.deepEqual(value, {
      ...SIZE,
      index: 171,
      lineage: '1.0',
      rasterVersion: 51,
      rasterIndex: 151,
      url,
    });
    assert.deepEqual(
      ops.map(({ index, op }) => [index, op]),
      pictures.drawn.slice(150).map((op, i) => [152 + i, op]),
    );
  });

  it('[PIC25] whoever sees the value of a picture, or asks for it, has a painter made ready; others do not', async () => {
    const pictures = new PictureWorld();
    let ready = 0;
    pictures.pool.prepare = () => void ready++;
    await pictures.world.ok('card' as ItemId, { set: { x: 1 } }, { kind: 'register' });
    await pictures.world.snapshot(0);
    assert.equal(ready, 0);
    await pictures.create();
    assert.equal(ready, 0);
    await pictures.world.snapshot(0);
    assert.equal(ready, 1);
    await pictures.picture();
    assert.equal(ready, 2);
  });

  it('[PIC50] with many operations after the raster, the value names none of them', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(201, { each: 67 });
    const { ops, rasterIndex, index } = (await pictures.shown()) as unknown as Value;
    assert.deepEqual([ops, rasterIndex, index], [undefined, 0, 202]);
  });

  it('[PIC51] a picture is folded 2 s after it was drawn on, and sooner after 200 operations', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(150, { each: 50 });
    await pictures.world.pass(1_000);
    assert.equal(await pictures.raster(), undefined);
    await pictures.world.pass(1_500);
    assert.equal((await pictures.raster())?.index, 151);
    await pictures.draw(200, { each: 50 });
    await pictures.world.pass(500);
    assert.equal((await pictures.raster())?.index, 351);
  });

  it('[PIC52] the picture that is sent has every operation that was accepted, on every instance', async () => {
    const pictures = new PictureWorld(2);
    await pictures.create();
    for (let turn = 0; turn < 12; turn++) {
      await pictures.draw(7 * turn + 1, { each: 1 + turn, on: turn % 2 });
      if (turn % 3 === 0) await pictures.world.pass(2_500);
      const both = await Promise.all([0, 1].map((on) => pictures.picture(on)));
      for (const { pixels, index } of both)
        assert.deepEqual([pixels, index], [pictures.whole, pictures.drawn.length + 1]);
    }
  });

  it('[PIC52] raster at k and the operations after k are all operations, for every k', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    for (let k = 1; k <= 40; k++) {
      await pictures.draw(1 + (k % 3), { each: 1 + (k % 3) });
      const at = await pictures.picture();
      const rest = Array.from({ length: 10 }, (_, i) => stroke(1_000 + i));
      const raster = new Raster(SIZE.width, SIZE.height);
      const file = await pictures.world.run(pictures.world.at(0).engine.pictures.file(SPACE, 'p' as never));
      const pixels = toPixels(readRaw(file?.png ?? Buffer.alloc(0)).rgba);
      for (const [i, pixel] of pixels.entries()) raster.set(i % SIZE.width, Math.floor(i / SIZE.width), pixel);
      draw(raster, rest);
      const all = new Raster(SIZE.width, SIZE.height);
      draw(all, [...pictures.drawn, ...rest]);
      assert.equal(hashOf(raster.bytes()), hashOf(all.bytes()), `at ${at.index}`);
    }
  });

  it('[PIC53] two instances that fold at once make one picture, and leave no tile that nothing names', async () => {
    const pictures = new PictureWorld(2);
    await pictures.create();
    for (let turn = 0; turn < 20; turn++) {
      await pictures.draw(5, { on: turn % 2 });
      const both = await Promise.all(
        [0, 1]
          .map((on) => pictures.world.at(on).engine.pictures.file(SPACE, 'p' as never))
          .map((p) => pictures.world.run(p)),
      );
      for (const file of both) assert.equal(hashOf(readRaw(file?.png ?? Buffer.alloc(0)).rgba), pictures.whole);
    }
    const named = Object.values((await pictures.raster())?.tiles ?? {});
    const there = await pictures.world.keysLike(/^g\/board\/./);
    assert.deepEqual(there.map((key) => key.split('/').at(-1)).sort(), named.sort());
    for (const key of there) assert.ok(((await pictures.world.record(key))?.length ?? 0) < MAX_RECORD_BYTES);
  });

  it('[PIC54] a raster or a tile that the cache has lost is made again', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(50, { each: 10 });
    for (const lost of [/^a\//, /^g\/board\/./]) {
      await pictures.picture();
      await pictures.draw(1);
      assert.ok((await pictures.world.evict(lost)) > 0);
      assert.equal((await pictures.picture()).pixels, pictures.whole);
      await pictures.draw(1);
      await pictures.world.pass(3_000);
      assert.ok((await pictures.world.evict(lost)) > 0, 'nothing is left to be folded');
      assert.equal((await pictures.picture()).pixels, pictures.whole);
    }
  });

  it('[PIC54] what a rollback has taken is in no picture', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(20);
    await pictures.world.pass(20_000);
    await pictures.draw(1); // the first after a rest is stored before its answer
    const kept = pictures.drawn.length;
    await pictures.draw(10);
    assert.equal((await pictures.picture()).pixels, pictures.whole);
    pictures.world.at(0).kill();
    pictures.world.start();
    await pictures.world.evict(/^i\//);
    pictures.drawn.length = kept;
    const after = await pictures.picture(1);
    assert.deepEqual([after.pixels, after.index], [pictures.whole, kept + 1]);
    await pictures.draw(3, { on: 1 });
    assert.equal((await pictures.picture(1)).pixels, pictures.whole);
  });

  it('[PIC56] an update is folded as a whole: each version is one picture', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    await pictures.draw(4_050, { each: 90 });
    const folded: number[] = [];
    const { run } = pictures.pool;
    pictures.pool.run = (urgency, job, signal) => {
      if (job.task === 'fold') folded.push(job.ops.length);
      return run.call(pictures.pool, urgency, job, signal) as never;
    };
    assert.equal((await pictures.picture()).pixels, pictures.whole);
    assert.deepEqual(folded, [1_980, 1_980, 90]);
    // What takes long is drawn in parts.
    const stamps = { ops: Array(4).fill({ stamp: { x: 0, y: 0, hash: 'a'.repeat(64) } }) };
    for (let n = 0; n < 3; n++) await pictures.world.ok('p', stamps);
    folded.length = 0;
    await pictures.picture();
    assert.deepEqual(folded, [8, 4]);
  });

  it('[PIC55] while folding lags too far behind updates are told to come again, then they are accepted', async () => {
    const pictures = new PictureWorld();
    await pictures.create();
    const { run } = pictures.pool;
    pictures.pool.run = () => new Promise(() => {});
    for (let done = 0; done < MAX_UNFOLDED_OPS; done += 100)
      await pictures.world.ok('p', { ops: Array(100).fill({ clear: true }) });
    const refused = await pictures.world.post('p', stroke(1));
    assert.deepEqual([refused.result, 'code' in refused && refused.code], ['retry', 'folding']);
    assert.equal((await pictures.world.post('other', { set: 1 })).result, 'ok');
    pictures.pool.run = run;
    const next = new PictureWorld();
    await next.create();
    const clear = { ops: Array(100).fill({ clear: true }) };
    for (let done = 0; done < 2 * MAX_UNFOLDED_OPS; done += 100) {
      await next.world.ok('p', clear);
      await next.world.pass(300);
    }
    assert.equal((await next.picture()).index, 2 * MAX_UNFOLDED_OPS + 1);
  });
});
