/** `npm run capacity`: what so many clients take, from measured unit costs. See docs/scaling.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CostFile, judgeCosts, readCosts } from '../costs/cost-file.ts';
import { hashOfTree } from '../costs/source-hash.ts';
import { align } from '../report.ts';
import { docParts, withParts } from './doc.ts';
import { planFor } from './model.ts';
import { type CapacityOptions, readCapacityOptions, USAGE } from './options.ts';
import { PLATFORMS } from './platform.ts';
import { AS_OF, PRICES, withPrices } from './prices.ts';
import { assumptions, limitRows, planRows, source } from './report.ts';
import { compare } from './simulation/compare.ts';
import { predict } from './simulation/predict.ts';
import { servicesFor } from './simulation/services.ts';
import { simulate } from './simulation/simulate.ts';

const SRC = join(import.meta.dirname, '../../src');
const LENGTH = { warmUp: 1, seconds: 2 };
/** The share of the clients that is simulated. */
const TENTH = 10;

function main(options: CapacityOptions): void {
  const file = readCosts(options.costs);
  const { stale, warnings } = judgeCosts(file, { source: hashOfTree(SRC), node: process.version });
  if (stale !== undefined && !options.anyway) {
    throw new Error(`${stale}. Measure again (npm run bench -- --costs), or go on with --anyway`);
  }
  for (const warning of stale === undefined ? warnings : [stale, ...warnings]) console.error(`warning: ${warning}`);
  const prices = options.prices === undefined ? PRICES : withPrices(JSON.parse(readFileSync(options.prices, 'utf8')));
  if (options.doc) tell(docParts(file, prices), options.write);
  else if (options.simulate) simulated(file, options);
  else {
    const plan = planFor(options.load, file.costs, PLATFORMS[options.on]);
    const asOf = options.prices === undefined ? AS_OF : `prices of ${options.prices}`;
    console.log(`${source(file)}\n${assumptions(plan)}\nPrices: ${asOf}.\n`);
    console.log(`${align(planRows([plan], prices))}\n\n${align(limitRows(plan))}`);
  }
}

function tell(parts: ReadonlyMap<string, string>, path: string | undefined): void {
  if (path !== undefined) writeFileSync(path, withParts(readFileSync(path, 'utf8'), parts));
  else for (const [name, part] of parts) console.log(`${name}\n\n${part}\n`);
}

function simulated({ costs }: CostFile, { load, on, seed }: CapacityOptions): void {
  if (load.rate === 0) throw new Error('nothing happens at --rate 0: there is nothing to simulate');
  const clients = Math.ceil(load.clients / TENTH / load.perSpace) * load.perSpace;
  const plan = planFor({ ...load, clients }, costs, PLATFORMS[on]);
  const started = performance.now();
  const seen = simulate(plan, costs, seed, LENGTH);
  const rows = compare(predict(plan, servicesFor(plan, costs)), seen);
  const shown = rows.map(({ figure, model, simulation, tolerance, agrees }) => [
    figure,
    model.toPrecision(3),
    simulation.toPrecision(3),
    `${100 * tolerance} %`,
    agrees ? 'agrees' : 'DIFFERS',
  ]);
  const took = ((performance.now() - started) / 1_000).toFixed(0);
  const what = `${clients.toLocaleString('en-US')} clients, ${plan.instances} instances, ${plan.nodes} memcached nodes, seed ${seed}`;
  console.log(`${what}: ${LENGTH.seconds} s of them in ${took} s; the busiest instance at ${seen.busiest.toFixed(2)}`);
  console.log(`\n${align([['', 'model', 'simulation', 'tolerance', ''], ...shown])}`);
  if (rows.some(({ agrees }) => !agrees)) process.exitCode = 1;
}

try {
  main(readCapacityOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}
