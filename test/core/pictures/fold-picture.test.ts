import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { createMemoryCache } from '../../../src/backends/cache/memory.ts';
import { decodeImage } from '../../../src/backends/images/sharp.ts';
import { createThreadPainter } from '../../../src/backends/images/thread-painter.ts';
import { unpackTile } from '../../../src/backends/images/tiles.ts';
import {
  dropTiles,
  emptyRaster,
  type FoldParts,
  foldPicture,
  readTiles,
  unneeded,
} from '../../../src/core/pictures/fold-picture.ts';
import { PaintPool } from '../../../src/core/pictures/paint-pool.ts';
import { isReloadable, tileKey } from '../../../src/model/keys.ts';
import type { RasterRecord } from '../../../src/model/raster-record.ts';
import type { Cache } from '../../../src/ports/cache.ts';
import { Failure } from '../../../src/ports/failure.ts';
import { draw } from '../../../src/raster/draw.ts';
import type { DrawOp } from '../../../src/raster/ops.ts';
import { Raster, toPixels } from '../../../src/raster/raster.ts';
import { FakeClock } from '../../support/clocks.ts';
import { imageOf } from '../../support/images.ts';
import { readStrokes } from '../../support/strokes.ts';

const SPACE = 'board';
const [WIDTH, HEIGHT] = [700, 520];
const HASH = 'c'.repeat(64);

const hashOf = (raster: Raster): string => createHash('sha256').update(raster.bytes()).digest('hex');

describe('folding pictures', function () {
  this.timeout(30_000);

  const clock = new FakeClock();
  let cache: Cache;
  let pool: PaintPool;
  let parts: FoldParts;
  let ids: number;

  beforeEach(() => {
    cache = createMemoryCache({ clock, maxBytes: 64 * 1024 * 1024, evictable: isReloadable });
    pool = new PaintPool({ clock, hire: createThreadPainter, painters: 1, maxWaiting: 10 });
    ids = 0;
    const random = { fraction: () => 0.5, id: () => `tile-${ids++}` };
    const stamp = async () => decodeImage(await imageOf('png', 40, 30), 'image/png');
    parts = { cache, pool, random, stamp };
  });
  afterEach(async () => {
    await pool.close();
    await cache.close();
  });

  async function pixels(record: RasterRecord): Promise<string> {
    const raster = new Raster(record.width, record.height);
    const tiles = await readTiles(parts, SPACE, record);
    assert.ok(tiles, 'a tile is gone');
    for (const [index, bytes] of tiles) raster.load(index, unpackTile(bytes));
    return hashOf(raster);
  }
  async function fold(
    before: RasterRecord,
    ops: readonly DrawOp[],
  ): Promise<RasterRecord & { old: readonly string[] }> {
    const folded = await foldPicture(parts, SPACE, { raster: before }, { ops, version: before.version + 1 });
    assert.ok(folded.outcome === 'folded');
    return { ...folded.raster, old: folded.old };
  }
  async function replayed(ops: readonly DrawOp[], width = WIDTH, height = HEIGHT): Promise<string> {
    const raster = new Raster(width, height);
    const image = await decodeImage(await imageOf('png', 40, 30), 'image/png');
    assert.ok(image);
    draw(raster, ops, (hash) => (hash === HASH ? { ...image, pixels: toPixels(image.rgba) } : undefined));
    return hashOf(raster);
  }

  const place = fc.integer({ min: -50, max: 750 });
  const color = fc.constantFrom('#000000', '#ff8800', '#00000000', '#33669980');
  const op: fc.Arbitrary<DrawOp> = fc.oneof(
    fc
      .record({
        color,
        width: fc.integer({ min: 1, max: 30 }),
        points: fc.array(fc.tuple(place, place), { minLength: 1, maxLength: 4 }),
      })
      .map((stroke): DrawOp => ({ stroke })),
    fc.record({ x: place, y: place, color }).map((fill): DrawOp => ({ fill })),
    fc.record({ x: place, y: place, hash: fc.constant(HASH) }).map((stamp): DrawOp => ({ stamp })),
    fc.constant<DrawOp>({ clear: true }),
  );

  it('[PIC40] the raster at any operation and the tail after it are the picture of all operations', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(op, { maxLength: 5 }), { minLength: 1, maxLength: 4 }), async (batches) => {
        let record: RasterRecord = emptyRaster(WIDTH, HEIGHT, 1);
        const done: DrawOp[] = [];
        for (const batch of batches) {
          const { old, ...next } = await fold(record, batch);
          await dropTiles(parts, SPACE, old);
          done.push(...batch);
          record = next;
          assert.equal(record.index, done.length);
          assert.equal(await pixels(record), await replayed(done));
        }
      }),
      { numRuns: 15 },
    );
  });

  it('[PIC40] the same over real strokes, for many places to cut', async function () {
    const ops = readStrokes(this).slice(0, 150);
    const whole = await replayed(ops, 1024, 1024);
    for (const k of [0, 1, 50, 149, 150]) {
      const first = await fold(emptyRaster(1024, 1024, 1), ops.slice(0, k));
      assert.equal(await pixels(await fold(first, ops.slice(k))), whole, `cut at ${k}`);
    }
  });

  it('[PIC41] only tiles that change get new names; the raster before stays whole until its record is replaced', async () => {
    const line: DrawOp = {
      stroke: {
        color: '#000000',
        width: 3,
        points: [
          [0, 0],
          [699, 519],
        ],
      },
    };
    const before = await fold(emptyRaster(WIDTH, HEIGHT, 1), [line]);
    const pixelsBefore = await pixels(before);
    const after = await fold(before, [{ pixels: [{ x: 5, y: 5, c: '#ffffff' }] }]);
    const changed = Object.keys(after.tiles).filter((index) => after.tiles[index] !== before.tiles[index]);
    assert.deepEqual([changed, after.old], [['0'], [before.tiles[0]]]);
    assert.equal(await pixels(before), pixelsBefore);
    const cleared = await fold(after, [{ clear: true }]);
    assert.deepEqual([cleared.tiles, cleared.old.length], [{}, Object.keys(after.tiles).length]);
  });

  it('[PIC42] instances that fold the same tail make the same pixels, and the slower one takes back its own tiles alone', async () => {
    const before = await fold(emptyRaster(WIDTH, HEIGHT, 1), [{ fill: { x: 0, y: 0, color: '#336699' } }]);
    const tail: DrawOp[] = [{ stamp: { x: 240, y: 240, hash: HASH } }];
    const [fast, slow] = await Promise.all([fold(before, tail), fold(before, tail)]);
    assert.equal(await pixels(fast), await pixels(slow));
    await dropTiles(parts, SPACE, unneeded(slow, fast));
    assert.equal(await pixels(fast), await replayed([{ fill: { x: 0, y: 0, color: '#336699' } }, ...tail]));
    assert.equal(await readTiles(parts, SPACE, slow), undefined);
  });

  it('[PIC43] a tile that is gone, or another way of drawing, is said, not drawn over', async () => {
    const before = await fold(emptyRaster(WIDTH, HEIGHT, 1), [{ fill: { x: 0, y: 0, color: '#336699' } }]);
    const tail = { ops: [{ clear: true } as const], version: 3 };
    assert.deepEqual(await foldPicture(parts, SPACE, { raster: { ...before, algo: 'other' } }, tail), {
      outcome: 'lost',
    });
    await cache.delete(tileKey(SPACE, before.tiles[3] ?? ''));
    assert.deepEqual(await foldPicture(parts, SPACE, { raster: before }, tail), { outcome: 'lost' });
  });

  it('[PIC43] while an image cannot be asked for nothing is folded; one that is not there is not drawn', async () => {
    const tail = { ops: [{ stamp: { x: 0, y: 0, hash: HASH } } as const], version: 2 };
    const away = { ...parts, stamp: () => Promise.reject(new Failure('blobsUnavailable', 'away')) };
    await assert.rejects(foldPicture(away, SPACE, { raster: emptyRaster(WIDTH, HEIGHT, 1) }, tail), /away/);
    assert.equal(ids, 0);
    const none = await foldPicture(
      { ...parts, stamp: async () => undefined },
      SPACE,
      { raster: emptyRaster(WIDTH, HEIGHT, 1) },
      tail,
    );
    assert.ok(none.outcome === 'folded');
    assert.deepEqual([none.raster.tiles, none.raster.index], [{}, 1]);
  });
});
