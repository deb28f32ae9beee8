import { isFailure } from '../ports/failure.ts';
import { type ProblemCode, ProblemError } from '../protocol/errors.ts';
import type { RetryCode } from '../protocol/post-update.ts';
import { RetryLater } from './context.ts';

/** How long a client waits before it tries again where nobody knows better. */
const RETRY_MS = 1_000;

/** Not now: the same request may succeed after a while. */
export type Trouble = { readonly code: RetryCode; readonly retryAfterMs: number };

/** What a failure of a part means to clients; `undefined` where waiting does not help. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof RetryLater) return { code: error.code, retryAfterMs: error.retryAfterMs };
  if (!isFailure(error)) return undefined;
  switch (error.code) {
    case 'cacheUnavailable':
    case 'storeUnavailable':
      return { code: error.code, retryAfterMs: RETRY_MS };
    case 'cacheFull':
    case 'storeOverloaded':
    case 'blobsUnavailable':
      return { code: 'overloaded', retryAfterMs: RETRY_MS };
    case 'closed':
      return { code: 'stopping', retryAfterMs: RETRY_MS };
    case 'tooLarge':
    case 'storeRefused':
    case 'preconditionFailed':
      return undefined;
  }
}

const DETAILS: { readonly [code in Exclude<RetryCode, 'folding'>]: string } = {
  cacheUnavailable: 'the cache does not answer; nothing was lost',
  storeUnavailable: 'the store does not answer; nothing was lost',
  overloaded: 'a part of the server cannot take more just now',
  recovering: 'the space waits for what instances still hold of it',
  contention: 'others were faster each time',
  stopping: 'this instance is stopping; another one goes on',
};

/** The same as the answer to a whole request. `folding` is a matter of one item and has no problem of its own. */
export function troubleProblem({ code, retryAfterMs }: Trouble, cause?: unknown): ProblemError {
  const name: ProblemCode & keyof typeof DETAILS = code === 'folding' ? 'overloaded' : code;
  return new ProblemError(name, DETAILS[name], { retryAfterMs, cause });
}
