import type { Prices } from './prices.ts';

/** What an instance is, and what it may use. */
export type Platform = {
  readonly title: string;
  /** Speed of its core as a share of the one that was measured on: not known, so 1. */
  readonly coreSpeed: number;
  /** Polls that it may hold at once. */
  readonly slots: number;
  readonly memoryBytes: number;
  /** A client's next poll comes to the instance that answered the last one. */
  readonly sticky: boolean;
  /** All requests for a space go to one instance. */
  readonly routed?: boolean;
  readonly price: keyof Prices;
  /** Instances that are allowed without asking for more. */
  readonly quota?: number;
};

const GB = 1e9;

export const PLATFORMS = {
  /** Class F4; 1,000 requests at once (app.yaml); any request may reach any instance; new projects get 20 instances. */
  'app-engine': {
    title: 'App Engine standard, F4',
    coreSpeed: 1,
    slots: 1_000,
    memoryBytes: 1.536 * GB,
    sticky: false,
    price: 'appEngineHour',
    quota: 20,
  },
  /** One process per vCPU behind a load balancer that keeps connections; 20,000 polls are the server's own default limit. */
  vm: {
    title: 'e2-standard-2, one process per vCPU',
    coreSpeed: 1,
    slots: 20_000,
    memoryBytes: 4 * GB,
    sticky: true,
    price: 'vmHour',
  },
  /** Not built: the same behind something that sends all requests for a space to one instance. Correctness does not depend on it. */
  'vm-routed': {
    title: 'e2-standard-2, one process per vCPU, spaces routed to instances',
    coreSpeed: 1,
    slots: 20_000,
    memoryBytes: 4 * GB,
    sticky: true,
    routed: true,
    price: 'vmHour',
  },
} as const satisfies { readonly [name: string]: Platform };

export type PlatformName = keyof typeof PLATFORMS;

/** A node of Memorystore for Memcached, as large as is assumed here; 2 Gbit/s per vCPU. */
export const NODE = {
  cpus: 8,
  gigabytes: 32,
  bytesPerSecond: 2e9,
  connections: 65_000,
  /** In a region; 20 in one instance of the service. */
  perRegion: 100,
} as const;

/** Shares of what there is that may be in use, so that there is room for peaks and for the loss of a part. */
export const USABLE = { core: 0.6, slots: 0.8, memory: 0.7, nodeCpu: 0.5, nodeBytes: 0.5, nodeMemory: 0.7 } as const;

/** Of a server that has started and holds nothing. */
export const BASE_BYTES = 150e6;

/** Datastore: new load begins at 500 operations a second and may grow by half every 5 minutes. */
export const RAMP = { start: 500, growth: 1.5, minutes: 5 } as const;

/** One entity, sustained. */
export const ENTITY_WRITES_PER_SECOND = 1;

export const FEWEST_INSTANCES = 2;
