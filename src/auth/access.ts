import { unreachable } from '../base/assert.ts';
import type { Clock } from '../ports/clock.ts';
import { type Problem, ProblemError } from '../protocol/errors.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { ANONYMOUS, type Caller } from './caller.ts';
import type { Identities } from './identities.ts';
import {
  ALL_RIGHTS,
  decide,
  NO_RIGHTS,
  needOf,
  type Right,
  type Rights,
  rightsIn,
  type Verdict,
} from './permissions.ts';
import { type HeldPolicies, NO_SPACE } from './policies.ts';

/** What a caller has in a space: of themselves, and all in all. */
export type Holding = { readonly brought: Rights; readonly all: Rights };

/**
 * Who may do what. Answers come at once where nothing has to be asked, so that a re-poll costs no turn of the event loop. Throws
 * or rejects with `ProblemError`, or with what kept the record of the space from being read.
 */
export interface Access {
  /** Who sent these headers, whatever they may do. */
  identify(rawHeaders: readonly string[]): Caller | Promise<Caller>;
  /** The caller who sent these headers, if they may. */
  admit(rawHeaders: readonly string[], space: SpaceId, right: Right): Caller | Promise<Caller>;
  /** Why a caller that was admitted may not do this, as of now; `undefined` where they may. */
  review(caller: Caller, space: SpaceId, right: Right): Problem | undefined | Promise<Problem | undefined>;
  holding(caller: Caller, space: SpaceId): Promise<Holding>;
}

/** Mode `none`: whoever reaches the server may do everything. */
export const OPEN_ACCESS: Access = {
  identify: () => ANONYMOUS,
  admit: () => ANONYMOUS,
  review: () => undefined,
  holding: async () => ({ brought: ALL_RIGHTS, all: ALL_RIGHTS }),
};

export class CheckedAccess implements Access {
  readonly #identities: Identities;
  readonly #policies: HeldPolicies;
  readonly #clock: Clock;

  constructor(identities: Identities, policies: HeldPolicies, clock: Clock) {
    this.#identities = identities;
    this.#policies = policies;
    this.#clock = clock;
  }

  identify(rawHeaders: readonly string[]): Caller | Promise<Caller> {
    return this.#identities.identify(rawHeaders);
  }

  admit(rawHeaders: readonly string[], space: SpaceId, right: Right): Caller | Promise<Caller> {
    const caller = this.#identities.identify(rawHeaders);
    return caller instanceof Promise
      ? caller.then((known) => this.#require(known, space, right))
      : this.#require(caller, space, right);
  }

  review(caller: Caller, space: SpaceId, right: Right): Problem | undefined | Promise<Problem | undefined> {
    if (this.#clock.now() >= caller.untilMs) {
      return new ProblemError('forbidden', 'the token has expired meanwhile; ask again with a new one').problem;
    }
    const brought = rightsIn(caller.grants, space) & caller.cap;
    const need = needOf(brought, right);
    if (need === 'nothing' || (need === 'existence' && this.#policies.isKnown(space))) return undefined;
    const judge = ({ exists, members } = NO_SPACE): Problem | undefined => {
      const recorded = (members.get(caller.subject) ?? NO_RIGHTS) & caller.cap;
      return refusal(decide(brought | recorded, right, exists), space, right);
    };
    const policy = this.#policies.peek(space, need);
    return policy === undefined ? this.#policies.of(space).then(judge) : judge(policy);
  }

  async holding(caller: Caller, space: SpaceId): Promise<Holding> {
    const brought = rightsIn(caller.grants, space) & caller.cap;
    if (brought === ALL_RIGHTS) return { brought, all: brought };
    const { members } = this.#policies.peek(space) ?? (await this.#policies.of(space));
    return { brought, all: brought | ((members.get(caller.subject) ?? NO_RIGHTS) & caller.cap) };
  }

  #require(caller: Caller, space: SpaceId, right: Right): Caller | Promise<Caller> {
    const found = this.review(caller, space, right);
    const pass = (problem: Problem | undefined): Caller => {
      if (problem !== undefined) throw new ProblemError(problem.code, problem.detail);
      return caller;
    };
    return found instanceof Promise ? found.then(pass) : pass(found);
  }
}

function refusal(verdict: Verdict, space: SpaceId, right: Right): Problem | undefined {
  switch (verdict) {
    case 'allowed':
      return undefined;
    case 'hidden':
      return new ProblemError('notFound', `there is no space ${space}`).problem;
    case 'absent':
      return new ProblemError('forbidden', `the space ${space} is not there yet; its first write takes an admin`)
        .problem;
    case 'forbidden':
      return new ProblemError('forbidden', `this takes the right ${right} in ${space}`).problem;
    default:
      return unreachable(verdict);
  }
}
