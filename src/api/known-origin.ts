import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../protocol/errors.ts';
import { rawHeader } from './reply.ts';

const REFUSAL = new ProblemError('forbidden', 'pages of this origin may not do that; see LONGSHORE_ALLOWED_ORIGINS');
const READS: readonly (string | undefined)[] = ['GET', 'HEAD', 'OPTIONS'];

/** For sockets, which browsers let any page open. Pages of this server itself and of the allowed origins are let in; what is no page sends no origin. */
export function requireKnownOrigin(req: IncomingMessage, allowed: readonly string[]): void {
  const origin = rawHeader(req, 'origin');
  if (origin !== undefined && !isKnown(origin, req, allowed)) throw REFUSAL;
}

/** Why this request must not change anything. */
export function writeRefusal(req: IncomingMessage, allowed: readonly string[]) {
  return !READS.includes(req.method) && isForeign(req, allowed) ? REFUSAL.problem : undefined;
}

/** For what changes something though it is a `GET`. */
export function requireOwnPage(req: IncomingMessage, allowed: readonly string[]): void {
  if (isForeign(req, allowed)) throw REFUSAL;
}

/**
 * Whether a page of an origin that is not listed had a browser send it. Whom a cookie or nobody vouches for has not chosen to; a bearer token is of the page's own:
 * browsers add none by themselves, and ask first whether a page may. The page's own origin may have another host than `Host`, where a proxy changes that.
 */
function isForeign(req: IncomingMessage, allowed: readonly string[]): boolean {
  const origin = rawHeader(req, 'origin');
  if (origin !== undefined && isKnown(origin, req, allowed)) return false;
  const site = rawHeader(req, 'sec-fetch-site');
  const elsewhere = origin === undefined ? isElsewhere(site) : site !== 'same-origin';
  return elsewhere && !/^bearer /i.test(rawHeader(req, 'authorization') ?? '');
}

function isKnown(origin: string, req: IncomingMessage, allowed: readonly string[]): boolean {
  if (allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  // As a URL: proxies write the port also where it is the scheme's own, which browsers never do.
  const here = `${protocol}//${rawHeader(req, 'host') ?? ''}`;
  return host !== '' && URL.canParse(here) && new URL(here).host === host;
}

/** What browsers say of a page of another origin, whether or not it is of the same site. */
export function isElsewhere(site: string | undefined): boolean {
  return site === 'cross-site' || site === 'same-site';
}
