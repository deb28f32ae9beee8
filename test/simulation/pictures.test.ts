import assert from 'node:assert/strict';
import fc from 'fast-check';
import { must } from '../../src/base/assert.ts';
import { CONFIGS } from './configs.ts';
import { createListingPainter, readListed, tilesOf } from './listing-painter.ts';
import { loadEngine } from './mutant-loader.ts';
import { simulate } from './simulate.ts';
import { addRun, emptyTally } from './tally.ts';

const RUNS = 6;

const op = (colors: fc.Arbitrary<number>) =>
  fc
    .record({ c: colors, tiles: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { minLength: 1 }) })
    .map(({ c, tiles }) => ({
      pixels: tiles.map((tile) => ({ x: tile * 256, y: 0, c: `#${String(c).padStart(6, '0')}` })),
    }));

/** Folds the operations in batches; after each of them, except the last, the picture is written and the next one drawn on that. */
async function listed(ops: readonly unknown[], cuts: readonly number[], onTiles: boolean) {
  const painter = createListingPainter(async () => {});
  const size = { width: 768, height: 16 };
  const says = { item: 'p', version: 1, index: 1, lineage: '1.0' };
  const tiles = new Map<number, Uint8Array>();
  let png: Uint8Array | undefined;
  let from = 0;
  for (const cut of [...cuts.map((one) => one % (ops.length + 1)).sort((a, b) => a - b), ops.length]) {
    const ground = png && !onTiles ? { tiles: [], png } : { tiles: [...tiles].sort() };
    const job = { task: 'fold', ...size, ...ground, ops: ops.slice(from, cut), stamps: new Map(), file: says } as const;
    const { changed, file } = await painter.run(job);
    for (const [tile, bytes] of changed) if (bytes) tiles.set(tile, bytes);
    png = file;
    from = cut;
  }
  const [drawn, encoded] = [
    png ?? Buffer.alloc(0),
    await painter.run({ task: 'encode', ...size, tiles: [...tiles].sort(), ...says }),
  ];
  const all = readListed(encoded).tiles;
  assert.deepEqual([...readListed(drawn).tiles].sort(), all);
  return all;
}

describe('pictures, simulated', function () {
  this.timeout(120_000);

  it('[PIC90] whatever happens, every picture is that of its operations, and nothing is put away too soon', async () => {
    const create = await loadEngine();
    const tally = emptyTally();
    for (let seed = 101; seed < 101 + RUNS; seed++)
      addRun(tally, await simulate(seed, must(CONFIGS.get('pictures'), 'a configuration'), create));
    assert.deepEqual(tally.failures, {});
    for (const happened of [
      'pictures checked',
      'pictures sent',
      'pictures read again',
      'pictures_stored',
      'pictures_thinned',
      'rasters dropped',
      'heads dropped',
      'spaces_emptied',
      'crashes',
      'pictures judged',
    ])
      assert.ok((tally.counters[happened] ?? 0) > 0, `${happened}: never`);
  });

  it('[PIC91] its painter tells apart whatever was drawn otherwise', async () => {
    const ops = fc.array(op(fc.nat(5)), { maxLength: 8 });
    const perTile = (all: readonly unknown[]) =>
      [0, 1, 2].map((tile) => all.flatMap((one) => tilesOf(one).get(tile) ?? []));
    await fc.assert(
      fc.asyncProperty(ops, ops, fc.array(fc.nat(8), { maxLength: 3 }), async (one, other, cuts) => {
        const [whole, cut, unlike] = [
          await listed(one, [], true),
          await listed(one, cuts, false),
          await listed(other, cuts, true),
        ];
        assert.deepEqual(cut, whole);
        const same = JSON.stringify(perTile(one)) === JSON.stringify(perTile(other));
        assert.equal(JSON.stringify(unlike) === JSON.stringify(whole), same);
      }),
      { numRuns: 60 },
    );
  });
});
