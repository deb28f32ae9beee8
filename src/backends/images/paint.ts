import { unreachable } from '../../base/assert.ts';
import type { FileText, Folded, FoldJob, Painted, PaintJob } from '../../ports/painters.ts';
import type { Raster } from '../../raster/raster.ts';
import { readPng, writePng } from './png-file.ts';
import { decodeImage } from './sharp.ts';
import { fold, loadRaster } from './tiles.ts';

/** Does one job, on the thread that it is called on. */
export async function paint(job: PaintJob): Promise<Painted<PaintJob>> {
  switch (job.task) {
    case 'fold':
      return foldAndWrite(job);
    case 'encode':
      return fileOf(loadRaster(job), job);
    case 'decode':
      return decodeImage(job.bytes, job.type);
    case 'prepare':
      return undefined;
    default:
      return unreachable(job);
  }
}

function foldAndWrite(job: FoldJob): Folded {
  const raster = job.png ? readPng(job.png) : loadRaster(job);
  const folded = fold(job, raster);
  return job.file ? { ...folded, file: fileOf(raster, job.file) } : folded;
}

function fileOf(raster: Raster, { item, version, index, lineage }: FileText): Uint8Array {
  return writePng(raster, {
    'Longshore-Item': item,
    'Longshore-Version': String(version),
    'Longshore-Index': String(index),
    'Longshore-Lineage': lineage,
  });
}
