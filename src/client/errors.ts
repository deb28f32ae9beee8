import { isObject } from '../base/json.ts';
import type { Problem } from '../protocol/errors.ts';
import { readRetryAfter } from './backoff.ts';

const FAULTY = new Set([400, 413, 415, 422]);
/** Not the server has answered but something before it, which says little of what the server would. */
const FOREIGN = 'unknown';
const TOO_LARGE = 413;

/** The server answered that it will not do it. */
export class RefusedError extends Error {
  readonly status: number;
  /** `unknown`: of an answer that is not the server's. */
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
    this.code = typeof problem.code === 'string' ? problem.code : FOREIGN;
    this.retryAfterMs = retryAfterMs;
    this.holder = problem.holder;
  }

  get mayRetry(): boolean {
    const { status } = this;
    return status >= 500 || status === 429 || status === 408 || this.isForeign;
  }

  get isForeign(): boolean {
    return this.code === FOREIGN && this.status < 500 && this.status !== TOO_LARGE;
  }

  /** The request itself is at fault, or a part of it: no repeat will be taken. */
  get isFaulty(): boolean {
    return FAULTY.has(this.status) && !this.mayRetry;
  }
}

export function isOfType({ headers }: Response, type: string): boolean {
  return headers.get('Content-Type')?.startsWith(type) ?? false;
}

/** What an answer says that is not 2xx. */
export async function refusalOf(response: Response): Promise<RefusedError> {
  const { status, headers } = response;
  const body: unknown = await response.json().catch(() => undefined); // read to its end in any case
  // Gateways may change the type; the status is in the body, too.
  const isOurs = isObject(body) && (isOfType(response, 'application/problem+json') || body.status === status);
  return new RefusedError(status, isOurs ? body : {}, readRetryAfter(headers.get('Retry-After')));
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
