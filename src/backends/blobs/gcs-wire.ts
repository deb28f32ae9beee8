import { CRC32C, type FileMetadata } from '@google-cloud/storage';
import { must } from '../../base/assert.ts';
import type { BlobInfo, BlobName, ListedBlob } from '../../ports/blobs.ts';

export type Headers = Readonly<Record<string, string>>;

/** `undefined`: no precondition; `'never'`: not a generation that this service could have given. */
export function toWire(ifGeneration: string | undefined): string | undefined {
  if (ifGeneration === undefined) return undefined;
  if (ifGeneration === 'absent') return '0';
  return /^[1-9]\d{0,18}$/.test(ifGeneration) ? ifGeneration : 'never';
}

/** Bytes that are summed up at a time; takes about 4 ms. */
const SLICE_BYTES = 512 * 1024;

/** The library sums up in JavaScript: other work goes on between the slices of something large. */
export async function checksum(bytes: Buffer): Promise<string> {
  const crc = new CRC32C();
  for (let at = 0; ; ) {
    crc.update(bytes.subarray(at, at + SLICE_BYTES));
    at += SLICE_BYTES;
    if (at >= bytes.length) return crc.toString();
    await new Promise((turn) => setImmediate(turn));
  }
}

export function toInfo(name: BlobName, metadata: FileMetadata): BlobInfo {
  const generation = String(must(metadata.generation, 'an object has a generation'));
  const contentType = metadata.contentType ?? 'application/octet-stream';
  return { name, size: Number(must(metadata.size, 'an object has a size')), contentType, generation };
}

export function toListed(name: BlobName, metadata: FileMetadata): ListedBlob {
  const writtenAt = Date.parse(must(metadata.timeCreated, 'an object has a time'));
  return { ...toInfo(name, metadata), writtenAt };
}

/** What an answer with the bytes of a blob says about it. */
export function readHeaders(
  name: BlobName,
  headers: Headers,
): { readonly info: BlobInfo; readonly crc32c: string | undefined } {
  const size = headers['x-goog-stored-content-length'];
  const generation = headers['x-goog-generation'];
  if (size === undefined || generation === undefined) throw new Error('an answer without size and generation');
  const crc32c = /crc32c=([^,\s]+)/.exec(headers['x-goog-hash'] ?? '')?.[1];
  return { info: toInfo(name, { size, generation, contentType: headers['content-type'] }), crc32c };
}
