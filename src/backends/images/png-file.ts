import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { MAX_PICTURE_SIDE } from '../../protocol/limits.ts';
import { lineBytes, linesOf, pngParts, rasterOfLines } from '../../raster/png.ts';
import type { Raster } from '../../raster/raster.ts';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** Length, type and checksum of a chunk. */
const FRAME_BYTES = 12;
/** Eight bits for each of R, G, B and A; deflated; lines with filters; not interlaced. */
const FORM = [8, 6, 0, 0, 0];
/** Somebody waits for it: 9 takes ten times as long for a file that is a third smaller. */
const LEVEL = 4;

/** Every pixel as it is, also the colours of those that cannot be seen. Keywords and texts are ASCII; they stand before the pixels. */
export function writePng(raster: Raster, texts: Readonly<Record<string, string>>): Buffer {
  const head = Buffer.alloc(8 + FORM.length);
  head.writeUInt32BE(raster.width, 0);
  head.writeUInt32BE(raster.height, 4);
  head.set(FORM, 8);
  const lines = linesOf(raster);
  return Buffer.concat([
    SIGNATURE,
    chunkOf('IHDR', head),
    ...Object.entries(texts).map(([keyword, text]) => chunkOf('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1'))),
    chunkOf('IDAT', deflateSync(lines, { level: LEVEL })),
    chunkOf('IEND', Buffer.alloc(0)),
  ]);
}

/** Throws on what is no picture as this server writes them. */
export function readPng(bytes: Uint8Array): Raster {
  const { width, height, data } = pngParts(bytes);
  if (Math.max(width, height) > MAX_PICTURE_SIDE) throw new Error(`a picture of ${width} by ${height}`);
  const lines = inflateSync(Buffer.concat(data), { maxOutputLength: lineBytes(width, height) });
  return rasterOfLines(width, height, lines);
}

function chunkOf(type: string, body: Buffer): Buffer {
  const chunk = Buffer.alloc(FRAME_BYTES + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, 'latin1');
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}
