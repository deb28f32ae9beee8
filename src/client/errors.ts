import type { Problem } from '../protocol/errors.ts';

const FAULTY = new Set([400, 413, 415, 422]);

/** The server answered that it will not do it. */
export class RefusedError extends Error {
  readonly status: number;
  readonly code: string;
  /** Present where the same may succeed later. */
  readonly retryAfterMs: number | undefined;
  /** Who has the lock that was asked for. */
  readonly holder: string | undefined;

  constructor(
    status: number,
    problem: Partial<Problem> & { readonly holder?: string },
    retryAfterMs: number | undefined,
  ) {
    super(problem.detail ?? `the server answered with status ${status}`);
    this.name = 'RefusedError';
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.retryAfterMs = retryAfterMs;
    this.holder = problem.holder;
  }

  get mayRetry(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }

  /** The request itself is at fault, or a part of it: no repeat will be taken. */
  get isFaulty(): boolean {
    return FAULTY.has(this.status);
  }
}

/** No answer: nobody listens there, or the connection broke. Whether the request was carried out is not known. */
export class NoAnswerError extends Error {
  constructor(url: string, cause: unknown) {
    super(`no answer from ${url}`, { cause });
    this.name = 'NoAnswerError';
  }
}

export function mayRetry(error: unknown): boolean {
  return error instanceof NoAnswerError || (error instanceof RefusedError && error.mayRetry);
}

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
