import { ALL, WORK } from './config-base.ts';
import type { SimConfig } from './faults.ts';
import { PICTURES as PICTURE_ITEMS } from './items.ts';

/** People come, draw, look and leave again and again, while pictures are folded and stored, late, by several at once, and by instances that die in the middle. */
export const PICTURES: SimConfig = {
  ...ALL,
  name: 'pictures',
  store: { ...ALL.store, slowMs: 300 },
  blobs: { latencyMs: 60, slow: 0.3, slowMs: 30_000, refused: 0.05, unclear: 0.08, lateMs: 20_000 },
  crash: 0.004,
  http: { ...ALL.http, impatient: 0.05 },
  clock: { skewMs: 500, driftPerMille: 1 },
  pauses: { chance: 0.001, maxMs: 3_000 },
  chaos: {
    events: 20,
    gapMs: 6_000,
    weights: {
      evictHead: 7,
      evictRaster: 4,
      evictTile: 4,
      blobOutage: 3,
      storeOutage: 1,
      restartCache: 1,
      kill: 2,
      stop: 1,
      breakConnection: 1,
    },
  },
  work: {
    ...WORK,
    writers: 0,
    readers: 0,
    joins: true,
    drawers: 3,
    requests: 12,
    items: PICTURE_ITEMS,
    gapMs: 500,
    longGapMs: 4_000,
    deletes: 0,
    durables: 0.05,
    releases: 0.15,
    conditionals: 0,
    batches: 0.2,
  },
  engine: { persistMs: 4_000, pictureAllMs: 20_000, pictureHourlyMs: 60_000 },
  maxSteps: 400_000,
};
