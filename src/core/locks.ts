import { DEFAULT_KIND } from '../kinds/registry.ts';
import type { Head, Lock } from '../model/head.ts';
import { isFailure } from '../ports/failure.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import { type Deps, RetryLater } from './context.ts';
import { Leases } from './leases.ts';
import {
  concernsLocks,
  type Gate,
  isHolder,
  isHoldersWrite,
  judgeLock,
  lockedBy,
  nameOf,
  PASS,
  refusedLock,
  ruleFor,
  type Term,
  termOf,
} from './lock-rules.ts';
import type { Next, WriteRequest } from './next-head.ts';
import {
  type ClientName,
  type ClientRecords,
  grantsIn,
  type SpaceSettings,
  type SpaceSettingsSource,
} from './people-types.ts';
import type { SpaceState } from './space-state.ts';
import { FIXED_SETTINGS } from './spaces/settings.ts';
import { StaleHolds } from './stale-holds.ts';
import type { Attempt, Turn } from './write-turn.ts';

/** What is to be written, with what becomes of the lock in it. */
export type Locked =
  | { readonly kind: 'commit'; readonly next: Next }
  | { readonly kind: 'refuse'; readonly result: UpdateResult }
  /** Somebody else was faster: begin again. */
  | { readonly kind: 'again' }
  /** All is as asked for already. */
  | { readonly kind: 'stands'; readonly extra: object };

type AskedUpdate = WriteRequest & { readonly update: NonNullable<WriteRequest['update']> };

type Got =
  | { readonly kind: 'granted'; readonly lock: Lock; readonly ttlMs: number }
  | { readonly kind: 'renewed'; readonly ttlMs: number }
  | Exclude<Locked, { kind: 'commit' | 'stands' }>;

const AGAIN = { kind: 'again' } as const;

/** What the locks ask besides cache and store. */
export type LockParts = {
  /** Absent: nobody has joined, so nobody can hold an item. */
  readonly clients?: ClientRecords;
  /** Absent: the defaults hold in every space. */
  readonly settings?: SpaceSettingsSource;
};

/** Where nobody knows clients, nobody can hold anything. */
const NO_CLIENTS: ClientRecords = {
  hold: async () => 'notJoined',
  heldBy: async () => ({}),
  drop: async () => undefined,
};

/**
 * Locks in the writer's flow. Who holds an item stands in its head, under `cas`; that the lease runs is a record of its own, which ends by the clock of the
 * cache. A lock is got in this order: entry in the client's record, lease (the former one must be gone, or is stolen), head; a failure before the head takes
 * lease and entry back. What is in the head never depends on the lease alone: a lost lease lets others in early, and the fence keeps the old holder out.
 */
export class Locks {
  readonly #deps: Deps;
  readonly #leases: Leases;
  readonly #clients: ClientRecords;
  readonly #settings: SpaceSettingsSource;
  readonly #stale: StaleHolds;

  constructor(
    deps: Deps,
    { clients = NO_CLIENTS, settings = FIXED_SETTINGS }: LockParts,
    headOf: (space: SpaceState, item: string) => Promise<Head>,
  ) {
    this.#deps = deps;
    this.#leases = new Leases(deps);
    this.#clients = clients;
    this.#settings = settings;
    this.#stale = new StaleHolds({ leases: this.#leases, clients, headOf });
  }

  /** Comes at once where there is nothing to ask: an update of an item without a lock must cost what it costs without locks. */
  gate(space: SpaceState, request: WriteRequest, head: Head): Gate | Promise<Gate> {
    if (!hasUpdate(request)) return PASS;
    if (request.overLocks) return head.lock ? { kind: 'pass', ends: head.lock } : PASS;
    const settings = this.#settings.known(space.id);
    if (settings) return this.#gateBy(settings, space, request, head);
    return this.#settings.load(space.id).then((loaded) => this.#gateBy(loaded, space, request, head));
  }

  #gateBy(settings: SpaceSettings, space: SpaceState, request: AskedUpdate, head: Head): Gate | Promise<Gate> {
    const { update } = request;
    const rule = ruleFor(settings, head.dead ? (update.kind ?? DEFAULT_KIND) : head.kind);
    if (!concernsLocks(request, head, rule)) return PASS;
    if (!head.lock || isHoldersWrite(request, head)) return judgeLock(request, head, rule, undefined);
    return this.#leases.read(space.id, request.item).then((found) => judgeLock(request, head, rule, found?.lease));
  }

  /** An update that was accepted, with the lock that it takes or ends. */
  async withUpdate(turn: Turn, gate: Gate & { kind: 'pass' }, next: Next): Promise<Locked> {
    const { attempt, request, held } = turn;
    attempt.ends = gate.ends;
    if (!request.update?.grab) return { kind: 'commit', next: { ...next, locks: { to: undefined } } };
    const got = await this.#acquire(turn);
    if (got.kind === 'renewed') return { kind: 'commit', next: answering(next, held.head.fence, got.ttlMs) };
    return got.kind === 'granted' ? granted(turn, got, next) : got;
  }

  /** A request for the lock alone; `next`: the same content again. */
  async alone(turn: Turn, next: Next): Promise<Locked> {
    const { attempt, request, held } = turn;
    const { head } = held;
    const { lock } = request;
    if (lock?.do !== 'grab') {
      if (!head.lock || !mayEnd(request, head.lock)) return { kind: 'stands', extra: {} };
      attempt.ends = head.lock;
      return { kind: 'commit', next: { ...next, locks: { to: undefined }, closes: true, accepted: { extra: {} } } };
    }
    if (head.dead)
      throw new ProblemError('notFound', `there is no item ${request.item}; grab it with its first update`);
    const { lockRules } = await this.#settingsOf(turn.space);
    if (lockRules[head.kind] === 'none') {
      const detail = `items of kind ${head.kind} are not locked in this space`;
      return { kind: 'refuse', result: refusedLock(request, 'notLockable', detail) };
    }
    const got = await this.#acquire(turn);
    if (got.kind === 'renewed') return { kind: 'stands', extra: { fence: head.fence, ttlMs: got.ttlMs } };
    // A closed item stays closed: there is nothing that would have to be stored later.
    const closes = !head.open;
    attempt.ends = head.lock;
    return got.kind === 'granted' ? granted(turn, got, { ...next, closes, accepted: { extra: {} } }) : got;
  }

  /**
   * What comes after the request: lease and entry of a lock that ended go, and of one that was not granted. One that was granted while its client left is
   * freed by `write`: whoever frees what a client holds ends the entry and looks at the item after that, and here the item comes first.
   */
  async settle(
    space: SpaceState,
    request: WriteRequest,
    attempt: Attempt,
    write: (freeing: WriteRequest) => Promise<unknown>,
  ): Promise<void> {
    const { ends, grant, mine, kept } = attempt;
    const granted = mine !== undefined && kept === undefined;
    if (mine && ends) await this.#forget(space, request.item, nameOf(ends), ends.grant);
    if (grant === undefined) return;
    // Another copy of the request was granted the lock, or nobody was.
    if (!granted && grant !== kept?.grant && !attempt.inDoubt)
      await this.#forget(space, request.item, requireName(request), grant);
    if (!granted) return;
    const { item, now } = request;
    try {
      if (await this.#isEntered(space, request, grant)) return;
      await write({ item, ...requireName(request), lock: { do: 'free', grant }, now });
    } catch (error) {
      if (!isFailure(error) && !(error instanceof RetryLater)) throw error; // as if it had crashed: the next writer ends it
    }
  }

  /** After a release that found no lock: whatever a crash has left of one. Returns whether one may have come in meanwhile, to be looked for. */
  async forgetLeftover({ space, request, attempt }: Turn): Promise<boolean> {
    const { item, lock } = request;
    const name = requireName(request);
    if (lock?.do === 'free') {
      for (const grant of attempt.forgotten ? [] : grantsIn(lock.grant)) await this.#forget(space, item, name, grant);
      const first = !attempt.forgotten;
      attempt.forgotten = true;
      return first;
    }
    const found = await this.#leases.read(space.id, item);
    if (found && found.lease.holder === name.client && found.lease.subject === name.subject)
      await this.#forget(space, item, name, found.lease.grant);
    // The entry may name grants that nobody knows any more.
    await this.#clients.drop(space, name, item, undefined);
    return false;
  }

  async #acquire(turn: Turn): Promise<Got> {
    const { space, request, attempt, held } = turn;
    const { head } = held;
    const settings = await this.#settingsOf(space);
    const found = await this.#leases.read(space.id, request.item);
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
    const grant = alive ? found.lease.grant : this.#deps.random.id();
    const entry = await this.#enter(space, request, grant, settings.maxLocks);
    if (entry !== 'held') return { kind: 'refuse', result: noEntry(request, entry, settings.maxLocks) };
    if (!alive) attempt.grant = grant;
    const lease = { grant, ...holderOf(request), untilMs: request.now + term.ttlMs };
    const put = await this.#leases.put(space.id, request.item, lease, term.ttlMs, found?.token);
    // Its entry may have been taken for one that a crash has left.
    if (!put || (!alive && !(await this.#isEntered(space, request, grant)))) {
      if (!alive) {
        await this.#forget(space, request.item, requireName(request), grant);
        attempt.grant = undefined;
      }
      return AGAIN;
    }
    this.#deps.metrics.count(alive ? 'locks_renewed' : 'locks_granted');
    return alive ? { kind: 'renewed', ttlMs: term.ttlMs } : grantOf(request, grant, term);
  }

  /** What crashes have left in the client's record does not count. */
  async #enter(space: SpaceState, request: WriteRequest, grant: string, max: number) {
    const name = requireName(request);
    const entry = await this.#clients.hold(space, name, request.item, grant, max);
    if (entry !== 'tooMany' || !(await this.#stale.clear(space, name, request.item))) return entry;
    return this.#clients.hold(space, name, request.item, grant, max);
  }

  async #isEntered(space: SpaceState, request: WriteRequest, grant: string): Promise<boolean> {
    const held = await this.#clients.heldBy(space, requireName(request));
    return Object.hasOwn(held, request.item) && grantsIn(held[request.item] ?? '').includes(grant);
  }

  /** What is not done here ends by itself: a lease with its time, an entry with the client or its next lock on the item. */
  async #forget(space: SpaceState, item: string, name: ClientName, grant: string): Promise<void> {
    const dropped = [this.#leases.drop(space.id, item, grant), this.#clients.drop(space, name, item, grant)];
    for (const each of await Promise.allSettled(dropped))
      if (each.status === 'rejected' && !isFailure(each.reason)) throw each.reason;
  }

  async #settingsOf(space: SpaceState) {
    return this.#settings.known(space.id) ?? (await this.#settings.load(space.id));
  }
}

function hasUpdate(request: WriteRequest): request is AskedUpdate {
  return request.update !== undefined;
}

/** The fence is the version that the head is about to get: no other grant ever has it. */
function granted({ held }: Turn, { lock, ttlMs }: Got & { kind: 'granted' }, next: Next): Locked {
  const fence = held.head.v + Math.max(1, next.deltas.length);
  return { kind: 'commit', next: { ...answering(next, fence, ttlMs), locks: { to: lock } } };
}

function answering(next: Next, fence: number, ttlMs: number): Next {
  return { ...next, accepted: { extra: { ...next.accepted?.extra, fence, ttlMs } } };
}

function mayEnd(request: WriteRequest, lock: Lock): boolean {
  const ask = request.lock;
  if (ask?.do === 'free') return grantsIn(ask.grant).includes(lock.grant);
  if (lock.holder !== request.client) return false;
  if (lock.subject === request.subject || (ask?.do === 'release' && ask.admin)) return true;
  throw new ProblemError(
    'forbidden',
    `${lock.holder} is a client of somebody else; to free its lock takes the right admin`,
  );
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

function requireName({ subject, client }: WriteRequest): ClientName {
  if (subject === undefined || client === undefined) throw new Error('a request for a lock names its client');
  return { subject, client };
}

function holderOf(request: WriteRequest): { readonly holder: string; readonly subject: string } {
  const { subject, client } = requireName(request);
  return { holder: client, subject };
}
