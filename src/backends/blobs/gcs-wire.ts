import { CRC32C, type FileMetadata } from '@google-cloud/storage';
import { must } from '../../base/assert.ts';
import type { BlobInfo, BlobName } from '../../ports/blobs.ts';

export type Headers = Readonly<Record<string, string>>;

/** `undefined`: no precondition; `'never'`: not a generation that this service could have given. */
export function toWire(ifGeneration: string | undefined): string | undefined {
  if (ifGeneration === undefined) return undefined;
  if (ifGeneration === 'absent') return '0';
  return /^[1-9]\d{0,18}$/.test(ifGeneration) ? ifGeneration : 'never';
}

export function checksum(bytes: Buffer): string {
  const crc = new CRC32C();
  crc.update(bytes);
  return crc.toString();
}

export function toInfo(name: BlobName, metadata: FileMetadata): BlobInfo {
  const generation = String(must(metadata.generation, 'an object has a generation'));
  const contentType = metadata.contentType ?? 'application/octet-stream';
  return { name, size: Number(must(metadata.size, 'an object has a size')), contentType, generation };
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
