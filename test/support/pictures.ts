import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { PaintPool } from '../../src/core/pictures/paint-pool.ts';
import { rasterKey } from '../../src/model/keys.ts';
import { decodeRaster, type RasterRecord } from '../../src/model/raster-record.ts';
import type { PaintJob } from '../../src/ports/painters.ts';
import type { ItemId } from '../../src/protocol/ids.ts';
import { draw } from '../../src/raster/draw.ts';
import type { DrawOp } from '../../src/raster/ops.ts';
import { Raster } from '../../src/raster/raster.ts';
import { MemoryBlobs } from '../doubles/memory-blobs.ts';
import { createRawPainter, readRaw } from '../doubles/raw-painter.ts';
import { FakeClock } from './clocks.ts';
import { EngineWorld, SPACE } from './engine-fixture.ts';

export const KIND = { kind: 'picture' };
export const SIZE = { width: 300, height: 280 };
const PICTURE = 'p' as ItemId;

export function hashOf(rgba: Uint8Array): string {
  return createHash('sha256').update(rgba).digest('hex');
}

/** What these operations make of an empty picture. */
export function replayed(ops: readonly DrawOp[], { width, height } = SIZE): string {
  const raster = new Raster(width, height);
  draw(raster, ops);
  return hashOf(raster.bytes());
}

/** The nth stroke, unlike all others. */
export function stroke(n: number): DrawOp {
  const color = `#${((n * 2_654_435) % 0x1000000).toString(16).padStart(6, '0')}`;
  const points = [
    [(n * 37) % 300, (n * 91) % 280],
    [(n * 53) % 300, (n * 17) % 280],
  ] as const;
  return { stroke: { color, width: 1 + (n % 9), points } };
}

/** Engines that draw. */
export class PictureWorld {
  readonly blobs = new MemoryBlobs();
  readonly pool: PaintPool;
  readonly world: EngineWorld;
  readonly drawn: DrawOp[] = [];

  constructor(instances = 1, config: ConstructorParameters<typeof EngineWorld>[0] = {}) {
    this.pool = new PaintPool({ clock: new FakeClock(), hire: createRawPainter, painters: 1, maxWaiting: 100 });
    this.world = new EngineWorld(config, instances, {
      pool: this.pool,
      blobs: this.blobs,
      stamp: async () => undefined,
    });
  }

  async create(on = 0): Promise<void> {
    await this.world.ok(PICTURE, { create: SIZE }, { ...KIND, on });
  }

  /** The next strokes, so many in each update. */
  async draw(count: number, { each = 1, on = 0 } = {}): Promise<void> {
    for (let done = 0; done < count; done += each) {
      const ops = Array.from({ length: Math.min(each, count - done) }, (_, i) => stroke(this.drawn.length + i));
      await this.world.ok(PICTURE, ops.length === 1 ? ops[0] : { ops }, { on });
      this.drawn.push(...ops);
    }
  }

  /** What a server sends as the picture now, or as it is stored at a version. */
  async picture(on = 0, version?: number) {
    const file = await this.world.run(this.world.at(on).engine.pictures.file(SPACE, PICTURE, version));
    assert.ok(file, `version ${version} is not stored`);
    const raw = readRaw(file.png);
    assert.deepEqual([raw.version, raw.index, raw.lineage], [file.version, file.index, file.lineage]);
    return { ...file, pixels: hashOf(raw.rgba) };
  }

  /** What a joiner is told. */
  async shown(on = 0): Promise<Record<string, unknown>> {
    const { items } = await this.world.snapshot(on);
    const [item] = items;
    assert.ok(item && 'value' in item);
    return item.value as Record<string, unknown>;
  }

  async raster(): Promise<RasterRecord | undefined> {
    const bytes = await this.world.record(rasterKey(SPACE, PICTURE));
    return bytes && decodeRaster(bytes);
  }

  /** Versions that are stored, oldest first. */
  async stored(on = 0): Promise<readonly { readonly version: number; readonly index: number }[]> {
    return this.world.run(this.world.at(on).engine.pictures.stored(SPACE, PICTURE, 0));
  }

  get whole(): string {
    return replayed(this.drawn);
  }
}

/** The jobs that its painters get from now on. */
export function watchJobs({ pool }: PictureWorld): PaintJob[] {
  const jobs: PaintJob[] = [];
  const { run } = pool;
  pool.run = (urgency, job, signal) => {
    jobs.push(job);
    return run.call(pool, urgency, job, signal) as never;
  };
  return jobs;
}
