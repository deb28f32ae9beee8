import { GcsError, type UploadMetadata } from './gcs-objects.ts';

/**
 * Takes a `multipart/related` upload apart: a part of JSON metadata, then a part of the bytes. Strict: what the service
 * would answer with 400 is refused here too.
 */
export function parseMultipart(
  contentType: string | undefined,
  body: Buffer,
): { upload: UploadMetadata; bytes: Buffer } {
  const boundary = /^multipart\/related;\s*boundary="?([^";]+)"?$/.exec(contentType ?? '')?.[1];
  if (boundary === undefined) throw bad(`content type ${contentType}`);
  const parts = splitParts(body, boundary).map(splitHead);
  const [metadata, media, ...more] = parts;
  if (metadata === undefined || media === undefined || more.length > 0)
    throw bad(`${parts.length} parts instead of two`);
  if (!/^application\/json\b/.test(metadata.contentType)) throw bad(`metadata of type ${metadata.contentType}`);
  const upload: UploadMetadata = JSON.parse(metadata.body.toString());
  return { upload: { contentType: media.contentType, ...upload }, bytes: media.body };
}

function splitParts(body: Buffer, boundary: string): Buffer[] {
  const open = Buffer.from(`--${boundary}\r\n`);
  const next = Buffer.from(`\r\n--${boundary}`);
  let at = body.indexOf(open);
  if (at < 0 || body.subarray(0, at).toString().trim() !== '') throw bad('no first boundary');
  at += open.length;
  const parts: Buffer[] = [];
  for (;;) {
    const end = body.indexOf(next, at);
    if (end < 0) throw bad('no closing boundary');
    parts.push(body.subarray(at, end));
    const after = body.subarray(end + next.length, end + next.length + 2).toString();
    if (after === '--') return parts;
    if (after !== '\r\n') throw bad('text after a boundary');
    at = end + next.length + 2;
  }
}

function splitHead(part: Buffer): { contentType: string; body: Buffer } {
  const end = part.indexOf('\r\n\r\n');
  if (end < 0) throw bad('a part without headers');
  const contentType = /^content-type: *(.+)$/im.exec(part.subarray(0, end).toString())?.[1]?.trim();
  if (contentType === undefined) throw bad('a part without a content type');
  return { contentType, body: part.subarray(end + 4) };
}

function bad(what: string): GcsError {
  return new GcsError(400, 'badRequest', `Malformed multipart body: ${what}`);
}
