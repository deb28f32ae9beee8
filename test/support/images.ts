import { crc32 } from 'node:zlib';
import sharp from 'sharp';

/** An image of one colour. */
export function imageOf(format: 'png' | 'jpeg' | 'webp' | 'gif', width = 7, height = 5): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 4, background: '#3366cc' } })
    .toFormat(format)
    .toBuffer();
}

/** A small PNG whose head promises as many pixels as said, with a good checksum. */
export async function pngThatClaims(width: number, height: number): Promise<Buffer> {
  const bytes = await imageOf('png');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}
