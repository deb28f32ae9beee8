import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIGS } from './configs.ts';
import type { SimConfig } from './faults.ts';
import type { CreateEngine } from './fleet.ts';
import { loadEngine, loadMutant, mutate, ROOT } from './mutant-loader.ts';
import { MUTANTS } from './mutants.ts';
import { createNaiveEngine } from './naive-engine.ts';
import { simulate } from './simulate.ts';
import { addRun, emptyTally, type Tally } from './tally.ts';

/** The share of `npm run simulate` that runs with every test run. */
const FIRST_SEED = 1;
const RUNS = 15;
/** Runs in which a broken rule has to be noticed: seeds shift with every change of the engine. */
const PATIENCE = 20;

function configNamed(name: string): SimConfig {
  const config = CONFIGS.get(name);
  assert.ok(config, `no configuration ${name}`);
  return config;
}

async function runMany(create: CreateEngine, name: string, from: number, runs: number): Promise<Tally> {
  const tally = emptyTally();
  for (let seed = from; seed < from + runs; seed++) addRun(tally, await simulate(seed, configNamed(name), create));
  return tally;
}

describe('the simulator', function () {
  this.timeout(30_000);

  it('[SI19] repeats a whole run of the engine from its seed', async () => {
    const create = await loadEngine();
    const [first, again, other] = [
      await simulate(5, configNamed('all'), create),
      await simulate(5, configNamed('all'), create),
      await simulate(6, configNamed('all'), create),
    ];
    assert.deepEqual([first.hash, first.steps, first.findings], [again.hash, again.steps, again.findings]);
    assert.notEqual(first.hash, other.hash);
  });

  it('[SI20] notices everything that is wrong with an engine that compares clocks', async () => {
    const noticed = new Set<string>();
    for (const name of ['pauses', 'epoch', 'restarts']) {
      const { failures } = await runMany(createNaiveEngine, name, 1, 12);
      for (const check of Object.keys(failures)) noticed.add(check);
    }
    for (const check of [
      'C1 two contents',
      'C3 skipped',
      'C5 own write unread',
      'C6 diverged',
      'C9 lost durable',
      'twice',
      'ghost',
    ]) {
      assert.ok(noticed.has(check), `${check} was not noticed, only ${[...noticed].join(', ')}`);
    }
  });
});

describe('the engine in the simulator', function () {
  this.timeout(60_000);

  for (const name of CONFIGS.keys()) {
    it(`[SI21] keeps every rule: ${name}, seeds ${FIRST_SEED} to ${FIRST_SEED + RUNS - 1}`, async () => {
      const { failures } = await runMany(await loadEngine(), name, FIRST_SEED, RUNS);
      const told = Object.entries(failures).map(
        ([check, { seed, detail }]) =>
          `${check}: ${detail}\n  npm run simulate -- --config ${name} --seed ${seed} --trace`,
      );
      assert.deepEqual(told, []);
    });
  }

  for (const mutant of MUTANTS) {
    it(`[SI17] the change of ${mutant.name} applies: ${mutant.rule}`, () => {
      for (const { file } of mutant.changes) mutate(mutant, file, readFileSync(join(ROOT, file), 'utf8'));
    });
    const { found } = mutant;
    if (!found) continue;
    it(`[SI22] ${mutant.name} is noticed: ${found.config}, from seed ${found.seed}`, async () => {
      const create = await loadMutant(mutant);
      for (let seed = found.seed; seed < found.seed + PATIENCE; seed++) {
        const { findings } = await simulate(seed, configNamed(found.config), create);
        if (findings.length > 0) return;
      }
      assert.fail(`nobody noticed that this rule is broken: ${mutant.rule}`);
    });
  }
});
