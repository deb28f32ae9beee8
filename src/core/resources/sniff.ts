import type { ImageType } from '../../ports/images.ts';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);
const RIFF = Buffer.from('RIFF');
const WEBP = Buffer.from('WEBP');
const GIFS = [Buffer.from('GIF87a'), Buffer.from('GIF89a')];
/** Bytes from the beginning that tell the type. */
export const SNIFF_BYTES = 16;

/** The images that every browser shows, none of which can hold a script; all else is `undefined`, SVG too. What a client or a name says does not count. */
export function sniffImage(bytes: Buffer): ImageType | undefined {
  const has = (mark: Buffer, at = 0): boolean => bytes.subarray(at, at + mark.length).equals(mark);
  if (has(PNG)) return 'image/png';
  if (has(JPEG)) return 'image/jpeg';
  if (has(RIFF) && has(WEBP, 8)) return 'image/webp';
  return GIFS.some((mark) => has(mark)) ? 'image/gif' : undefined;
}
