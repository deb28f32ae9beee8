import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { IAP_HEADER } from '../auth/credentials.ts';
import type { Answer } from '../core/engine-types.ts';
import { Content } from './content.ts';
import { namesTag } from './etags.ts';
import { COMMON, type HeaderList, type Replies, rawHeader } from './reply.ts';

export type FixedAnswer = Answer & { readonly fixed: NonNullable<Answer['fixed']> };

const FOR_EVER = 'private, max-age=31536000, immutable';
const ASK_AGAIN = 'private, no-cache';
const OTHERS = COMMON.slice(2); // without `no-store`

/**
 * For what its caller may keep; `forEver`: it never changes. A browser may be used by several people: what it keeps is found again with the same credential alone, and is asked for again
 * where a proxy, not the browser, tells who it is.
 */
export function keptBy(req: IncomingMessage, forEver: boolean): HeaderList {
  const isKept = forEver && rawHeader(req, IAP_HEADER) === undefined;
  return ['Cache-Control', isKept ? FOR_EVER : ASK_AGAIN, 'Vary', 'Authorization'];
}

/** An answer that its caller may keep. */
export function sendFixed(replies: Replies, req: IncomingMessage, res: ServerResponse, answer: FixedAnswer): void {
  const hash = createHash('sha256').update(answer.body).digest('base64url').slice(0, 22);
  // Weak: the same for every coding.
  const headers: HeaderList = [...['ETag', `W/"${hash}"`], ...keptBy(req, answer.fixed === 'for ever'), ...OTHERS];
  if (namesTag(rawHeader(req, 'if-none-match'), `"${hash}"`)) replies.send(req, res, 304, headers, undefined);
  else {
    const content = new Content(answer.body, () => ['Content-Type', 'application/json', ...headers]);
    replies.content(req, res, 200, content);
  }
}
