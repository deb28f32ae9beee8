import { createHash } from 'node:crypto';
import { MAX_PLAIN_SUBJECT_CHARS, MAX_TOKEN_CHARS } from '../protocol/limits.ts';
import { NotIdentified } from './caller.ts';

export const IAP_HEADER = 'x-goog-iap-jwt-assertion';

/** The one header of this lower-case name; a second one is refused, since proxies differ on which of them counts. */
export function readHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== name.length || rawHeaders[i]?.toLowerCase() !== name) continue;
    if (found !== undefined) throw new NotIdentified(`the header ${name} is there more than once`, true);
    found = rawHeaders[i + 1];
  }
  return found;
}

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** The token of `Authorization: Bearer …`; `undefined` where there is none. Another scheme counts as none. */
export function readBearer(rawHeaders: readonly string[]): string | undefined {
  const header = readHeader(rawHeaders, 'authorization');
  if (header === undefined || !/^bearer\b/i.test(header)) return undefined;
  // The bound comes first: the pattern looks at every character.
  const token = header.length > MAX_TOKEN_CHARS + 16 ? undefined : BEARER.exec(header)?.[1];
  if (token === undefined || token.length > MAX_TOKEN_CHARS) {
    throw new NotIdentified(`Authorization must be Bearer and a token of at most ${MAX_TOKEN_CHARS} characters`, true);
  }
  return token;
}

const PLAIN = /^[\x21-\x7e]+$/;

/**
 * The name under which the server knows who a source of identities names `id`. Sources are kept apart by their own name, which has
 * no colon. What is long, not plain ASCII or begins with `#` goes by its hash: records that keep subjects count on their size.
 */
export function subjectOf(source: string, id: string): string {
  if (id.length <= MAX_PLAIN_SUBJECT_CHARS && PLAIN.test(id) && !id.startsWith('#')) return `${source}:${id}`;
  return `${source}:#${createHash('sha256').update(id).digest('base64url')}`;
}
