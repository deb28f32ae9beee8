import assert from 'node:assert/strict';
import { simulatePresence } from './presence.ts';

const RUNS = 12;

describe('clients, simulated', function () {
  this.timeout(60_000);

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
});
