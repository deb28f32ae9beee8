import { ProblemError } from '../protocol/errors.ts';
import { ALL_RIGHTS, EVERYTHING, type Grants, type Rights } from './permissions.ts';

/** Who asks, and what they brought with them. One object per token: parked polls hold it. */
export type Caller = {
  readonly subject: string;
  readonly grants: Grants;
  /** Wall clock, ms: from here on it counts for nothing. */
  readonly untilMs: number;
  /** Beyond this nothing is allowed, whatever the space's own record says. */
  readonly cap: Rights;
};

export const ANONYMOUS: Caller = {
  subject: 'anonymous',
  grants: EVERYTHING,
  untilMs: Number.POSITIVE_INFINITY,
  cap: ALL_RIGHTS,
};

/** 401. `sent`: something was there to identify the caller, but it does not hold. */
export class NotIdentified extends ProblemError {
  readonly sent: boolean;

  constructor(detail: string, sent: boolean, cause?: unknown) {
    super('unauthenticated', detail, { cause });
    this.name = 'NotIdentified';
    this.sent = sent;
  }

  /** RFC 6750, 3: the value of `WWW-Authenticate`. */
  get challenge(): string {
    return this.sent ? 'Bearer error="invalid_token"' : 'Bearer';
  }
}
