import type { UnitCosts } from '../../costs/derive.ts';
import type { Plan } from '../model.ts';

/** How long each thing takes by itself, seconds. */
export type Services = {
  /** A post works three times: before it asks for the head, before it replaces it, before it answers; each time memcached does a part, too. */
  readonly postPart: number;
  readonly postNodePart: number;
  /** A look works before it asks and after it was answered. */
  readonly lookPart: number;
  readonly lookNode: number;
  readonly delivery: number;
  /** A watched space, per second. */
  readonly pairSecond: number;
  readonly pairNodeSecond: number;
  /** All else that an instance does: rows for the store, leases of clients, spaces that it has to read the settings of. */
  readonly chore: number;
  readonly choreNode: number;
  readonly choresPerSecond: number;
};

export type FleetLoad = {
  readonly clients: number;
  readonly rate: number;
  readonly perSpace: number;
  readonly itemsPerSpace: number;
  readonly roundTrip: number;
  readonly instances: number;
  readonly nodes: number;
};

/** Between an instance and memcached in the same zone, there and back, seconds: assumed. */
export const CACHE_TRIP = 0.0005;

const POST_PARTS = 3;
const LOOK_PARTS = 2;

export function servicesFor({ platform, instances, traffic }: Plan, costs: UnitCosts): Services {
  const { posts, strangePosts } = traffic;
  const strange = posts === 0 ? 0 : strangePosts / posts;
  const post = (part: 'serverUs' | 'cacheUs') => (1 - strange) * costs.post[part] + strange * costs.coldPost[part];
  const core = (us: number) => us / 1e6 / platform.coreSpeed;
  // Taken over from the model: what is not done event by event.
  const other = (part: 'serverUs' | 'cacheUs') =>
    traffic[part] - posts * post(part) - traffic.toldLooks * costs.look[part] - traffic.pairs * costs.pair[part];
  const chore = core(costs.storeWrite.serverUs);
  const chores = core(other('serverUs') - traffic.answers * costs.delivery.serverUs) / chore;
  return {
    postPart: core(post('serverUs')) / POST_PARTS,
    postNodePart: post('cacheUs') / 1e6 / POST_PARTS,
    lookPart: core(costs.look.serverUs) / LOOK_PARTS,
    lookNode: costs.look.cacheUs / 1e6,
    delivery: core(costs.delivery.serverUs),
    pairSecond: core(costs.pair.serverUs),
    pairNodeSecond: costs.pair.cacheUs / 1e6,
    chore,
    choreNode: other('cacheUs') / 1e6 / chores,
    choresPerSecond: chores / instances,
  };
}
