import type { EngineConfig } from '../../src/core/engine-types.ts';
import type { PauseFault } from './scheduler.ts';

/** Probabilities are per operation, times virtual ms. */
export type CacheFaults = {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMs: number;
  /** No answer: never carried out, carried out, or carried out up to `lateMs` after the caller gave up. */
  readonly unclear: number;
  readonly lateMs: number;
  /** Refused for want of memory. */
  readonly full: number;
};

export type StoreFaults = {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMs: number;
  readonly refused: number;
  /** The answer of a commit is lost: not committed, committed, or committed later unless a record changed before. */
  readonly unclear: number;
  /** A transaction decides once more, on records that are read later. */
  readonly again: number;
};

export type BusFaults = { readonly lost: number; readonly doubled: number; readonly lateMs: number };

export type HttpFaults = {
  readonly latencyMs: number;
  readonly answerLost: number;
  /** Share of requests whose client gives up early. */
  readonly impatient: number;
};

export type ClockFaults = { readonly skewMs: number; readonly driftPerMille: number };

export type ChaosEvent =
  | 'evictHead'
  | 'evictBody'
  | 'evictIndex'
  | 'evictLedger'
  | 'evictFloor'
  | 'evictSeen'
  | 'evictLease'
  | 'restartCache'
  | 'cacheOutage'
  | 'cutInstance'
  | 'storeOutage'
  | 'breakConnection'
  | 'kill'
  | 'stop'
  | 'pause'
  | 'clockJump';

export type Chaos = {
  readonly events: number;
  readonly gapMs: number;
  readonly weights: { readonly [event in ChaosEvent]?: number };
};

export type Workload = {
  readonly writers: number;
  /** Clients that hold items. */
  readonly lockers: number;
  readonly requests: number;
  readonly readers: number;
  readonly polls: number;
  /** How many of the items are used: fewer, and clients meet more often. */
  readonly items: number;
  /** Longest usual pause between two requests of a client, and the rare long one. */
  readonly gapMs: number;
  readonly longGapMs: number;
  readonly deletes: number;
  readonly durables: number;
  readonly releases: number;
  readonly conditionals: number;
  readonly batches: number;
  /** Share of readers that begin at `now`, that filter, that tell what they know. */
  readonly fromNow: number;
  readonly filters: number;
  readonly known: number;
  /** Bytes by which every operation on a journal is padded; one is chosen for each run. */
  readonly padBytes: readonly number[];
};

export type SimConfig = {
  readonly name: string;
  readonly cache: CacheFaults;
  readonly store: StoreFaults;
  readonly bus: BusFaults;
  readonly http: HttpFaults;
  readonly clock: ClockFaults;
  readonly pauses: PauseFault;
  readonly chaos: Chaos;
  readonly work: Workload;
  readonly engine: Partial<EngineConfig>;
  readonly maxSteps: number;
};

const WORK: Workload = {
  writers: 3,
  lockers: 0,
  requests: 9,
  readers: 3,
  polls: 12,
  items: 5,
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
  padBytes: [0, 0, 40, 1_200, 6_000],
};

const CALM_CACHE: CacheFaults = { latencyMs: 4, slow: 0, slowMs: 0, unclear: 0, lateMs: 0, full: 0 };
const CALM_STORE: StoreFaults = { latencyMs: 12, slow: 0, slowMs: 0, refused: 0, unclear: 0, again: 0 };

/** Nothing goes wrong; also the last part of every other run. */
export const CALM: SimConfig = {
  name: 'calm',
  cache: CALM_CACHE,
  store: CALM_STORE,
  bus: { lost: 0, doubled: 0, lateMs: 10 },
  http: { latencyMs: 5, answerLost: 0, impatient: 0 },
  clock: { skewMs: 0, driftPerMille: 0 },
  pauses: { chance: 0, maxMs: 0 },
  chaos: { events: 0, gapMs: 0, weights: {} },
  work: WORK,
  engine: {},
  maxSteps: 150_000,
};

const PAUSES: SimConfig = {
  ...CALM,
  name: 'pauses',
  cache: { ...CALM_CACHE, slow: 0.05, slowMs: 120 },
  store: { ...CALM_STORE, slow: 0.1, slowMs: 600, again: 0.2 },
  bus: { lost: 0.3, doubled: 0.1, lateMs: 300 },
  clock: { skewMs: 30_000, driftPerMille: 20 },
  pauses: { chance: 0.004, maxMs: 7_000 },
  chaos: { events: 6, gapMs: 2_000, weights: { clockJump: 2, pause: 1, breakConnection: 1 } },
};

const ALL: SimConfig = {
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
  work: { ...WORK, items: 2, gapMs: 800, deletes: 0.03, releases: 0.1 },
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
    items: 2,
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

/** Clients that hold few items, and others that write past them, while processes sleep and die and leases, heads and the whole cache vanish. */
const LOCKS: SimConfig = {
  ...ALL,
  name: 'locks',
  pauses: { chance: 0.006, maxMs: 6_000 },
  chaos: {
    events: 14,
    gapMs: 1_500,
    weights: { evictHead: 3, evictLease: 3, restartCache: 1, kill: 2, pause: 2, breakConnection: 1, clockJump: 1 },
  },
  work: { ...WORK, writers: 2, lockers: 3, readers: 1, polls: 6, items: 2, deletes: 0.04, releases: 0.1, batches: 0 },
};

/** By the name that `--config` takes. */
export const CONFIGS: ReadonlyMap<string, SimConfig> = new Map(
  [CALM, PAUSES, ALL, EPOCH, SHARDS, RESTARTS, OUTAGES, LEASES, MOVES, LATE, LOCKS].map((config) => [
    config.name,
    config,
  ]),
);
