import { Seeded } from '../../../test/simulation/seeded.ts';
import type { UnitCosts } from '../../costs/derive.ts';
import type { Plan } from '../model.ts';
import { SimulatedFleet } from './fleet.ts';
import type { Figures } from './predict.ts';
import { servicesFor } from './services.ts';
import { simulateWriteBehind } from './write-behind.ts';

/** Seconds of the simulated time: before anything counts, and while it does. */
export type Length = { readonly warmUp: number; readonly seconds: number };

const WRITE_BEHIND = { items: 400, seconds: 2_000 };

/** The fleet of a plan, event by event. Each client, post and look is there; of what items write to the store, which concerns no other item, a sample. */
export function simulate(
  plan: Plan,
  costs: UnitCosts,
  seed: number,
  length: Length,
): Figures & { readonly busiest: number } {
  const { load, instances, nodes, platform } = plan;
  if (!platform.sticky || platform.routed) throw new Error('only clients that stay at any instance are simulated');
  const random = new Seeded(seed);
  const fleet = new SimulatedFleet({ ...load, instances, nodes }, servicesFor(plan, costs), random);
  fleet.run(length.warmUp, length.seconds);
  const { tally } = fleet;
  const perItem = (load.rate * load.perSpace) / load.itemsPerSpace;
  const { mean, p50, p99 } = tally.delay;
  return {
    instanceBusy: tally.coreBusy,
    nodeBusy: tally.nodeBusy,
    answersPerClient: tally.answers / load.clients / tally.seconds,
    pairsPerInstance: tally.pairsPerInstance,
    connectionsPerNode: instances,
    conflicts: tally.turns === 0 ? 0 : tally.conflicts / tally.turns,
    writesPerUpdate: simulateWriteBehind({ perItem, persist: load.persist, ...WRITE_BEHIND }, random),
    delayMean: mean,
    delayP50: p50,
    delayP99: p99,
    busiest: tally.busiestCore,
  };
}
