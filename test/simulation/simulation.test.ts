import assert from 'node:assert/strict';
import { CONFIGS } from './faults.ts';
import { createNaiveEngine } from './naive-engine.ts';
import { simulate } from './simulate.ts';
import { addRun, emptyTally } from './tally.ts';

describe('the simulator', () => {
  it('[SI19] repeats a whole run of the engine from its seed', async () => {
    const config = CONFIGS.get('all');
    assert.ok(config);
    const [a, b, c] = [
      await simulate(5, config, createNaiveEngine),
      await simulate(5, config, createNaiveEngine),
      await simulate(6, config, createNaiveEngine),
    ];
    assert.deepEqual([a.hash, a.steps, a.findings], [b.hash, b.steps, b.findings]);
    assert.notEqual(a.hash, c.hash);
  });

  it('[SI20] notices everything that is wrong with an engine that compares clocks', async () => {
    const tally = emptyTally();
    for (const name of ['pauses', 'epoch', 'restarts']) {
      const config = CONFIGS.get(name);
      assert.ok(config);
      for (let seed = 1; seed <= 12; seed++) addRun(tally, await simulate(seed, config, createNaiveEngine));
    }
    const noticed = Object.keys(tally.failures);
    for (const check of [
      'C1 two contents',
      'C3 skipped',
      'C5 own write unread',
      'C6 diverged',
      'C9 lost durable',
      'twice',
      'ghost',
    ]) {
      assert.ok(noticed.includes(check), `${check} was not noticed, only ${noticed.join(', ')}`);
    }
  });
});
