/**
 * `npm run simulate -- --runs 20000 --seed 1 [--config NAME] [--mutant NAME] [--workers N] [--trace]`: seeded runs of the engine over
 * a faulty cache, store, bus and clock. `--trace` repeats one run and prints each step of it.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { chooseEngine } from './choose-engine.ts';
import { CONFIGS } from './configs.ts';
import type { SimConfig } from './faults.ts';
import { simulate } from './simulate.ts';
import { emptyTally, mergeTally, type Tally } from './tally.ts';
import type { Job } from './worker.ts';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    config: { type: 'string' },
    mutant: { type: 'string' },
    workers: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const configs = options.config ? [configNamed(options.config)] : [...CONFIGS.values()];
process.exitCode = options.trace ? await traceOne() : await runAll();

async function traceOne(): Promise<number> {
  const [config] = configs;
  if (!options.config || !config) throw new Error('--trace needs --config and --seed');
  const create = await chooseEngine(options.mutant);
  const report = await simulate(Number(options.seed), config, create, (line) => console.log(line));
  console.log(`${report.steps} steps, ${report.virtualMs} ms, hash ${report.hash}, ${report.findings.length} findings`);
  return report.findings.length === 0 ? 0 : 1;
}

async function runAll(): Promise<number> {
  const each = Math.ceil(Number(options.runs) / configs.length);
  let failed = 0;
  for (const config of configs) {
    const began = performance.now();
    const tally = await runConfig(config.name, Number(options.seed), each);
    failed += tally.failed;
    print(config.name, tally, (performance.now() - began) / 1000);
  }
  return failed === 0 ? 0 : 1;
}

async function runConfig(config: string, seed: number, runs: number): Promise<Tally> {
  const workers = Math.min(runs, Number(options.workers ?? availableParallelism()));
  const shares = Array.from({ length: workers }, (_, n): Job => {
    const [from, to] = [Math.floor((runs * n) / workers), Math.floor((runs * (n + 1)) / workers)];
    return { config, mutant: options.mutant, seed: seed + from, runs: to - from };
  });
  const tallies = await Promise.all(shares.map(runShare));
  return tallies.reduce(mergeTally, emptyTally());
}

function runShare(job: Job): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: job });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function print(config: string, tally: Tally, seconds: number): void {
  const rate = (tally.runs / seconds).toFixed(1);
  console.log(`${config}: ${tally.runs} runs, ${tally.failed} failed, ${tally.steps} steps, ${rate} runs/s`);
  console.log(
    `  ${Object.entries(tally.counters)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  for (const [check, { runs, seed, detail }] of Object.entries(tally.failures)) {
    console.log(`  FAILED ${check}: ${runs} runs, first seed ${seed}: ${detail}`);
    const mutant = options.mutant ? ` --mutant ${options.mutant}` : '';
    console.log(`    npm run simulate -- --config ${config} --seed ${seed}${mutant} --trace`);
  }
}

function configNamed(name: string): SimConfig {
  const config = CONFIGS.get(name);
  if (!config) throw new Error(`no configuration ${name}; there are ${[...CONFIGS.keys()].join(', ')}`);
  return config;
}
