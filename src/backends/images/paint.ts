import { must, unreachable } from '../../base/assert.ts';
import type { Painted, PaintJob } from '../../ports/painters.ts';
import { withText } from './png-text.ts';
import { decodeImage, encodePng, loadSharp } from './sharp.ts';
import { fold, loadRaster, packRaster } from './tiles.ts';

/** Does one job, on the thread that it is called on. */
export async function paint(job: PaintJob): Promise<Painted<PaintJob>> {
  switch (job.task) {
    case 'fold':
      return fold(job);
    case 'encode': {
      const { width, height, tiles, item, version, index, lineage } = job;
      const png = await encodePng(loadRaster(width, height, tiles).bytes(), width, height);
      return withText(png, {
        'Longshore-Item': item,
        'Longshore-Version': String(version),
        'Longshore-Index': String(index),
        'Longshore-Lineage': lineage,
      });
    }
    case 'load': {
      const image = must(await decodeImage(job.bytes, 'image/png'), 'a picture that was written can be read');
      return packRaster(image);
    }
    case 'decode':
      return decodeImage(job.bytes, job.type);
    case 'prepare':
      await loadSharp();
      return undefined;
    default:
      return unreachable(job);
  }
}
