import assert from 'node:assert/strict';
import type { createEngine } from '../../src/core/engine.ts';
import { importMutated } from './mutant-loader.ts';
import { PRESENCE_MUTANTS } from './mutants-presence.ts';
import { simulatePresence } from './presence.ts';

const RUNS = 12;
/** Runs in which a broken rule has to be noticed. */
const PATIENCE = 25;

describe('clients, simulated', function () {
  this.timeout(120_000);

  it('[PR60] whatever goes wrong, in the end everybody sees exactly those who are here, and the last one out is noticed', async () => {
    const findings: string[] = [];
    let empties = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const { findings: found, counters } = await simulatePresence(seed);
      findings.push(...found.map(({ check, detail }) => `seed ${seed}: ${check}: ${detail}`));
      empties += counters.get('empty events') ?? 0;
    }
    assert.deepEqual(findings, []);
    assert.ok(empties >= RUNS);
  });

  it('[PR60] repeats a whole run from its seed', async () => {
    const [first, again] = [await simulatePresence(3), await simulatePresence(3)];
    assert.equal(first.hash, again.hash);
  });

  for (const mutant of PRESENCE_MUTANTS) {
    it(`[PR61] ${mutant.name} is noticed`, async () => {
      const module = (await importMutated(mutant, 'src/core/engine.ts')) as { createEngine: typeof createEngine };
      const first = mutant.found?.seed ?? 1;
      for (let seed = first; seed < first + PATIENCE; seed++) {
        if ((await simulatePresence(seed, module.createEngine)).findings.length > 0) return;
      }
      assert.fail(`nobody noticed that this rule is broken: ${mutant.rule}`);
    });
  }
});
