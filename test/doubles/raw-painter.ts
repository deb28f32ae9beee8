import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { fold, loadRaster } from '../../src/backends/images/tiles.ts';
import type { FileText, Painted, Painter, PaintJob } from '../../src/ports/painters.ts';
import { Raster } from '../../src/raster/raster.ts';

/** A picture as this painter writes it. */
export type RawPicture = {
  readonly item: string;
  readonly version: number;
  readonly index: number;
  readonly lineage: string;
};

/** Draws as the real one does, at once, and writes files of its own form: a line of JSON, then the pixels, deflated. */
export function createRawPainter(): Painter {
  return {
    async run<Job extends PaintJob>(job: Job): Promise<Painted<Job>> {
      return paint(job) as Painted<Job>;
    },
    async end() {},
  };
}

function paint(job: PaintJob): Painted<PaintJob> {
  switch (job.task) {
    case 'fold': {
      const raster = job.png ? rasterOf(readRaw(job.png)) : loadRaster(job);
      const folded = fold(job, raster);
      return job.file ? { ...folded, file: written(raster, job.file) } : folded;
    }
    case 'encode':
      return written(loadRaster(job), job);
    case 'prepare':
      return undefined;
    case 'decode':
      return { width: 2, height: 2, rgba: Buffer.alloc(16, 0xff) };
  }
}

function written(raster: Raster, { item, version, index, lineage }: FileText): Uint8Array {
  const { width, height } = raster;
  const head = `${JSON.stringify({ width, height, item, version, index, lineage })}\n`;
  return Buffer.concat([Buffer.from(head), deflateRawSync(raster.bytes())]);
}

function rasterOf({ width, height, rgba }: ReturnType<typeof readRaw>): Raster {
  return Raster.from(width, height, rgba);
}

export function readRaw(bytes: Uint8Array): RawPicture & { width: number; height: number; rgba: Uint8Array } {
  const all = Buffer.from(bytes);
  const end = all.indexOf('\n');
  return { ...JSON.parse(all.toString('utf8', 0, end)), rgba: inflateRawSync(all.subarray(end + 1)) };
}
