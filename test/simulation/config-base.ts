import type { BlobFaults, CacheFaults, SimConfig, StoreFaults, Workload } from './faults.ts';
import { ITEMS } from './items.ts';

export const WORK: Workload = {
  spaces: 1,
  writers: 3,
  lockers: 0,
  joins: false,
  requests: 9,
  readers: 3,
  polls: 12,
  viewers: 0,
  drawers: 0,
  items: ITEMS,
  gapMs: 250,
  longGapMs: 4_000,
  deletes: 0.1,
  durables: 0.1,
  releases: 0.2,
  conditionals: 0.1,
  batches: 0.3,
  fromNow: 0.3,
  filters: 0.2,
  known: 0.3,
  restores: 0,
  badChains: 0,
  repeatMs: 1_500,
  padBytes: [0, 0, 40, 1_200, 6_000],
};

export const CALM_CACHE: CacheFaults = { latencyMs: 4, slow: 0, slowMs: 0, unclear: 0, lateMs: 0, full: 0 };
const CALM_BLOBS: BlobFaults = { latencyMs: 30, slow: 0, slowMs: 0, refused: 0, unclear: 0, lateMs: 0 };
const CALM_STORE: StoreFaults = { latencyMs: 12, slow: 0, slowMs: 0, refused: 0, unclear: 0, again: 0 };

/** Nothing goes wrong; also the last part of every other run. */
export const CALM: SimConfig = {
  name: 'calm',
  nodes: 1,
  cache: CALM_CACHE,
  store: CALM_STORE,
  blobs: CALM_BLOBS,
  crash: 0,
  bus: { lost: 0, doubled: 0, lateMs: 10 },
  http: { latencyMs: 5, answerLost: 0, impatient: 0 },
  clock: { skewMs: 0, driftPerMille: 0 },
  pauses: { chance: 0, maxMs: 0 },
  chaos: { events: 0, gapMs: 0, weights: {} },
  work: WORK,
  engine: {},
  maxSteps: 150_000,
};

export const PAUSES: SimConfig = {
  ...CALM,
  name: 'pauses',
  cache: { ...CALM_CACHE, slow: 0.05, slowMs: 120 },
  store: { ...CALM_STORE, slow: 0.1, slowMs: 600, again: 0.2 },
  bus: { lost: 0.3, doubled: 0.1, lateMs: 300 },
  clock: { skewMs: 30_000, driftPerMille: 20 },
  pauses: { chance: 0.004, maxMs: 7_000 },
  chaos: { events: 6, gapMs: 2_000, weights: { clockJump: 2, pause: 1, breakConnection: 1 } },
};

export const ALL: SimConfig = {
  ...PAUSES,
  name: 'all',
  cache: { latencyMs: 4, slow: 0.05, slowMs: 120, unclear: 0.02, lateMs: 2_000, full: 0.002 },
  store: { latencyMs: 12, slow: 0.1, slowMs: 600, refused: 0.01, unclear: 0.01, again: 0.2 },
  http: { latencyMs: 5, answerLost: 0.03, impatient: 0.2 },
  chaos: {
    events: 12,
    gapMs: 1_800,
    weights: {
      evictHead: 3,
      evictBody: 2,
      evictIndex: 2,
      evictLedger: 1,
      evictFloor: 1,
      evictSeen: 1,
      restartCache: 1,
      cacheOutage: 0.5,
      cutInstance: 0.5,
      breakConnection: 1,
      kill: 2,
      stop: 1,
      pause: 1,
      clockJump: 1,
    },
  },
};
