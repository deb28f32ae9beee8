import { ALL, CALM, CALM_CACHE, PAUSES, WORK } from './config-base.ts';
import { PICTURES } from './config-pictures.ts';
import type { SimConfig } from './faults.ts';
import { HISTORY_ITEMS, ITEMS } from './items.ts';

const EPOCH: SimConfig = {
  ...ALL,
  name: 'epoch',
  clock: { skewMs: 500, driftPerMille: 1 },
  chaos: {
    events: 16,
    gapMs: 1_200,
    weights: { evictHead: 4, evictBody: 3, evictIndex: 2, evictLedger: 1, kill: 2, pause: 2, breakConnection: 1 },
  },
  engine: { tombstoneMs: 3_000 },
};

const SHARDS: SimConfig = {
  ...PAUSES,
  name: 'shards',
  clock: { skewMs: 200, driftPerMille: 0 },
  chaos: { events: 45, gapMs: 500, weights: { evictIndex: 8, evictSeen: 1, evictLedger: 0.3, pause: 1 } },
  engine: { indexRetentionMs: 2_000 },
};

const RESTARTS: SimConfig = {
  ...PAUSES,
  name: 'restarts',
  cache: { latencyMs: 4, slow: 0.05, slowMs: 120, unclear: 0.12, lateMs: 2_500, full: 0 },
  http: { latencyMs: 5, answerLost: 0.03, impatient: 0.3 },
  chaos: { events: 14, gapMs: 1_500, weights: { evictHead: 2, restartCache: 2, kill: 2, evictFloor: 0.5 } },
};

const OUTAGES: SimConfig = {
  ...PAUSES,
  name: 'outages',
  store: { latencyMs: 12, slow: 0.3, slowMs: 2_500, refused: 0.08, unclear: 0.08, again: 0.3 },
  chaos: { events: 10, gapMs: 2_500, weights: { storeOutage: 3, kill: 1, evictHead: 1, stop: 0.5 } },
};

/** Loaders and writers sleep past the life of a placeholder while heads vanish. */
const LEASES: SimConfig = {
  ...EPOCH,
  name: 'leases',
  pauses: { chance: 0.012, maxMs: 9_000 },
  chaos: { events: 40, gapMs: 600, weights: { evictHead: 8, evictBody: 1, kill: 0.5 } },
  work: { ...WORK, items: ['j0', 'j1'], gapMs: 800, deletes: 0.03, releases: 0.1 },
};

/** Few items in constant motion, seldom stored, while heads and bodies vanish. */
const MOVES: SimConfig = {
  ...EPOCH,
  name: 'moves',
  pauses: { chance: 0.001, maxMs: 3_000 },
  chaos: { events: 22, gapMs: 350, weights: { evictHead: 6, evictBody: 3, kill: 1, restartCache: 0.3, evictIndex: 1 } },
  work: {
    ...WORK,
    requests: 16,
    items: ['j0', 'j1'],
    gapMs: 90,
    longGapMs: 1_500,
    deletes: 0.03,
    durables: 0.05,
    releases: 0.05,
    conditionals: 0.05,
  },
};

/** Coverages so short, and a cache so slow, that readers overtake writers all the time. */
const LATE: SimConfig = {
  ...PAUSES,
  name: 'late',
  cache: { ...CALM_CACHE, slow: 0.25, slowMs: 140 },
  pauses: { chance: 0.006, maxMs: 900 },
  chaos: { events: 8, gapMs: 600, weights: { evictHead: 2, evictIndex: 1, clockJump: 0.3 } },
  engine: { persistMs: 300 },
  work: { ...WORK, polls: 25, gapMs: 120, longGapMs: 700, deletes: 0.04, fromNow: 0, filters: 0.05 },
};

/** Two nodes with a space each: one loses its memory, or is not reached, while the other goes on. */
const NODES: SimConfig = {
  ...ALL,
  name: 'nodes',
  nodes: 2,
  chaos: {
    events: 14,
    gapMs: 1_500,
    weights: {
      restartNode: 4,
      nodeOutage: 2,
      evictHead: 2,
      evictIndex: 1,
      evictLedger: 1,
      kill: 2,
      stop: 0.5,
      pause: 1,
      cutInstance: 0.5,
      breakConnection: 0.5,
    },
  },
  work: { ...WORK, spaces: 2, writers: 4, readers: 4 },
};

/** Open items are rolled back all the time, and whoever had seen more brings it back. */
const RESTORE: SimConfig = {
  ...ALL,
  name: 'restore',
  nodes: 2,
  cache: { ...CALM_CACHE, slow: 0.03, slowMs: 80, unclear: 0.01, lateMs: 1_500 },
  http: { latencyMs: 5, answerLost: 0.08, impatient: 0.8 },
  pauses: { chance: 0.001, maxMs: 2_000 },
  clock: { skewMs: 5_000, driftPerMille: 10 },
  chaos: {
    events: 9,
    gapMs: 2_200,
    weights: { evictHead: 8, kill: 1, restartNode: 1.5, restartCache: 0.5, pause: 0.5 },
  },
  work: {
    ...WORK,
    spaces: 2,
    writers: 4,
    readers: 4,
    requests: 30,
    polls: 40,
    items: ['j0', 'r0'],
    gapMs: 120,
    longGapMs: 1_500,
    deletes: 0.01,
    durables: 0.02,
    releases: 0.02,
    conditionals: 0.05,
    batches: 0.1,
    fromNow: 0,
    filters: 0,
    known: 0,
    restores: 0.9,
    badChains: 0.3,
    repeatMs: 3_000,
    padBytes: [300, 1_200],
  },
  engine: { persistMs: 4_000 },
};

/** Clients that hold items sleep past their leases, while heads and leases vanish. */
const LOCKS: SimConfig = {
  ...ALL,
  name: 'locks',
  pauses: { chance: 0.006, maxMs: 6_000 },
  chaos: {
    events: 14,
    gapMs: 1_500,
    weights: { evictHead: 3, evictLease: 3, restartCache: 1, kill: 2, pause: 2, breakConnection: 1, clockJump: 1 },
  },
  work: {
    ...WORK,
    writers: 2,
    lockers: 3,
    readers: 1,
    polls: 6,
    items: ITEMS.slice(0, 2),
    deletes: 0.04,
    releases: 0.1,
    batches: 0,
  },
};

/** Items that keep their history, with operations large enough to be archived, while heads and bodies vanish and servers die. */
const HISTORY: SimConfig = {
  ...ALL,
  name: 'history',
  clock: { skewMs: 2_000, driftPerMille: 5 },
  pauses: { chance: 0.002, maxMs: 4_000 },
  chaos: {
    events: 12,
    gapMs: 1_200,
    weights: {
      evictHead: 5,
      evictBody: 2,
      kill: 2,
      restartCache: 0.7,
      storeOutage: 1,
      stop: 0.5,
      pause: 1,
      breakConnection: 1,
      evictLedger: 0.5,
    },
  },
  work: {
    ...WORK,
    writers: 4,
    readers: 2,
    polls: 20,
    requests: 22,
    viewers: 3,
    items: HISTORY_ITEMS,
    gapMs: 120,
    longGapMs: 2_500,
    deletes: 0.03,
    durables: 0.06,
    releases: 0.06,
    conditionals: 0.05,
    batches: 0.1,
    fromNow: 0,
    filters: 0,
    restores: 0.8,
    badChains: 0.1,
    padBytes: [20, 700, 2_500, 6_000, 9_000],
  },
};

/**
 * The same, and what the server knows of who is here gets lost, comes late, or cannot be written. Nobody dies or sleeps here: a grab that reaches
 * the head when its client has left leaves an item with a holder that is gone, until the next write.
 */
const JOINED: SimConfig = {
  ...LOCKS,
  name: 'joined',
  http: { ...LOCKS.http, impatient: 0 },
  pauses: { chance: 0, maxMs: 0 },
  chaos: {
    events: 18,
    gapMs: 1_500,
    weights: { ...LOCKS.chaos.weights, kill: 0, pause: 0, evictRoster: 4, evictRosterPulse: 1, storeOutage: 2 },
  },
  work: { ...LOCKS.work, joins: true },
  maxSteps: 600_000,
};

/** By the name that `--config` takes. */
export const CONFIGS: ReadonlyMap<string, SimConfig> = new Map(
  [
    CALM,
    PAUSES,
    ALL,
    EPOCH,
    SHARDS,
    RESTARTS,
    OUTAGES,
    LEASES,
    MOVES,
    LATE,
    NODES,
    RESTORE,
    LOCKS,
    JOINED,
    HISTORY,
    PICTURES,
  ].map((config) => [config.name, config]),
);
