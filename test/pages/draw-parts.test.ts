import assert from 'node:assert/strict';
import sharp from 'sharp';
import { readPng } from '../../src/pages/draw/png.ts';
import { undoOf } from '../../src/pages/draw/undo.ts';
import { draw } from '../../src/raster/draw.ts';
import type { DrawOp } from '../../src/raster/ops.ts';
import { Raster } from '../../src/raster/raster.ts';
import { Seeded } from '../simulation/seeded.ts';
import { stroke } from '../support/pictures.ts';

const SIZE = { width: 300, height: 280 };

function drawn(ops: readonly DrawOp[]): Raster {
  const raster = new Raster(SIZE.width, SIZE.height);
  draw(raster, ops);
  return raster;
}

describe('parts of the page of a picture', () => {
  it('[DR10] a PNG is read without loss, with every filter, and with colours that cannot be seen', async () => {
    const random = new Seeded(5);
    const noise = Buffer.from(Array.from({ length: 60 * 50 * 4 }, () => random.int(256)));
    const lines = Buffer.from(drawn(Array.from({ length: 40 }, (_, n) => stroke(n))).bytes());
    for (const [rgba, width, height] of [
      [noise, 60, 50],
      [lines, SIZE.width, SIZE.height],
    ] as const) {
      for (const adaptiveFiltering of [false, true]) {
        const image = sharp(rgba, { raw: { width, height, channels: 4 } });
        const png = await image.png({ adaptiveFiltering, palette: false }).toBuffer();
        const raster = await readPng(png);
        assert.deepEqual([raster.width, raster.height], [width, height]);
        assert.equal(Buffer.compare(Buffer.from(raster.bytes()), rgba), 0);
        assert.deepEqual(raster.takeDirty(), []);
      }
    }
    const grey = await sharp(noise, { raw: { width: 60, height: 50, channels: 4 } })
      .greyscale()
      .removeAlpha()
      .png()
      .toBuffer();
    await assert.rejects(readPng(grey), /a PNG of the form/);
  });

  it('[DR4] what is put back is what was there, also across tiles and over several operations', () => {
    const base = Array.from({ length: 30 }, (_, n) => stroke(n));
    const mine = [stroke(100), stroke(101), { fill: { x: 3, y: 3, color: '#11223344' } }] as const;
    const raster = drawn(base);
    const before = Buffer.from(raster.bytes());
    const changes = mine.map((op) => {
      const tiles = Array.from({ length: raster.tileCount }, (_, index) => raster.tile(index)?.slice());
      raster.takeDirty();
      draw(raster, [op]);
      return raster.takeDirty().map((index) => ({ index, before: tiles[index], after: raster.tile(index)?.slice() }));
    });
    const ops = undoOf(raster, changes);
    assert.ok(ops && ops.length > 0);
    draw(raster, ops);
    assert.equal(Buffer.compare(Buffer.from(raster.bytes()), before), 0);
    const noise: DrawOp = { pixels: [{ x: 0, y: 0, c: '#ffffff' }] };
    assert.deepEqual(undoOf(drawn([noise]), []), []);
  });

  it('[DR4] what somebody has drawn since stays', () => {
    const raster = drawn([]);
    const red: DrawOp = { fill: { x: 0, y: 0, color: '#ff0000' } };
    draw(raster, [red]);
    const after = raster.tile(0)?.slice();
    draw(raster, [{ pixels: [{ x: 7, y: 7, c: '#0000ff' }] }]);
    draw(raster, undoOf(raster, [[{ index: 0, before: undefined, after }]]) ?? []);
    assert.deepEqual([raster.get(7, 7), raster.get(8, 7)], [0xffff0000, 0]);
    assert.equal(raster.get(260, 0), 0xff0000ff, 'not told of');
  });
});
