import { NoAnswerError } from './errors.ts';

/** Nobody listens there at all. Only Node tells; a browser does not. */
export function isUnreachable(error: unknown): boolean {
  let cause = error instanceof NoAnswerError ? error.cause : undefined;
  for (let depth = 0; depth < 4 && cause instanceof Error; depth++) {
    const code = 'code' in cause ? cause.code : undefined;
    if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') return true;
    if (cause instanceof AggregateError) return cause.errors.every((one) => isUnreachable(new NoAnswerError('', one)));
    cause = cause.cause;
  }
  return false;
}
