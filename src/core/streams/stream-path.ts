import { createHash } from 'node:crypto';
import { ProblemError } from '../../protocol/errors.ts';
import { ID_RULE, type ItemId, parseItemId, parseSpaceId, type SpaceId } from '../../protocol/ids.ts';
import { MAX_ID_CHARS } from '../../protocol/limits.ts';

export const STREAM_PREFIX = '/v1/stream/';

/** The log behind a path of the Durable Streams protocol. */
export type StreamPlace = {
  readonly space: SpaceId;
  readonly item: ItemId;
  /** As it was asked for, without query. */
  readonly path: string;
};

/**
 * The first segment of `/v1/stream/{space}/{rest}` is the space; the rest names the item. Letters, digits, `.`, `_` and `-` stand for themselves, `/` becomes `:`, and
 * every other byte of UTF-8 `~` and two hexadecimal digits: so no two paths have the same item. What would be longer than an id may be becomes `~~` and its SHA-256;
 * no rest at all `~~` alone. Throws `ProblemError`.
 */
export function readStreamPath(path: string): StreamPlace {
  const slash = path.indexOf('/', STREAM_PREFIX.length);
  const end = slash < 0 ? path.length : slash;
  const space = parseSpaceId(decode(path.slice(STREAM_PREFIX.length, end)));
  if (!path.startsWith(STREAM_PREFIX) || space === undefined)
    throw new ProblemError('badId', `the first segment after ${STREAM_PREFIX} is a space, whose id must be ${ID_RULE}`);
  const item = parseItemId(itemOf(path.slice(end + 1)));
  if (item === undefined) throw new ProblemError('badId', 'the path does not name a stream');
  return { space, item, path };
}

function itemOf(rest: string): string {
  if (rest === '') return '~~';
  const id = rest.split('/').map(segmentOf).join(':');
  if (id.length <= MAX_ID_CHARS) return id;
  return `~~${createHash('sha256').update(id).digest('base64url')}`;
}

function segmentOf(segment: string): string {
  const text = decode(segment);
  const escaped = [...Buffer.from(text)].map((byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9._-]/.test(char) ? char : `~${byte.toString(16).padStart(2, '0')}`;
  });
  // An id may not be dots alone.
  return /^\.+$/.test(text) ? `~2e${escaped.slice(1).join('')}` : escaped.join('');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new ProblemError('badId', 'the path is not percent-encoded UTF-8', { cause });
  }
}
