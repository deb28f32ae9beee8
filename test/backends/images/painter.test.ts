import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import sharp from 'sharp';
import { paint } from '../../../src/backends/images/paint.ts';
import { readPng, writePng } from '../../../src/backends/images/png-file.ts';
import { decodeImage } from '../../../src/backends/images/sharp.ts';
import { createThreadPainter } from '../../../src/backends/images/thread-painter.ts';
import { packTile, unpackTile } from '../../../src/backends/images/tiles.ts';
import type { Folded, FoldJob, Painted, Painter, PaintJob } from '../../../src/ports/painters.ts';
import { draw } from '../../../src/raster/draw.ts';
import type { DrawOp } from '../../../src/raster/ops.ts';
import { Raster } from '../../../src/raster/raster.ts';
import { imageOf, pngThatClaims } from '../../support/images.ts';
import { readStrokes } from '../../support/strokes.ts';

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const SIZE = { width: 300, height: 520 };
const OPS: DrawOp[] = [
  {
    stroke: {
      color: '#336699',
      width: 20,
      points: [
        [0, 0],
        [299, 519],
      ],
    },
  },
  { fill: { x: 299, y: 0, color: '#ff000080' } },
  { pixels: [{ x: 5, y: 500, c: '#12345600' }] },
];

function foldInto(tiles: Map<number, Uint8Array>, { changed }: Folded): void {
  for (const [index, bytes] of changed) {
    if (bytes === undefined) tiles.delete(index);
    else tiles.set(index, bytes);
  }
}
const foldJob = (tiles: Map<number, Uint8Array>, ops: readonly DrawOp[], size = SIZE): FoldJob => ({
  task: 'fold',
  ...size,
  tiles: [...tiles],
  ops,
  stamps: new Map(),
});

/** As an image library finds them. */
async function textsIn(png: Uint8Array): Promise<Record<string, string>> {
  const { comments = [] } = await sharp(png).metadata();
  return Object.fromEntries(comments.map(({ keyword, text }) => [keyword, text]));
}

describe('painting on a thread', () => {
  let painter: Painter;
  beforeEach(() => {
    painter = createThreadPainter();
  });
  afterEach(() => painter.end());

  it('[PIC30] folds operations into tiles, of which it gives back those that changed', async () => {
    const tiles = new Map<number, Uint8Array>();
    foldInto(tiles, await painter.run(foldJob(tiles, OPS)));
    assert.deepEqual([...tiles.keys()].sort(), [0, 1, 2, 3, 5]);
    const one = await painter.run(foldJob(tiles, [{ pixels: [{ x: 299, y: 0, c: '#000000' }] }]));
    assert.deepEqual(
      one.changed.map(([index]) => index),
      [1],
    );
    const none = await painter.run(foldJob(tiles, [{ clear: true }]));
    assert.deepEqual(
      none.changed.map(([index, bytes]) => [index, bytes]),
      [0, 1, 2, 3, 5].map((i) => [i, undefined]),
    );
  });

  it('[PIC25] can be made ready before there is anything to paint', async () => {
    assert.equal(await painter.run({ task: 'prepare' }), undefined);
    const { changed } = await painter.run(foldJob(new Map(), OPS));
    assert.equal(changed.length, 5);
  });

  it('[PIC30] draws the images that it is given', async () => {
    const png = await imageOf('png');
    const image = await painter.run({ task: 'decode', type: 'image/png', bytes: png });
    assert.ok(image);
    const stamp: DrawOp = { stamp: { x: 290, y: 250, hash: 'a'.repeat(64) } };
    const job = { ...foldJob(new Map(), [stamp]), stamps: new Map([['a'.repeat(64), image]]) };
    const { changed } = await painter.run(job);
    assert.deepEqual(
      changed.map(([index]) => index),
      [1],
    );
    assert.equal(unpackTile(changed[0]?.[1] ?? Buffer.alloc(0))[250 * 256 + 34], 0xffcc6633);
  });

  it('[PIC31] a picture is the same after it was written as a PNG and read again, and the file says which it is', async () => {
    const tiles = new Map<number, Uint8Array>();
    foldInto(tiles, await painter.run(foldJob(tiles, OPS)));
    const png = await painter.run({
      task: 'encode',
      ...SIZE,
      tiles: [...tiles],
      item: 'sketch',
      version: 12,
      index: 34,
      lineage: '1.1',
    });
    const back = await painter.run({ task: 'decode', type: 'image/png', bytes: png });
    const raster = new Raster(SIZE.width, SIZE.height);
    draw(raster, OPS);
    assert.deepEqual([back?.width, back?.height], [300, 520]);
    assert.equal(hashOf(back?.rgba ?? Buffer.alloc(0)), hashOf(raster.bytes()));
    assert.deepEqual(await textsIn(png), {
      'Longshore-Item': 'sketch',
      'Longshore-Version': '12',
      'Longshore-Index': '34',
      'Longshore-Lineage': '1.1',
    });
  });

  it('[PIC35] a fold also begins with a written picture, and writes what it has drawn', async () => {
    const tiles = new Map<number, Uint8Array>();
    const says = { item: 'sketch', version: 2, index: 3, lineage: '1.1' };
    const first = await painter.run({ ...foldJob(tiles, OPS.slice(0, 2)), file: says });
    foldInto(tiles, first);
    const onTiles = await painter.run({ ...foldJob(tiles, OPS.slice(2)), file: says });
    const onFile = await painter.run({ ...foldJob(new Map(), OPS.slice(2)), png: first.file, file: says });
    const raster = new Raster(SIZE.width, SIZE.height);
    draw(raster, OPS);
    for (const { file } of [onTiles, onFile]) {
      const { rgba } = (await decodeImage(file ?? Buffer.alloc(0), 'image/png')) ?? assert.fail('no picture');
      assert.equal(hashOf(rgba), hashOf(raster.bytes()));
      assert.equal((await textsIn(file ?? Buffer.alloc(0)))['Longshore-Index'], '3');
    }
    foldInto(tiles, onTiles);
    assert.deepEqual(
      new Map(onFile.changed.map(([index, bytes]) => [index, bytes && unpackTile(bytes)])),
      new Map([...tiles].sort(([a], [b]) => a - b).map(([index, bytes]) => [index, unpackTile(bytes)])),
    );
    assert.equal((await painter.run(foldJob(tiles, []))).file, undefined);
  });

  it('[PIC5] real strokes, folded in batches and packed in between, are the picture of all of them', async function () {
    const ops = readStrokes(this).slice(0, 200);
    const size = { width: 1024, height: 1024 };
    const tiles = new Map<number, Uint8Array>();
    for (let at = 0; at < ops.length; at += 37) {
      foldInto(tiles, await painter.run(foldJob(tiles, ops.slice(at, at + 37), size)));
    }
    const whole = new Raster(size.width, size.height);
    draw(whole, ops);
    const folded = new Raster(size.width, size.height);
    for (const [index, bytes] of tiles) folded.load(index, unpackTile(bytes));
    assert.equal(hashOf(folded.bytes()), hashOf(whole.bytes()));
    assert.ok([...tiles.values()].every((bytes) => bytes.length < 300_000));
  });

  it('[PIC23] a job that cannot be done is refused, and the next is done', async () => {
    const damaged = new Map([[0, new Uint8Array(5)]]);
    await assert.rejects(painter.run(foldJob(damaged, OPS)));
    assert.ok((await painter.run(foldJob(new Map(), OPS))).changed.length > 0);
  });

  it('[PIC24] a thread that is ended refuses what it had begun', async () => {
    const job: PaintJob = foldJob(new Map(), OPS);
    const running: Promise<Painted<FoldJob>> = painter.run(job as FoldJob);
    const refused = assert.rejects(running, /the thread has ended/);
    await painter.end();
    await refused;
  });
});

describe('images and tiles', () => {
  it('[PIC31] every pixel comes back from a PNG, also the colours of those that cannot be seen', async () => {
    const sizes = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) });
    await fc.assert(
      fc.asyncProperty(sizes, fc.uint8Array({ minLength: 4, maxLength: 400 }), async ({ width, height }, seed) => {
        const rgba = Uint8Array.from(
          { length: width * height * 4 },
          (_, i) => seed[(i * 7 + (i >> 5)) % seed.length] ?? 0,
        );
        const png = writePng(Raster.from(width, height, rgba), {});
        const back = await decodeImage(png, 'image/png');
        assert.equal(hashOf(back?.rgba ?? Buffer.alloc(0)), hashOf(rgba));
        assert.equal(hashOf(readPng(png).bytes()), hashOf(rgba));
      }),
      { numRuns: 40 },
    );
  });

  it('[PIC32] what is no image of its type, is damaged, or promises too many pixels is not decoded', async () => {
    const png = await imageOf('png', 200, 200);
    const gray = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'gray' } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    assert.equal((await decodeImage(gray, 'image/png'))?.rgba.length, 9 * 9 * 4);
    for (const format of ['jpeg', 'webp', 'gif'] as const) {
      const image = await decodeImage(await imageOf(format), `image/${format}`);
      assert.deepEqual([image?.width, image?.height, image?.rgba.length], [7, 5, 140]);
    }
    assert.equal(await decodeImage(png, 'image/gif'), undefined);
    assert.equal(await decodeImage(png.subarray(0, png.length - 30), 'image/png'), undefined);
    assert.equal(await decodeImage(await pngThatClaims(50_000, 50_000), 'image/png'), undefined);
    assert.equal(await decodeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/png'), undefined);
    assert.equal(await paint({ task: 'decode', type: 'image/png', bytes: Buffer.alloc(0) }), undefined);
  });

  it('[PIC31] texts stand in the file where readers look for them', async () => {
    const raster = new Raster(3, 2);
    const texts = { 'Longshore-Item': 'a:b~c', 'Longshore-Version': '9007199254740991' };
    const [png, marked] = [writePng(raster, {}), writePng(raster, texts)];
    assert.deepEqual(await textsIn(marked), texts);
    assert.deepEqual(await textsIn(png), {});
    assert.deepEqual(await decodeImage(marked, 'image/png'), await decodeImage(png, 'image/png'));
  });

  it('[PIC34] pictures that other libraries wrote in the same form are read, with every filter', async () => {
    const seed = Array.from({ length: 97 }, (_, i) => (i * i * 31) % 256);
    const rgba = Buffer.from(Array.from({ length: 60 * 50 * 4 }, (_, i) => (seed[i % 97] ?? 0) ^ (i >> 6)));
    for (const adaptiveFiltering of [false, true]) {
      const image = sharp(rgba, { raw: { width: 60, height: 50, channels: 4 } });
      const png = await image.png({ adaptiveFiltering, palette: false }).toBuffer();
      assert.equal(hashOf(readPng(png).bytes()), hashOf(rgba));
    }
  });

  it('[PIC34] what is no picture of this form, is damaged, or is larger than pictures are is refused', async () => {
    const png = writePng(new Raster(200, 100), {});
    assert.throws(() => readPng(png.subarray(0, png.length - 30)));
    assert.throws(() => readPng(Buffer.from('nothing')));
    assert.throws(() => readPng(Buffer.alloc(0)));
    const claims = Buffer.from(png);
    claims.writeUInt32BE(101, 20);
    assert.throws(() => readPng(claims), /bytes of pixels/);
    claims.writeUInt32BE(99, 20);
    assert.throws(() => readPng(claims));
    claims.writeUInt32BE(50_000, 20);
    assert.throws(() => readPng(claims), /200 by 50000/);
    await assert.rejects(async () => readPng(await imageOf('jpeg')));
    const grey = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'gray' } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    assert.throws(() => readPng(grey), /of the form/);
  });

  it('[PIC33] a packed tile is one again, also of noise, and what is none is refused', () => {
    const noise = Uint32Array.from({ length: 65_536 }, (_, i) => Math.imul(i + 1, 2_654_435_761) >>> 0);
    for (const tile of [noise, new Uint32Array(65_536)]) {
      const packed = packTile(tile);
      assert.ok(packed.length < 300_000);
      assert.deepEqual(unpackTile(packed), tile);
    }
    assert.throws(() => unpackTile(Buffer.from('nothing')));
    assert.throws(() => unpackTile(packTile(new Uint32Array(65_537))));
    assert.throws(() => unpackTile(packTile(new Uint32Array(65_535))), /a tile of/);
  });
});
