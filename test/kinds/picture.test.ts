import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../src/base/json.ts';
import { picture } from '../../src/kinds/picture.ts';
import { MAX_PAINT_COST, MAX_PICTURE_OPS_BYTES } from '../../src/protocol/limits.ts';

const CONTEXT = { now: 0, version: 1 };
const MADE = { width: 640, height: 480, index: 1 };
const HASH = '0123456789abcdef'.repeat(4);
const STROKE = { stroke: { color: '#336699', width: 3, points: [[1, 2]] } };
const GOOD: Json[] = [
  STROKE,
  { stroke: { color: '#33669980', width: 64, points: Array.from({ length: 2000 }, (_, i) => [i, -i]) } },
  { pixels: [{ x: -4096, y: 8191, c: '#000000' }] },
  { pixels: Array.from({ length: 800 }, (_, i) => ({ x: i, y: i, c: '#ffffff' })) },
  { fill: { x: 0, y: 0, color: '#000000' } },
  { stamp: { x: 5, y: -5, hash: HASH } },
  { clear: true },
];

/** Together within the bytes of an update. */
const FEW = GOOD.filter((op) => JSON.stringify(op).length < 1_000);

const apply = (op: unknown, state: typeof MADE | null = MADE) => picture.apply(state, op, CONTEXT);

function refuses(op: unknown, detail: RegExp, state: typeof MADE | null = MADE): void {
  const applied = apply(op, state);
  assert.ok(applied.result === 'invalid', JSON.stringify(op)?.slice(0, 200));
  assert.equal(applied.code, 'badOp');
  assert.match(applied.detail, detail);
}

describe('the picture kind', () => {
  it('[PIC10] begins with its size, which is fixed from then on', () => {
    for (const [width, height] of [
      [1, 1],
      [4096, 4096],
      [640, 480],
    ]) {
      const made = apply({ create: { width, height } }, null);
      assert.ok(made.result === 'ok');
      assert.deepEqual([made.state, made.count], [{ width, height, index: 1 }, 1]);
    }
    for (const create of [
      { width: 0, height: 1 },
      { width: 4097, height: 1 },
      { width: 1.5, height: 1 },
      { width: '1', height: 1 },
      { width: 1 },
      { width: 1, height: 1, depth: 1 },
      null,
      [],
    ]) {
      refuses({ create }, /^the first operation of a picture is/, null);
    }
    for (const op of [...GOOD, { create: MADE, clear: true }, null, 'create', []]) refuses(op, /first operation/, null);
    refuses({ create: { width: 1, height: 1 } }, /there already/);
  });

  it('[PIC11] takes each operation alone, and several as a list that is counted one by one', () => {
    for (const op of GOOD) {
      const one = apply(op);
      assert.ok(one.result === 'ok', JSON.stringify(op).slice(0, 100));
      assert.deepEqual([one.count, one.state, one.delta], [1, { ...MADE, index: 2 }, op]);
    }
    const few = { ops: [STROKE, { clear: true }, STROKE] };
    const many = apply(few, { ...MADE, index: 7 });
    assert.ok(many.result === 'ok');
    assert.deepEqual([many.count, many.state, many.delta], [3, { ...MADE, index: 10 }, few]);
    assert.ok(apply({ ops: Array.from({ length: 100 }, () => ({ clear: true })) }).result === 'ok');
  });

  it('[PIC12] refuses what is not of the form, naming the place, and rounds nothing', () => {
    const stroke = (change: object) => ({ stroke: { ...STROKE.stroke, ...change } });
    const cases: [unknown, RegExp][] = [
      [null, /exactly one of/],
      [[], /exactly one of/],
      [{}, /exactly one of/],
      [{ circle: {} }, /exactly one of/],
      [{ constructor: {} }, /exactly one of/],
      [{ ...STROKE, clear: true }, /exactly one of/],
      [{ clear: false }, /^clear: must be true/],
      [stroke({ width: 0 }), /^stroke: width: must be an integer, 1 to 64/],
      [stroke({ width: 65 }), /width/],
      [stroke({ width: 1.5 }), /width/],
      [stroke({ color: 'red' }), /^stroke: color: must be #rrggbb/],
      [stroke({ color: '#ABCDEF' }), /color/],
      [stroke({ color: '#abc' }), /color/],
      [stroke({ points: [] }), /^stroke: points: must be 1 to 2000/],
      [stroke({ points: Array(2001).fill([0, 0]) }), /points: must be 1 to 2000/],
      [
        stroke({
          points: [
            [1, 2],
            [1.5, 2],
          ],
        }),
        /^stroke: points\[1\]: must be \[x, y\], integers/,
      ],
      [stroke({ points: [[1, 2, 3]] }), /points\[0\]/],
      [stroke({ points: [['1', 2]] }), /points\[0\]/],
      [stroke({ points: [[8192, 0]] }), /points\[0\]/],
      [stroke({ points: [[0, -4097]] }), /points\[0\]/],
      [stroke({ points: [[Number.NaN, 0]] }), /points\[0\]/],
      [stroke({ points: { 0: [0, 0] } }), /points/],
      [stroke({ alpha: 1 }), /must have color, width, points/],
      [{ stroke: { color: '#336699', width: 3 } }, /must have color, width, points/],
      [{ pixels: [] }, /^pixels: must be a list of 1 to 800/],
      [{ pixels: Array(801).fill({ x: 0, y: 0, c: '#000000' }) }, /pixels/],
      [
        {
          pixels: [
            { x: 0, y: 0, c: '#000000' },
            { x: 0, y: 0.1, c: '#000000' },
          ],
        },
        /^pixels\[1\]: y: must be/,
      ],
      [{ fill: { x: 0, y: 0 } }, /^fill: must have x, y, color/],
      [{ fill: { x: 1e9, y: 0, color: '#000000' } }, /^fill: x/],
      [{ stamp: { x: 0, y: 0, hash: HASH.toUpperCase() } }, /^stamp: hash/],
      [{ stamp: { x: 0, y: 0, hash: `${HASH}0` } }, /^stamp: hash/],
      [{ ops: [] }, /^ops: must be a list of 1 to 100/],
      [{ ops: Array(101).fill({ clear: true }) }, /^ops/],
      [{ ops: [STROKE, stroke({ width: 0 })] }, /^ops\[1\]: stroke: width/],
      [{ ops: [{ ops: [STROKE] }] }, /^ops\[0\]: an operation has/],
      [{ ops: [{ create: { width: 1, height: 1 } }] }, /^ops\[0\]/],
      [{ ops: STROKE }, /^ops/],
    ];
    for (const [op, detail] of cases) refuses(op, detail);
  });

  it('[PIC12] throws on nothing', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (op, inner) => {
        for (const one of [
          op,
          { stroke: inner },
          { pixels: [inner] },
          { fill: inner },
          { stamp: inner },
          { ops: [inner] },
        ]) {
          apply(one);
          apply(one, null);
        }
      }),
    );
  });

  it('[PIC13] an update of more than 32 KiB is too large', () => {
    const points = Array.from({ length: 2000 }, () => [-4000, -4000]);
    const ops = Array.from({ length: 2 }, () => ({ stroke: { color: '#336699', width: 3, points } }));
    assert.deepEqual(apply({ ops }), { result: 'tooLarge', limit: MAX_PICTURE_OPS_BYTES });
    assert.equal(apply({ ops: ops.slice(0, 1) }).result, 'ok');
  });

  it('[PIC15] what takes more than about a second to draw is too large, alone or together', () => {
    const large = { width: 4096, height: 4096, index: 1 };
    const fill = { fill: { x: 0, y: 0, color: '#000000' } };
    const across = Array.from({ length: 2000 }, (_, i) => (i % 2 ? [8191, 8191] : [-4096, -4096]));
    const fills = (count: number) => apply({ ops: Array(count).fill(fill) }, large);
    assert.equal(fills(4).result, 'ok');
    assert.deepEqual(fills(5), { result: 'tooLarge', limit: MAX_PAINT_COST });
    assert.equal(apply({ ops: Array(100).fill(fill) }).result, 'ok');
    const stroke = { stroke: { color: '#336699', width: 64, points: across } };
    assert.deepEqual(apply(stroke), { result: 'tooLarge', limit: MAX_PAINT_COST });
    const stamps = Array(5).fill({ stamp: { x: 0, y: 0, hash: HASH } });
    assert.deepEqual(apply({ ops: stamps }), { result: 'tooLarge', limit: MAX_PAINT_COST });
  });

  it('[PIC14] the delta of an operation leads to its state, which is kept as it is', () => {
    const ops: unknown[] = [{ create: { width: 9, height: 7 } }, ...GOOD, { ops: FEW }, { ops: [STROKE] }];
    let state = picture.empty();
    for (const op of ops) {
      const applied = picture.apply(state, op, CONTEXT);
      assert.ok(applied.result === 'ok');
      assert.deepEqual(picture.replay(state, applied.delta), applied.state);
      state = applied.state;
      assert.deepEqual(picture.decode(picture.encode(state)), state);
    }
    assert.deepEqual(picture.value(state), { width: 9, height: 7, index: GOOD.length + FEW.length + 2 });
  });
});
