import { ProblemError } from '../protocol/errors.ts';
import {
  type ClientId,
  ID_RULE,
  type ItemId,
  parseClientId,
  parseItemId,
  parseSpaceId,
  type SpaceId,
} from '../protocol/ids.ts';
import { parseResourceHash, type ResourceHash } from '../protocol/resources.ts';

const SPACES = '/v1/spaces/';
const UPDATES = '/updates';
const SOCKET = '/socket';

type Match = { readonly space: string; readonly search: string };

/** `undefined` unless the URL is `/v1/spaces/{space}/updates`. `space` is decoded, but nothing is said of its form. */
export function matchUpdates(url: string): Match | undefined {
  return match(url, UPDATES);
}

/** The same for `/v1/spaces/{space}/socket`. */
export function matchSocket(url: string): Match | undefined {
  return match(url, SOCKET);
}

function match(url: string, last: string): Match | undefined {
  if (!url.startsWith(SPACES)) return undefined;
  const slash = url.indexOf('/', SPACES.length);
  if (slash < 0 || !url.startsWith(last, slash)) return undefined;
  const end = slash + last.length;
  if (end !== url.length && url[end] !== '?') return undefined;
  return { space: decode(url.slice(SPACES.length, slash)), search: url.slice(end + 1) };
}

export function readSpace(text: string): SpaceId {
  const space = parseSpaceId(text);
  if (space === undefined) throw new ProblemError('badId', `the id of a space must be ${ID_RULE}`);
  return space;
}

export function readItem(text: string): ItemId {
  const item = parseItemId(text);
  if (item === undefined) throw new ProblemError('badId', `the id of an item must be ${ID_RULE}`);
  return item;
}

export function readClient(text: string): ClientId {
  const client = parseClientId(text);
  if (client === undefined) throw new ProblemError('badId', `the id of a client must be ${ID_RULE}`);
  return client;
}

export function readHash(text: string): ResourceHash {
  const hash = parseResourceHash(text);
  if (hash === undefined) throw new ProblemError('badId', 'a resource is named by 64 hexadecimal digits in lower case');
  return hash;
}

/**
 * Ids need no percent-encoding, but clients may use it: `:` becomes `%3A` in `encodeURIComponent`. What cannot be decoded
 * stays as it is, and is no id for its `%`.
 */
function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
