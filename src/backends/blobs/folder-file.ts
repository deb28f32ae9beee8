import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/**
 * One blob in one file, so that a single rename makes bytes, type and generation appear together:
 * `LSB1`, the length of the header (4 bytes, big endian), the header as JSON, the bytes.
 */
export type BlobHeader = {
  readonly contentType: string;
  readonly generation: string;
  readonly size: number;
  /** Of the bytes; checked when they are read whole. */
  readonly crc32: number;
};

type Range = { readonly start: number; readonly end: number };

const MAGIC = Buffer.from('LSB1');
const PREFIX_BYTES = 8;
const MAX_HEADER_BYTES = 4096;

/**
 * Writes a new file and syncs it. `chooseGeneration` gets the time of its creation by the file system, in microseconds.
 */
export async function writeBlobFile(
  path: string,
  bytes: Uint8Array,
  contentType: string,
  chooseGeneration: (createdUs: bigint) => string,
): Promise<BlobHeader> {
  const file = await open(path, 'wx', 0o600);
  try {
    const { mtimeNs } = await file.stat({ bigint: true });
    const generation = chooseGeneration(mtimeNs / 1000n);
    const header: BlobHeader = { contentType, generation, size: bytes.length, crc32: crc32(bytes) };
    const json = Buffer.from(JSON.stringify(header));
    const prefix = Buffer.alloc(PREFIX_BYTES);
    MAGIC.copy(prefix);
    prefix.writeUInt32BE(json.length, MAGIC.length);
    await file.writeFile(Buffer.concat([prefix, json, bytes]));
    await file.sync();
    return header;
  } finally {
    await file.close();
  }
}

/**
 * The header, and the bytes where `wanted` asks for them: whole, or of a range clipped to the blob. `undefined` when
 * there is no file. Throws when the file is damaged, or is a link.
 */
export async function readBlobFile(
  path: string,
  wanted: 'header' | 'whole' | Range,
): Promise<{ readonly header: BlobHeader; readonly bytes: Buffer } | undefined> {
  const file = await openExisting(path);
  if (file === undefined) return undefined;
  try {
    const prefix = await readExactly(file, 0, PREFIX_BYTES);
    const headerBytes = prefix.readUInt32BE(MAGIC.length);
    if (!prefix.subarray(0, MAGIC.length).equals(MAGIC) || headerBytes > MAX_HEADER_BYTES) throw damaged(path);
    const header = parseHeader(await readExactly(file, PREFIX_BYTES, headerBytes));
    const from = PREFIX_BYTES + headerBytes;
    if (header === undefined || (await file.stat()).size !== from + header.size) throw damaged(path);
    if (wanted === 'header') return { header, bytes: Buffer.alloc(0) };

    const { start, end } = wanted === 'whole' ? { start: 0, end: header.size - 1 } : wanted;
    const length = Math.max(0, Math.min(end + 1, header.size) - start);
    const bytes = await readExactly(file, from + start, length);
    if (wanted === 'whole' && crc32(bytes) !== header.crc32) throw damaged(path);
    return { header, bytes };
  } finally {
    await file.close();
  }
}

function parseHeader(bytes: Buffer): BlobHeader | undefined {
  const { contentType, generation, size, crc32 }: Partial<BlobHeader> = JSON.parse(bytes.toString());
  if (typeof contentType !== 'string' || typeof generation !== 'string' || !/^\d+$/.test(generation)) return undefined;
  if (typeof size !== 'number' || typeof crc32 !== 'number') return undefined;
  return { contentType, generation, size, crc32 };
}

async function openExisting(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new Error('the file is shorter than its header says');
    done += bytesRead;
  }
  return buffer;
}

function damaged(path: string): Error {
  return new Error(`damaged blob file ${path}`);
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
