import { crc32 } from 'node:zlib';

const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk. */
const FRAME_BYTES = 12;
const HEAD_END = SIGNATURE_BYTES + FRAME_BYTES + 13;

/** The PNG with `tEXt` chunks after its head. Keywords and texts are ASCII. */
export function withText(png: Buffer, texts: Readonly<Record<string, string>>): Buffer {
  const chunks = Object.entries(texts).map(([keyword, text]) =>
    chunkOf('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1')),
  );
  return Buffer.concat([png.subarray(0, HEAD_END), ...chunks, png.subarray(HEAD_END)]);
}

/** The texts that stand before the pixels. */
export function readText(png: Buffer): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (let at = SIGNATURE_BYTES; at + FRAME_BYTES <= png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IDAT' || at + FRAME_BYTES + length > png.length) break;
    const body = png.toString('latin1', at + 8, at + 8 + length);
    const end = body.indexOf('\0');
    if (type === 'tEXt' && end > 0) texts[body.slice(0, end)] = body.slice(end + 1);
    at += FRAME_BYTES + length;
  }
  return texts;
}

function chunkOf(type: string, body: Buffer): Buffer {
  const chunk = Buffer.alloc(FRAME_BYTES + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, 'latin1');
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}
