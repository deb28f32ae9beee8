/** A whole request that cannot be answered: the body of an `application/problem+json` answer. */
export type Problem = {
  readonly status: number;
  readonly code: ProblemCode;
  readonly title: string;
  /** What was wrong and what is allowed. */
  readonly detail: string;
  /** Present exactly where the same request may succeed later. */
  readonly retryAfterMs?: number;
};

export type ProblemCode =
  | 'badRequest'
  | 'badJson'
  | 'badKey'
  | 'badId'
  | 'badMarker'
  | 'filterChanged'
  | 'tooDeep'
  | 'tooLarge'
  | 'duplicateItem'
  | 'kindMismatch'
  | 'unsupportedMediaType'
  | 'unauthenticated'
  | 'forbidden'
  | 'notFound'
  | 'gone'
  | 'methodNotAllowed'
  | 'upgradeRequired'
  | 'preconditionFailed'
  | 'conflict'
  | 'locked'
  | 'holdTooLong'
  | 'clientIdTaken'
  | 'notJoined'
  | 'superseded'
  | 'tooManyLocks'
  | 'notLockable'
  | 'lockRequired'
  | 'badImage'
  | 'quotaExceeded'
  | 'rangeNotSatisfiable'
  | 'notOffered'
  | 'rateLimited'
  | 'cacheUnavailable'
  | 'storeUnavailable'
  | 'identityUnavailable'
  | 'overloaded'
  | 'recovering'
  | 'notReady'
  | 'stopping'
  | 'contention'
  | 'internal';

const TITLES: { readonly [code in ProblemCode]: readonly [status: number, title: string] } = {
  badRequest: [400, 'The request is not of the documented form'],
  badJson: [400, 'The body is not JSON in UTF-8'],
  badKey: [400, 'A key of this name is not allowed'],
  badId: [400, 'An id is not of the allowed form'],
  badMarker: [400, 'The marker is not one of this space'],
  filterChanged: [400, 'The marker was made with another filter'],
  tooDeep: [400, 'The body is nested too deeply'],
  tooLarge: [413, 'The request is too large'],
  duplicateItem: [422, 'A request names each item at most once'],
  kindMismatch: [409, 'The item is of another kind'],
  unsupportedMediaType: [415, 'The content type is not supported'],
  unauthenticated: [401, 'Who asks is not known'],
  forbidden: [403, 'The caller may not do this'],
  notFound: [404, 'There is nothing here'],
  gone: [410, 'It was here and is not any more'],
  methodNotAllowed: [405, 'The method is not allowed here'],
  upgradeRequired: [426, 'This is reached by WebSocket'],
  preconditionFailed: [412, 'The precondition does not hold'],
  conflict: [409, 'Another change came first'],
  locked: [423, 'Somebody holds the item'],
  clientIdTaken: [409, 'The client id belongs to somebody else'],
  notJoined: [409, 'The client is not in the space'],
  superseded: [409, 'A newer request of the same client took the place of this one'],
  holdTooLong: [423, 'The client has held the item for as long as it may'],
  tooManyLocks: [409, 'The client holds as many items as it may'],
  notLockable: [409, 'Items of this kind are not locked here'],
  lockRequired: [409, 'Items of this kind are changed by the holder of their lock'],
  badImage: [422, 'The image cannot be taken'],
  quotaExceeded: [409, 'The space is full'],
  rangeNotSatisfiable: [416, 'The range lies outside of the resource'],
  notOffered: [501, 'This server does not offer it'],
  rateLimited: [429, 'Too much for now'],
  cacheUnavailable: [503, 'The cache does not answer'],
  storeUnavailable: [503, 'The store does not answer'],
  identityUnavailable: [503, 'Who asks cannot be found out just now'],
  overloaded: [503, 'The server is busy'],
  recovering: [503, 'The space is recovering from a lost cache'],
  notReady: [503, 'This instance is not ready'],
  stopping: [503, 'This instance is stopping'],
  contention: [503, 'Too many writers at once'],
  internal: [500, 'The server failed'],
};

/** The same as an error. */
export function fromProblem({ code, detail, retryAfterMs }: Problem): ProblemError {
  return new ProblemError(code, detail, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Thrown by whoever finds the whole request unusable; `api/to-response.ts` alone turns it into an answer. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(code: ProblemCode, detail: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProblemError';
    const [status, title] = TITLES[code];
    const base = { status, code, title, detail };
    this.problem = options.retryAfterMs === undefined ? base : { ...base, retryAfterMs: options.retryAfterMs };
  }
}
