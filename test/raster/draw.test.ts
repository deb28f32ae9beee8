import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { draw, over, toPixel } from '../../src/raster/draw.ts';
import type { DrawOp } from '../../src/raster/ops.ts';
import { ALGO, Raster, toPixels } from '../../src/raster/raster.ts';
import { readStrokes } from '../support/strokes.ts';
import { drawSlowly } from './reference.ts';

const hashOf = (raster: Raster): string => createHash('sha256').update(raster.bytes()).digest('hex');

const IMAGE_HASH = 'a'.repeat(64);
const RGBA = Array.from({ length: 9 * 7 * 4 }, (_, i) => (i * 89 + (i >> 3) * 31) % 256);
const stamps = (hash: string) =>
  hash === IMAGE_HASH ? { width: 9, height: 7, pixels: toPixels(Uint8Array.from(RGBA)) } : undefined;
const images = new Map([[IMAGE_HASH, { width: 9, height: 7, rgba: RGBA }]]);

function drawn(width: number, height: number, ops: readonly DrawOp[], cuts: readonly number[] = []): Raster {
  const raster = new Raster(width, height);
  let from = 0;
  for (const cut of [...cuts.map((one) => one % (ops.length + 1)).sort((a, b) => a - b), ops.length]) {
    draw(raster, ops.slice(from, cut), stamps);
    from = cut;
  }
  return raster;
}

const colors = fc.constantFrom('#000000', '#ff0000', '#00ff0080', '#00000000', '#12345678');
const sides = fc.integer({ min: 1, max: 40 });
const places = fc.integer({ min: -30, max: 60 });
const points = fc.array(fc.tuple(places, places), { minLength: 1, maxLength: 6 });
const width = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 1, arbitrary: fc.constant(64) },
);
const anyOp: fc.Arbitrary<DrawOp> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ color: colors, width, points }).map((stroke): DrawOp => ({ stroke })) },
  fc
    .array(fc.record({ x: places, y: places, c: colors }), { minLength: 1, maxLength: 9 })
    .map((pixels): DrawOp => ({ pixels })),
  { weight: 2, arbitrary: fc.record({ x: places, y: places, color: colors }).map((fill): DrawOp => ({ fill })) },
  fc
    .record({ x: places, y: places, hash: fc.constantFrom(IMAGE_HASH, 'b'.repeat(64)) })
    .map((stamp): DrawOp => ({ stamp })),
  fc.constant<DrawOp>({ clear: true }),
);
const anyOps = fc.array(anyOp, { maxLength: 12 });

describe('drawing', () => {
  it('[PIC1] makes the pixels that the rules say, also beyond the edges', () => {
    fc.assert(
      fc.property(sides, sides, anyOps, (w, h, ops) => {
        assert.deepEqual(Buffer.from(drawn(w, h, ops).bytes()), drawSlowly(w, h, ops, images));
      }),
      { numRuns: 150 },
    );
  });

  it('[PIC1] the same across the edges of tiles', () => {
    const near = fc.integer({ min: 236, max: 276 });
    const op = fc.oneof(
      fc
        .record({ color: colors, width, points: fc.array(fc.tuple(near, near), { minLength: 1, maxLength: 4 }) })
        .map((stroke): DrawOp => ({ stroke })),
      fc.record({ x: near, y: near, hash: fc.constant(IMAGE_HASH) }).map((stamp): DrawOp => ({ stamp })),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 5 }), (ops) => {
        assert.deepEqual(Buffer.from(drawn(280, 270, ops).bytes()), drawSlowly(280, 270, ops, images));
      }),
      { numRuns: 20 },
    );
    const rooms: DrawOp[] = [
      {
        stroke: {
          color: '#000000',
          width: 3,
          points: [
            [0, 255],
            [279, 257],
            [256, 0],
            [255, 269],
          ],
        },
      },
      { fill: { x: 270, y: 265, color: '#ff0000' } },
      { fill: { x: 1, y: 1, color: '#00ff00' } },
    ];
    assert.deepEqual(Buffer.from(drawn(280, 270, rooms).bytes()), drawSlowly(280, 270, rooms));
  });

  it('[PIC2] is the same picture however the operations are cut into batches', () => {
    fc.assert(
      fc.property(sides, sides, anyOps, fc.array(fc.nat(20), { maxLength: 5 }), (w, h, ops, cuts) => {
        assert.equal(hashOf(drawn(w, h, ops, cuts)), hashOf(drawn(w, h, ops)));
      }),
    );
  });

  it('[PIC2] goes on from tiles that were kept, of which only the dirty ones are written', () => {
    fc.assert(
      fc.property(anyOps, anyOps, (before, after) => {
        const kept = new Map<number, Uint32Array | undefined>();
        const keep = (raster: Raster) => {
          for (const index of raster.takeDirty()) kept.set(index, raster.tile(index)?.slice());
        };
        const moved = (op: DrawOp): DrawOp =>
          'stroke' in op
            ? { stroke: { ...op.stroke, points: op.stroke.points.map(([x, y]) => [x * 9, y * 9] as const) } }
            : op;
        const [first, second] = [before.map(moved), after.map(moved)];
        const one = new Raster(300, 500);
        draw(one, first, stamps);
        keep(one);
        const two = new Raster(300, 500);
        for (const [index, tile] of kept) two.load(index, tile?.slice());
        draw(two, second, stamps);
        keep(two);
        const three = new Raster(300, 500);
        for (const [index, tile] of kept) three.load(index, tile);
        assert.equal(hashOf(three), hashOf(drawn(300, 500, [...first, ...second])));
      }),
      { numRuns: 50 },
    );
  });

  it('[PIC3] the hashes of fixed pictures never change under one name', () => {
    assert.equal(ALGO, 'longshore-raster-1');
    const fan: DrawOp[] = Array.from({ length: 64 }, (_, i) => ({
      stroke: {
        color: `#${(i * 3).toString(16).padStart(2, '0')}40${(255 - i).toString(16)}`,
        width: i + 1,
        points: [
          [300, 260],
          [i * 9, 500 - i * 7],
        ],
      },
    }));
    const rest: DrawOp[] = [
      { fill: { x: 599, y: 519, color: '#80ff80c0' } },
      { stamp: { x: 250, y: 250, hash: IMAGE_HASH } },
      {
        pixels: [
          { x: 0, y: 0, c: '#ffffff' },
          { x: 599, y: 519, c: '#01020304' },
        ],
      },
    ];
    assert.deepEqual(
      [hashOf(drawn(600, 520, fan)), hashOf(drawn(600, 520, [...fan, ...rest])), hashOf(drawn(3, 2, []))],
      [
        'c7b731cd739a548cadc514b80208c9b979f5ed85745d17f4041c23fbc0233e4b',
        '7c52c56e064f7c5d7cc59bd85bc44f86cefcb287832d9949267f24b1b7e320c3',
        '9d908ecfb6b256def8b49a7c504e6c889c4b0e41fe6ce3e01863dd7b61a20aa0',
      ],
    );
  });

  it('[PIC4] blends integers alone, and never beyond what there is', () => {
    assert.equal(over(toPixel('#ffffffff'), toPixel('#000000ff')), toPixel('#ffffff'));
    assert.equal(over(toPixel('#ffffff00'), toPixel('#12345678')), toPixel('#12345678'));
    assert.equal(over(toPixel('#ff000080'), 0), toPixel('#ff000080'));
    assert.equal(over(toPixel('#ff000080'), toPixel('#0000ff')), toPixel('#80007fff'));
    const byte = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(byte, byte, (source, under) => {
        const alpha = over(source, under) >>> 24;
        assert.ok(alpha >= Math.max(source >>> 24, under >>> 24) && alpha <= 255);
      }),
    );
  });

  it('[PIC5] real strokes: the picture at any point, and the rest, is the whole picture', function () {
    const ops = readStrokes(this);
    const whole = drawn(1024, 1024, ops);
    for (const k of [0, 1, 2, 17, 100, ops.length >> 1, ops.length - 1, ops.length]) {
      assert.equal(hashOf(drawn(1024, 1024, ops, [k])), hashOf(whole), `cut at ${k}`);
    }
    const few = ops.slice(0, 25);
    assert.deepEqual(Buffer.from(drawn(1024, 1024, few).bytes()), drawSlowly(1024, 1024, few));
  });

  it('[PIC6] a picture takes the bytes of its rows, from any row on', () => {
    const ops: DrawOp[] = [
      {
        stroke: {
          color: '#336699',
          width: 9,
          points: [
            [0, 0],
            [299, 299],
          ],
        },
      },
    ];
    const raster = drawn(300, 300, ops);
    const parts = [raster.bytes(0, 100), raster.bytes(100, 170), raster.bytes(270, 500), raster.bytes(300, 5)];
    assert.deepEqual(Buffer.concat(parts), Buffer.from(raster.bytes()));
  });
});
