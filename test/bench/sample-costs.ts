import type { Cost, UnitCosts } from '../../bench/costs/derive.ts';

function cost(serverUs: number, cacheUs: number, cacheCalls: number, cacheBytes: number): Cost {
  return { serverUs, cacheUs, cacheCalls, cacheBytes };
}

/** Round figures, for sums by hand. */
export const COSTS: UnitCosts = {
  post: { ...cost(80, 10, 3, 1_500), received: 250, sent: 400 },
  coldPost: { ...cost(230, 16, 6, 2_000), storeReads: 1 },
  coldPoll: { ...cost(300, 10, 4, 1_000), storeReads: 1 },
  storeWrite: { ...cost(300, 2, 0.5, 200), reads: 1 },
  look: cost(100, 10, 3, 1_200),
  safetyLook: cost(100, 10, 3, 1_200),
  delivery: { serverUs: 30, received: 700, sent: 300 },
  pair: { ...cost(40, 4, 1, 500), storeReads: 0.125 },
  client: { ...cost(20, 1, 0.1, 100), storeReads: 1 / 60, storeWrites: 1 / 60 },
  instance: { ...cost(0, 0, 0, 0), storeReads: 0 },
  memory: { poll: 20_000, space: 3_000, item: 1_000 },
  picture: { blobWrites: 1 / 30 },
};
