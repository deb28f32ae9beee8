import type { Lock } from '../model/head.ts';
import { isFailure } from '../ports/failure.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { Deps } from './context.ts';
import type { Leases } from './leases.ts';
import { isHolder, lockedBy, refusedLock, type Term, termOf } from './lock-rules.ts';
import type { WriteRequest } from './next-head.ts';
import { acquitting, type ClientName, type ClientRecords, hasGrant, type SpaceSettings } from './people-types.ts';
import type { SpaceState } from './space-state.ts';
import type { StaleHolds } from './stale-holds.ts';
import type { Turn } from './write-turn.ts';

export type Got =
  | { readonly kind: 'granted'; readonly lock: Lock; readonly ttlMs: number }
  | { readonly kind: 'renewed'; readonly ttlMs: number }
  | { readonly kind: 'refuse'; readonly result: UpdateResult }
  /** Somebody else was faster: begin again. */
  | { readonly kind: 'again' };

const AGAIN = { kind: 'again' } as const;

type GrantParts = {
  readonly deps: Deps;
  readonly leases: Leases;
  readonly clients: ClientRecords;
  readonly stale: StaleHolds;
};

/** What a grant has besides the head: the entry in its client's record, and the lease. */
export class Grants {
  readonly #parts: GrantParts;

  constructor(parts: GrantParts) {
    this.#parts = parts;
  }

  /** Entry and lease for the client of the request; it counts once it is in the head. */
  async acquire(turn: Turn, settings: SpaceSettings): Promise<Got> {
    const { deps, leases } = this.#parts;
    const { space, request, attempt, held } = turn;
    const { head } = held;
    const found = await leases.read(space.id, request.item);
    const own = found && found.lease.holder === request.client && found.lease.subject === request.subject;
    if (found && !own) {
      if (request.lock?.do !== 'grab' || !request.lock.steal)
        return { kind: 'refuse', result: lockedBy(request, head, found.lease) };
      if (settings.steal !== 'anyone' && !request.lock.admin)
        throw new ProblemError('forbidden', 'to take an item from its holder takes the right admin in this space');
    }
    const term = termOf(request, head, settings);
    if (!term) {
      const detail = `an item may be held for ${settings.maxHoldMs} ms at once; release it first`;
      return { kind: 'refuse', result: refusedLock(request, 'holdTooLong', detail) };
    }
    const alive = found && found.lease.grant === head.lock?.grant && isHolder(head.lock, request);
    if (found && !alive && found.lease.grant === attempt.grant) return grantOf(request, attempt.grant, term);
    const grant = alive ? found.lease.grant : deps.random.id();
    const entry = await this.#enter(space, request, grant, settings.maxLocks);
    if (entry !== 'held') return { kind: 'refuse', result: noEntry(request, entry, settings.maxLocks) };
    if (!alive) attempt.grant = grant;
    const lease = { grant, ...holderOf(request), untilMs: request.now + term.ttlMs };
    const put = await leases.put(space.id, request.item, lease, term.ttlMs, found?.token);
    // Its entry may have been taken for one that a crash has left.
    if (!put || (!alive && !(await this.#confirm(space, request, grant)))) {
      if (!alive) {
        await this.forget(space, request.item, requireName(request), grant);
        attempt.grant = undefined;
      }
      return AGAIN;
    }
    deps.metrics.count(alive ? 'locks_renewed' : 'locks_granted');
    return alive ? { kind: 'renewed', ttlMs: term.ttlMs } : grantOf(request, grant, term);
  }

  /** What crashes have left in the client's record does not count. */
  async #enter(space: SpaceState, request: WriteRequest, grant: string, max: number) {
    const { clients, stale } = this.#parts;
    const name = requireName(request);
    const entry = await clients.hold(space, name, request.item, grant, max);
    if (entry !== 'tooMany' || !(await stale.clear(space, name, request.item, grant))) return entry;
    return clients.hold(space, name, request.item, grant, max);
  }

  /** Whether it is entered; from now on nobody may take the entry for what a crash has left. */
  async #confirm(space: SpaceState, request: WriteRequest, grant: string): Promise<boolean> {
    const { item } = request;
    const name = requireName(request);
    let entered = false;
    await this.#parts.clients.revise(space, name, (held) => {
      entered = hasGrant(held, item, grant);
      return acquitting(held, item, grant);
    });
    return entered;
  }

  async isEntered(space: SpaceState, request: WriteRequest, grant: string): Promise<boolean> {
    return hasGrant(await this.#parts.clients.heldBy(space, requireName(request)), request.item, grant);
  }

  /** What is not done here ends by itself: a lease with its time, an entry with the client or its next lock on the item. */
  async forget(space: SpaceState, item: string, name: ClientName, grant: string): Promise<void> {
    const { leases, clients } = this.#parts;
    const dropped = [leases.drop(space.id, item, grant), clients.drop(space, name, item, grant)];
    for (const each of await Promise.allSettled(dropped))
      if (each.status === 'rejected' && !isFailure(each.reason)) throw each.reason;
  }
}

function grantOf(request: WriteRequest, grant: string, { sinceMs, ttlMs }: Term): Got {
  return { kind: 'granted', lock: { ...holderOf(request), grant, sinceMs }, ttlMs };
}

function noEntry(request: WriteRequest, entry: 'tooMany' | 'notJoined', maxLocks: number): UpdateResult {
  return entry === 'tooMany'
    ? refusedLock(request, 'tooManyLocks', `a client holds at most ${maxLocks} items at once in this space`)
    : refusedLock(
        request,
        'notJoined',
        `${request.client} has not joined the space: only who is there may hold an item`,
      );
}

export function requireName({ subject, client }: WriteRequest): ClientName {
  if (subject === undefined || client === undefined) throw new Error('a request for a lock names its client');
  return { subject, client };
}

function holderOf(request: WriteRequest): { readonly holder: string; readonly subject: string } {
  const { subject, client } = requireName(request);
  return { holder: client, subject };
}
