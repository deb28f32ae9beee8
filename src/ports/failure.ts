export type FailureCode =
  | 'cacheUnavailable'
  | 'cacheFull'
  | 'tooLarge'
  | 'storeUnavailable'
  | 'storeOverloaded'
  | 'storeRefused'
  | 'blobsUnavailable'
  | 'preconditionFailed'
  | 'closed';

/**
 * A backend could not do what it was asked. Outcomes that belong to the protocol (conflict, missing, already there) are
 * returned, never thrown.
 *
 * `unclear`: the operation may or may not have been applied, now or later (an answer that never came). Where it is
 * false, nothing was changed and nothing will be.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly unclear: boolean;

  constructor(code: FailureCode, message: string, options: { unclear?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.unclear = options.unclear ?? false;
  }
}

export function isFailure(error: unknown, ...codes: FailureCode[]): error is Failure {
  return error instanceof Failure && (codes.length === 0 || codes.includes(error.code));
}
