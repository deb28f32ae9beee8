import assert from 'node:assert/strict';
import type { Mutant } from './mutant.ts';
import { importMutated, mutate } from './mutant-loader.ts';

const FILE = 'src/model/keys.ts';
const MUTANT: Mutant = {
  name: 'selfTest',
  rule: 'Ids are spread over all shards.',
  changes: [{ file: FILE, find: 'return (hash >>> 0) % shards;', replace: 'return shards - shards;' }],
  found: undefined,
};

describe('the mutants of the simulator', () => {
  it('[SI17] change the source once and exactly, or not at all', () => {
    const source = 'a; return (hash >>> 0) % shards; b;';
    assert.equal(mutate(MUTANT, FILE, source), 'a; return shards - shards; b;');
    assert.throws(() => mutate(MUTANT, FILE, 'a; b;'), /selfTest.* 0 times/);
    assert.throws(() => mutate(MUTANT, FILE, source + source), /selfTest.* 2 times/);
  });

  it('[SI18] are modules of their own beside the real ones', async () => {
    type Keys = typeof import('../../src/model/keys.ts');
    const { shardOf } = (await importMutated(MUTANT, FILE)) as Keys;
    const real = await import('../../src/model/keys.ts');
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    assert.deepEqual(new Set(ids.map((id) => shardOf(id, 4))), new Set([0]));
    assert.ok(new Set(ids.map((id) => real.shardOf(id, 4))).size > 1);
  });
});
