import type { Request } from 'express';
import { ProblemError } from '../protocol/errors.ts';

/* What the routes take from a request of Express. */

export function param(req: Request, name: string): string {
  const value = req.params[name];
  return typeof value === 'string' ? value : '';
}

/** Without `?`. */
export function searchOf(req: Request): string {
  const start = req.url.indexOf('?');
  return start < 0 ? '' : req.url.slice(start + 1);
}

export function noQuery(req: Request): undefined {
  const search = searchOf(req);
  if (search !== '') throw new ProblemError('badRequest', 'no query parameters are taken here; they go into the body');
}
