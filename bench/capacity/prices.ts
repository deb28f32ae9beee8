/**
 * List prices in US dollars for us-central1 (Iowa), before any discount or free tier, as Google's public price pages had them in 2025. Prices change and differ by
 * region: check each before money depends on it. `--region-prices FILE` takes others, as JSON with these names.
 */
export const AS_OF = 'list prices of us-central1 as of 2025; check them';

export const PRICES = {
  /** Per instance and hour. App Engine standard, class F4. https://cloud.google.com/appengine/pricing */
  appEngineHour: 0.2,
  /** Per process and hour: half of an e2-standard-2 (2 vCPU, 8 GB). https://cloud.google.com/compute/vm-instance-pricing */
  vmHour: 0.0335,
  /** Memorystore for Memcached, per vCPU and hour, per GB and hour. https://cloud.google.com/memorystore/docs/memcached/pricing */
  memcachedCpuHour: 0.05,
  memcachedGbHour: 0.009,
  /** Firestore in Datastore mode, per 100,000 entities. https://cloud.google.com/firestore/pricing */
  datastoreReads: 0.03,
  datastoreWrites: 0.09,
  /** Cloud Storage, standard class in one region, per 10,000 writes (class A). https://cloud.google.com/storage/pricing */
  storageWrites: 0.05,
  /** To the internet, premium tier, per GiB of a month: the first TiB, up to 10 TiB, beyond. https://cloud.google.com/vpc/network-pricing */
  egressFirst: 0.12,
  egressNext: 0.11,
  egressBeyond: 0.08,
  /** Pub/Sub, per TiB published or delivered, 1,000 bytes per request at least. https://cloud.google.com/pubsub/pricing */
  pubsubTib: 40,
};

export type Prices = { readonly [name in keyof typeof PRICES]: number };

export const HOURS_PER_MONTH = 730;

/** Other prices on top of these; throws at a name that is not known or a price that is none. */
export function withPrices(others: unknown): Prices {
  if (typeof others !== 'object' || others === null || Array.isArray(others)) throw new Error('prices are an object');
  for (const [name, price] of Object.entries(others)) {
    if (!Object.hasOwn(PRICES, name))
      throw new Error(`${name} is no price; there are ${Object.keys(PRICES).join(', ')}`);
    if (typeof price !== 'number' || !Number.isFinite(price) || price < 0) throw new Error(`${name} must be a number`);
  }
  return { ...PRICES, ...(others as Partial<Prices>) };
}
