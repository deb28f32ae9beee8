import { assert } from '../../base/assert.ts';
import type { BlobName } from '../../ports/blobs.ts';

const MAX_NAME_CHARS = 512;
const SEGMENT = /^[A-Za-z0-9._~-]+$/;
const ONLY_DOTS = /^\.+$/;
/** As a header field may carry it. */
const CONTENT_TYPE = /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/;

export function isBlobName(name: string): boolean {
  if (name.length > MAX_NAME_CHARS) return false;
  return name.split('/').every((segment) => SEGMENT.test(segment) && !ONLY_DOTS.test(segment));
}

/** Names are made by the program, never taken from a request: another one is a bug, not a failure. */
export function assertBlobName(name: BlobName): void {
  assert(isBlobName(name), `not the name of a blob: ${JSON.stringify(name.slice(0, 80))}`);
}

export function assertContentType(contentType: string): void {
  assert(CONTENT_TYPE.test(contentType), `not a content type: ${JSON.stringify(contentType.slice(0, 80))}`);
}

export function assertRange(range: { readonly start: number; readonly end: number } | undefined): void {
  if (range === undefined) return;
  const whole = Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end);
  assert(whole && range.start >= 0 && range.end >= range.start, `not a range: ${range.start}..${range.end}`);
}
