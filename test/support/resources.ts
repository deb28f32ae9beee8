import { randomBytes } from 'node:crypto';
import { createImages } from '../../src/backends/images/sharp.ts';
import { createMemoryStore } from '../../src/backends/store/memory.ts';
import { ResourceSweeper } from '../../src/core/resources/resource-sweeper.ts';
import { type ResourceParts, Resources } from '../../src/core/resources/resources.ts';
import { Uploads } from '../../src/core/resources/uploads.ts';
import { FIXED_SETTINGS } from '../../src/core/spaces/settings.ts';
import { MemoryBlobs } from '../doubles/memory-blobs.ts';
import { realClock } from './clocks.ts';
import { RecordedLog } from './recorded-log.ts';

export type ResourceWorld = {
  readonly parts: ResourceParts;
  readonly resources: Resources;
  readonly uploads: Uploads;
  readonly sweeper: ResourceSweeper;
};

/** The flows of resources over a store and blobs of their own, unless others are given. */
export function makeResources(options: Partial<ResourceParts> = {}): ResourceWorld {
  const parts: ResourceParts = {
    store: createMemoryStore(),
    blobs: new MemoryBlobs(),
    images: createImages(),
    settings: FIXED_SETTINGS,
    clock: realClock,
    random: { fraction: () => 0.5, id: () => randomBytes(12).toString('base64url') },
    log: new RecordedLog(),
    metrics: { count: () => {}, gauge: () => {}, observe: () => {} },
    spaceBytes: 1024 ** 3,
    ...options,
  };
  const resources = new Resources(parts);
  return { parts, resources, uploads: new Uploads(parts, resources), sweeper: new ResourceSweeper(parts) };
}
