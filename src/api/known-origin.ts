import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../protocol/errors.ts';
import { rawHeader } from './reply.ts';

/**
 * For what browsers let any page do, and say only from where: open a WebSocket, post plain text. Pages of this server itself and of the allowed origins are let in;
 * what is no page sends no origin.
 */
export function requireKnownOrigin(req: IncomingMessage, allowed: readonly string[]): void {
  const origin = rawHeader(req, 'origin');
  if (origin === undefined || allowed.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === rawHeader(req, 'host')?.toLowerCase()) return;
  throw new ProblemError('forbidden', 'pages of this origin may not do that; see LONGSHORE_ALLOWED_ORIGINS');
}
