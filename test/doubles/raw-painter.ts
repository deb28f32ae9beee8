import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { fold, loadRaster, packRaster } from '../../src/backends/images/tiles.ts';
import type { Painted, Painter, PaintJob } from '../../src/ports/painters.ts';

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
    case 'fold':
      return fold(job);
    case 'encode': {
      const { width, height, tiles, item, version, index, lineage } = job;
      const head = `${JSON.stringify({ width, height, item, version, index, lineage })}\n`;
      return Buffer.concat([Buffer.from(head), deflateRawSync(loadRaster(width, height, tiles).bytes())]);
    }
    case 'load':
      return packRaster(readRaw(job.bytes));
    case 'prepare':
      return undefined;
    case 'decode':
      return { width: 2, height: 2, rgba: Buffer.alloc(16, 0xff) };
  }
}

export function readRaw(bytes: Uint8Array): RawPicture & { width: number; height: number; rgba: Uint8Array } {
  const all = Buffer.from(bytes);
  const end = all.indexOf('\n');
  return { ...JSON.parse(all.toString('utf8', 0, end)), rgba: inflateRawSync(all.subarray(end + 1)) };
}
