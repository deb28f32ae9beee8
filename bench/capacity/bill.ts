import type { Plan } from './model.ts';
import { NODE } from './platform.ts';
import { HOURS_PER_MONTH, type Prices } from './prices.ts';

/** US dollars per hour. */
export type Bill = {
  readonly instances: number;
  readonly memcached: number;
  readonly datastoreReads: number;
  readonly datastoreWrites: number;
  readonly storage: number;
  readonly egress: number;
  readonly total: number;
  /** Instead of the pulse, which costs no more than what is there; not in the total. */
  readonly pubsub: number;
};

const GIB = 2 ** 30;
const TIB = 2 ** 40;
const SECONDS = 3_600;

export function billFor(plan: Plan, prices: Prices): Bill {
  const { traffic, instances, nodes, platform } = plan;
  const bill = {
    instances: instances * prices[platform.price],
    memcached: nodes * (NODE.cpus * prices.memcachedCpuHour + NODE.gigabytes * prices.memcachedGbHour),
    datastoreReads: (traffic.storeReads * SECONDS * prices.datastoreReads) / 100_000,
    datastoreWrites: (traffic.storeWrites * SECONDS * prices.datastoreWrites) / 100_000,
    storage: (traffic.blobWrites * SECONDS * prices.storageWrites) / 10_000,
    egress: egressFor(traffic.egressBytes, prices),
  };
  const total = Object.values(bill).reduce((sum, part) => sum + part, 0);
  const pubsub = (pubsubBytes(traffic.posts, instances) * SECONDS * prices.pubsubTib) / TIB;
  return { ...bill, total, pubsub };
}

/** Priced as a month of the same; per hour. */
export function egressFor(bytesPerSecond: number, prices: Prices): number {
  const month = (bytesPerSecond * SECONDS * HOURS_PER_MONTH) / GIB;
  const upTo = (from: number, to: number) => Math.max(0, Math.min(month, to) - from);
  const cost =
    upTo(0, 1_024) * prices.egressFirst +
    upTo(1_024, 10_240) * prices.egressNext +
    upTo(10_240, Number.POSITIVE_INFINITY) * prices.egressBeyond;
  return cost / HOURS_PER_MONTH;
}

/** Requests of an instance, per second; and what the name of a space and what goes with it take, bytes. */
const REQUESTS = 20;
const NAME_BYTES = 60;
const LEAST_BYTES = 1_000;

/** Each instance tells all others, itself included, which spaces changed: 20 requests a second with all names in them. */
export function pubsubBytes(posts: number, instances: number): number {
  const each = posts / instances;
  const requests = Math.min(each, REQUESTS);
  if (requests === 0) return 0;
  const bytes = Math.max(LEAST_BYTES, (each / requests) * NAME_BYTES);
  return instances * requests * bytes * (1 + instances);
}
