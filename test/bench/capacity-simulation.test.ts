import assert from 'node:assert/strict';
import { planFor, trafficOf } from '../../bench/capacity/model.ts';
import { DEFAULTS } from '../../bench/capacity/options.ts';
import { NODE, PLATFORMS } from '../../bench/capacity/platform.ts';
import { compare } from '../../bench/capacity/simulation/compare.ts';
import { Events } from '../../bench/capacity/simulation/events.ts';
import { type Figures, predict, quantileOfSum } from '../../bench/capacity/simulation/predict.ts';
import { servicesFor } from '../../bench/capacity/simulation/services.ts';
import { simulate } from '../../bench/capacity/simulation/simulate.ts';
import { Stations } from '../../bench/capacity/simulation/stations.ts';
import { simulateWriteBehind } from '../../bench/capacity/simulation/write-behind.ts';
import type { Load } from '../../bench/capacity/traffic.ts';
import type { UnitCosts } from '../../bench/costs/derive.ts';
import { Seeded } from '../simulation/seeded.ts';
import { COSTS } from './sample-costs.ts';

const HOT: Partial<Load> = { clients: 50_000, perSpace: 100, itemsPerSpace: 1 };
const QUIET: Partial<Load> = { clients: 60_000, rate: 0.02 };
const LENGTH = { warmUp: 0.5, seconds: 1.5 };

function plan(load: Partial<Load>, costs: UnitCosts = COSTS) {
  return planFor({ ...DEFAULTS, clients: 20_000, ...load }, costs, PLATFORMS.vm);
}

function model(load: Partial<Load>, costs: UnitCosts = COSTS): Figures {
  const made = plan(load, costs);
  return predict(made, servicesFor(made, costs));
}

const simulated = new Map<string, Figures>();

/** Each load is simulated once for all tests. */
function simulation(load: Partial<Load>): Figures {
  const name = JSON.stringify(load);
  const figures = simulated.get(name) ?? simulate(plan(load), COSTS, 1, LENGTH);
  simulated.set(name, figures);
  return figures;
}

function disagreements(figures: Figures, seen: Figures): string[] {
  return compare(figures, seen).flatMap(({ figure, agrees }) => (agrees ? [] : figure));
}

describe('the parts of the simulation', () => {
  it('[CP11] a queue with one server keeps people waiting as theory says', () => {
    const random = new Seeded(7);
    const queue = new Stations(1, 1);
    let now = 0;
    let waited = 0;
    const people = 300_000;
    for (let i = 0; i < people; i++) {
      now += -Math.log(1 - random.fraction()) / 0.7;
      waited += queue.serve(0, now, 1) - now - 1;
    }
    const theory = 0.7 / (2 * (1 - 0.7)); // Pollaczek and Khinchine, for services that all take 1
    assert.ok(Math.abs(waited / people - theory) < 0.05 * theory, `${waited / people}, not ${theory}`);
    assert.ok(Math.abs(queue.busy(now) - 0.7) < 0.01);
  });

  it('[CP11] of two servers whoever is free first takes the next', () => {
    const queue = new Stations(2, 2);
    assert.deepEqual(
      [queue.serve(1, 0, 5), queue.serve(1, 1, 1), queue.serve(1, 1.5, 1), queue.serve(1, 2, 1)],
      [5, 2, 3, 4],
    );
    assert.equal(queue.serve(0, 2, 1), 3);
  });

  it('[CP11] events come in the order of their times, those of one time as they were added', () => {
    const events = new Events();
    const random = new Seeded(3);
    for (let i = 0; i < 10_000; i++) events.add(Math.floor(random.fraction() * 100), 1, i);
    let [time, who] = [-1, -1];
    let count = 0;
    while (events.take(1_000)) {
      assert.ok(events.time > time || (events.time === time && events.who > who));
      [time, who] = [events.time, events.who];
      count++;
    }
    assert.equal(count, 10_000);
    events.add(5, 1, 1);
    assert.equal(events.take(5), false);
  });

  it('[CP11] quantiles of the sum of two times', () => {
    const random = new Seeded(5);
    const sums = Array.from({ length: 100_000 }, () => 3 * random.fraction() + random.fraction()).sort((a, b) => a - b);
    for (const share of [0.01, 0.1, 0.5, 0.9, 0.99]) {
      assert.ok(Math.abs(quantileOfSum(share, 1, 3) - (sums[share * 100_000] ?? 0)) < 0.02, `${share}`);
    }
  });
});

describe('the model beside the simulation', () => {
  const loads: readonly (readonly [string, Partial<Load>])[] = [
    ['as docs/scaling.md has it', {}],
    ['one item for all of a space', { itemsPerSpace: 1 }],
    ['a hundred in a space, on one item', HOT],
    ['many who seldom do anything', QUIET],
  ];
  for (const [name, load] of loads) {
    it(`[CP12] agree: ${name}`, function () {
      this.timeout(60_000);
      assert.deepEqual(disagreements(model(load), simulation(load)), []);
    });
  }

  it('[CP12] differ where many clients of a space share few instances: the model has too few looks of clients that were away', function () {
    this.timeout(60_000);
    const few = { clients: 20_000, perSpace: 1_000, itemsPerSpace: 100, rate: 0.02 };
    const [wanted, seen] = [model(few), simulation(few)];
    assert.ok(disagreements(wanted, seen).includes('instanceBusy'));
    assert.ok(seen.instanceBusy > wanted.instanceBusy && seen.instanceBusy < 1.25 * wanted.instanceBusy);
  });

  it('[CP12] one seed is one simulation, another one another', () => {
    const small = { clients: 2_000 };
    const run = (seed: number) => simulate(plan(small), COSTS, seed, LENGTH);
    assert.deepEqual(run(1), run(1));
    assert.notDeepEqual(run(1), run(2));
  });

  it('[CP12] the rows that a model expects are those that the policy of the server writes', () => {
    for (const perItem of [0.02, 0.1, 0.3, 2, 20]) {
      const seen = simulateWriteBehind({ perItem, persist: 5, items: 100, seconds: 4_000 }, new Seeded(11));
      const wanted = model({ rate: perItem }).writesPerUpdate;
      assert.ok(Math.abs(seen - wanted) < 0.03 * wanted, `${perItem}/s: ${seen}, not ${wanted}`);
    }
  });
});

describe('a model that is wrong', () => {
  let usual: Figures;
  let contended: Figures;
  let still: Figures;
  before(function () {
    this.timeout(120_000);
    usual = simulation({});
    contended = simulation(HOT);
    still = simulation(QUIET);
  });

  /** How busy the instances of the plan were, were it for other costs. */
  function busyAt(load: Partial<Load>, costs: UnitCosts): Pick<Figures, 'instanceBusy' | 'nodeBusy'> {
    const { instances, nodes, load: whole } = plan(load);
    const { serverUs, cacheUs } = trafficOf(whole, costs, instances, PLATFORMS.vm);
    return { instanceBusy: serverUs / 1e6 / instances, nodeBusy: cacheUs / 1e6 / nodes / NODE.cpus };
  }

  it('[CP13] is noticed where it forgets what watching spaces costs', () => {
    const free = { ...COSTS, pair: { ...COSTS.pair, serverUs: 0, cacheUs: 0 } };
    assert.deepEqual(disagreements({ ...model(QUIET), ...busyAt(QUIET, free) }, still), ['instanceBusy', 'nodeBusy']);
  });

  it('[CP13] is noticed where a look costs half', () => {
    const half = { ...COSTS, look: { ...COSTS.look, serverUs: 50, cacheUs: 5 } };
    assert.deepEqual(disagreements({ ...model({}), ...busyAt({}, half) }, usual), ['instanceBusy', 'nodeBusy']);
  });

  it('[CP13] is noticed where it puts all clients of a space at one instance', () => {
    const { load, instances } = plan({});
    const together = { ...model({}), pairsPerInstance: load.clients / load.perSpace / instances };
    assert.deepEqual(disagreements(together, usual), ['pairsPerInstance']);
  });

  it('[CP13] is noticed where it answers every update by itself', () => {
    assert.deepEqual(disagreements({ ...model(HOT), answersPerClient: 20 }, contended), ['answersPerClient']);
  });

  it('[CP13] is noticed where nothing waits for anything', () => {
    const made = plan(HOT);
    const services = servicesFor(made, COSTS);
    const quick = predict(made, { ...services, lookPart: 0, delivery: 0, pairSecond: 0 });
    assert.deepEqual(disagreements(quick, contended), ['conflicts', 'delayMean', 'delayP50', 'delayP99']);
  });

  it('[CP13] is noticed where items are never closed', () => {
    const open = { ...model({}), writesPerUpdate: 1 / (1 + 0.2 * 5) };
    assert.deepEqual(disagreements(open, usual), ['writesPerUpdate']);
  });

  it('[CP13] is noticed where instances share connections', () => {
    assert.deepEqual(disagreements({ ...model({}), connectionsPerNode: 1 }, usual), ['connectionsPerNode']);
  });
});
