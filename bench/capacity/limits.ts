import type { Bill } from './bill.ts';
import { binding, type Plan } from './model.ts';
import { ENTITY_WRITES_PER_SECOND, NODE, RAMP } from './platform.ts';

/** How much of something there is, and how much of that is used. */
export type Limit = { readonly what: string; readonly used: number; readonly limit: number; readonly instead: string };

/** From the reading of an item to its writing, seconds: a round trip to memcached and what the instance has to do in between, as the simulation shows it. */
export const CAS_WINDOW = 0.005;
/** Where more turns than this lose, an item is slow for everybody; by that, updates of one item per second, at random. */
const BEARABLE_CONFLICTS = 0.2;
const ITEM_UPDATES = -Math.log(1 - BEARABLE_CONFLICTS) / CAS_WINDOW;
/** A share of all CPU beyond which looking at the pulse is the wrong way to learn of changes; where it is less than one core, it does not matter. */
const BEARABLE_PULSE = 0.2;
const CORE_US = 1e6;
/** Instances ask for the owner record every 10 s, in transactions on one entity, which wait for each other. How many it takes is assumed, not measured. */
const OWNER_SECONDS = 10;
const OWNER_READS_PER_SECOND = 100;

/** What there is only so much of, the most used first. */
export function limitsOf(plan: Plan): Limit[] {
  const { load, platform, instances, nodes, traffic } = plan;
  const itemRate = (load.rate * load.perSpace) / load.itemsPerSpace;
  const limits: Limit[] = [
    {
      what: 'connections to a memcached node (one of each instance)',
      used: instances,
      limit: NODE.connections,
      instead: 'cells of spaces',
    },
    {
      what: 'memcached nodes of a region',
      used: nodes,
      limit: NODE.perRegion,
      instead: 'cells of spaces, memcached of your own',
    },
    {
      what: 'transactions on the owner record per second (limit assumed)',
      used: instances / OWNER_SECONDS,
      limit: OWNER_READS_PER_SECOND,
      instead: 'cells of spaces',
    },
    {
      what: 'CPU for the pulse, share',
      used: traffic.pulseUs < CORE_US ? 0 : traffic.pulseUs / traffic.serverUs,
      limit: BEARABLE_PULSE,
      instead: 'spaces routed to instances',
    },
    {
      what: 'store writes of one item per second',
      used: Math.min(itemRate, 1 / load.persist),
      limit: ENTITY_WRITES_PER_SECOND,
      instead: 'a larger N',
    },
  ];
  // At one instance updates of an item queue up; between instances they race.
  if (!platform.routed) {
    const instead = 'several items, or spaces routed to instances';
    limits.push({ what: 'updates of one item per second', used: itemRate, limit: ITEM_UPDATES, instead });
  }
  if (platform.quota !== undefined) {
    limits.push({
      what: 'instances without a raised quota',
      used: instances,
      limit: platform.quota,
      instead: 'a higher quota, then VMs',
    });
  }
  return limits.sort((a, b) => b.used / b.limit - a.used / a.limit);
}

/** Minutes until Datastore takes so many operations a second, if nothing warmed it up. */
export function rampMinutes(operations: number): number {
  return operations <= RAMP.start ? 0 : (Math.log(operations / RAMP.start) / Math.log(RAMP.growth)) * RAMP.minutes;
}

/** The part of the bill that is the largest. */
export function largest({ total: _total, pubsub: _pubsub, ...parts }: Bill): keyof typeof parts {
  return Object.entries(parts).sort((a, b) => b[1] - a[1])[0]?.[0] as keyof typeof parts;
}

/** In words: what is over its limit first, or nearest to it. */
export function breaksFirst(plan: Plan): string {
  const [first] = limitsOf(plan);
  if (!first) return '';
  const { what, used, limit, instead } = first;
  const share = used / limit;
  const so = share > 1 ? `over by a factor of ${digits(share)}` : `${digits(100 * share)} % used`;
  return `${what}: ${so}; instead: ${instead}`;
}

/** Two digits that mean something. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(2));
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 4 });
}

export function boundBy(plan: Plan): { readonly instances: string; readonly nodes: string } {
  return { instances: binding(plan.instancesBy), nodes: binding(plan.nodesBy) };
}
