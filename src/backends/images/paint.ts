import { unreachable } from '../../base/assert.ts';
import type { Painted, PaintJob } from '../../ports/painters.ts';
import { withText } from './png-text.ts';
import { decodeImage, encodePng } from './sharp.ts';
import { fold, loadRaster } from './tiles.ts';

/** Does one job, on the thread that it is called on. */
export async function paint(job: PaintJob): Promise<Painted<PaintJob>> {
  switch (job.task) {
    case 'fold':
      return fold(job);
    case 'encode': {
      const { width, height, tiles, item, version } = job;
      const png = await encodePng(loadRaster(width, height, tiles).bytes(), width, height);
      return withText(png, { 'Longshore-Item': item, 'Longshore-Version': String(version) });
    }
    case 'decode':
      return decodeImage(job.bytes, job.type);
    default:
      return unreachable(job);
  }
}
