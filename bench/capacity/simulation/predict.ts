import type { Plan } from '../model.ts';
import { NODE } from '../platform.ts';
import { answersPerClient, conflictShare, instancesPerSpace, PULSE_SECONDS, writesPerUpdate } from '../traffic.ts';
import { CACHE_TRIP, type Services } from './services.ts';

/** What is asked of the model and of the simulation alike. Times in seconds. */
export type Figures = {
  readonly instanceBusy: number;
  readonly nodeBusy: number;
  readonly answersPerClient: number;
  readonly pairsPerInstance: number;
  readonly connectionsPerNode: number;
  readonly conflicts: number;
  readonly writesPerUpdate: number;
  readonly delayMean: number;
  readonly delayP50: number;
  readonly delayP99: number;
};

/** By formulas, from a plan and how long each thing takes. */
export function predict(plan: Plan, services: Services): Figures {
  const { load, instances, traffic } = plan;
  const u = load.rate * load.perSpace;
  const answers = answersPerClient(u, instances, load.roundTrip);
  const pairs = ((load.clients / load.perSpace) * instancesPerSpace(instances, load.perSpace)) / instances;
  const batch = batchOf(plan, services, pairs);
  const { scan, first, rest } = batch;
  const tick = PULSE_SECONDS + CACHE_TRIP + scan;
  const { meeting, window } = postWaits(batch, services, tick);
  const posted = meeting + window + 2 * services.postPart + 1.5 * CACHE_TRIP;
  const alone = 2 * services.lookPart + services.delivery + 2 * CACHE_TRIP;
  const least = posted + CACHE_TRIP / 2 + Math.max(first, alone);
  // Who is at the instance of the post is told at once; all others with a look at the pulse, at any time of its period, at any place of its batch.
  const here = 1 / instances;
  const quantile = (share: number) => least + quantileOfSum((share - here) / (1 - here), tick, rest);
  return {
    instanceBusy: plan.instanceBusy,
    nodeBusy: traffic.cacheUs / 1e6 / plan.nodes / NODE.cpus,
    answersPerClient: answers,
    pairsPerInstance: pairs,
    connectionsPerNode: instances,
    conflicts: conflictShare(u / load.itemsPerSpace, window),
    writesPerUpdate: writesPerUpdate(u / load.itemsPerSpace, load.persist),
    delayMean: here * (posted + alone + meeting) + (1 - here) * (least + (tick + rest) / 2),
    delayP50: quantile(0.5),
    delayP99: quantile(0.99),
  };
}

type Batch = { readonly scan: number; readonly first: number; readonly rest: number };

/**
 * All spaces that changed since the last look at the pulse are looked at together: after the scan, first the work before each of them asks memcached, then, one after
 * another, the work that tells its clients.
 */
function batchOf({ load, instances, instanceBusy }: Plan, services: Services, pairs: number): Batch {
  const { lookPart, delivery, pairSecond } = services;
  const u = load.rate * load.perSpace * (1 - 1 / instances);
  const looks = pairs * (1 - Math.exp(-u * PULSE_SECONDS));
  const told = (looks * load.clients) / instances / pairs;
  const scan = pairs * PULSE_SECONDS * pairSecond;
  const first = looks * lookPart;
  const second = looks * lookPart + told * delivery;
  const other = Math.max(0, instanceBusy - (scan + first + second) / PULSE_SECONDS);
  // What else comes during one part is done before the next.
  return { scan, first: first + scan * other, rest: second + first * other };
}

/** How long a post waits when it comes, and how long it takes from reading the head to replacing it: what it meets then is the rest of a batch that it came into. */
function postWaits({ scan, first, rest }: Batch, { postPart, postNodePart }: Services, tick: number) {
  const meeting = (scan ** 2 / 2 + (first * (first + rest)) / 2 + rest ** 2 / 2) / tick;
  const later = ((first * rest) / 2 + (scan + CACHE_TRIP) * first) / tick;
  return { meeting: meeting + postPart + postNodePart, window: CACHE_TRIP + later + postPart + postNodePart };
}

/** Of the sum of two times, each anything from 0 to its own most. */
export function quantileOfSum(share: number, one: number, other: number): number {
  const [long, short] = [Math.max(one, other), Math.min(one, other)];
  const q = Math.min(1, Math.max(0, share));
  const corner = short / (2 * long);
  if (q <= corner) return Math.sqrt(2 * q * long * short);
  if (q >= 1 - corner) return long + short - Math.sqrt(2 * (1 - q) * long * short);
  return q * long + short / 2;
}
