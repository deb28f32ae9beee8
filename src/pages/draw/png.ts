import { pngParts, rasterOfLines } from '../../raster/png.ts';
import type { Raster } from '../../raster/raster.ts';

/** The pixels of a PNG as this server writes them. A canvas cannot be used for that: it keeps colours multiplied by alpha, and gives other ones back. */
export async function readPng(bytes: Uint8Array): Promise<Raster> {
  const { width, height, data } = pngParts(bytes);
  const stream = new Blob([...data]).stream().pipeThrough(new DecompressionStream('deflate'));
  return rasterOfLines(width, height, new Uint8Array(await new Response(stream).arrayBuffer()));
}
