import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../../src/base/assert.ts';
import { chooseEngine } from './choose-engine.ts';
import { CONFIGS } from './configs.ts';
import { simulate } from './simulate.ts';
import { addRun, emptyTally } from './tally.ts';

/** A share of the runs of one configuration. */
export type Job = {
  readonly config: string;
  readonly mutant: string | undefined;
  readonly seed: number;
  readonly runs: number;
};

const job = workerData as Job;
const config = must(CONFIGS.get(job.config), 'a known configuration');
const create = await chooseEngine(job.mutant);
const tally = emptyTally();
for (let n = 0; n < job.runs; n++) addRun(tally, await simulate(job.seed + n, config, create));
parentPort?.postMessage(tally);
