import { DEFAULT_KIND } from '../kinds/registry.ts';
import type { Head, Lock } from '../model/head.ts';
import { isFailure } from '../ports/failure.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import { type Deps, RetryLater } from './context.ts';
import { type Got, Grants, requireName } from './grants.ts';
import { Leases } from './leases.ts';
import {
  concernsLocks,
  type Gate,
  isHoldersWrite,
  judgeLock,
  nameOf,
  PASS,
  refusedLock,
  ruleFor,
} from './lock-rules.ts';
import type { Next, WriteRequest } from './next-head.ts';
import { type ClientRecords, grantsIn, type SpaceSettings, type SpaceSettingsSource } from './people-types.ts';
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
  revise: async () => false,
  drop: async () => undefined,
};

/**
 * Locks in the writer's flow. Who holds an item stands in its head, under `cas`; that the lease runs is a record of its own, which ends by the clock of the
 * cache. A lock is got in this order: entry in the client's record, lease (the former one must be gone, or is stolen), head; a failure before the head takes
 * lease and entry back. What is in the head never depends on the lease alone: a lost lease lets others in early, and the fence keeps the old holder out.
 */
export class Locks {
  readonly #leases: Leases;
  readonly #clients: ClientRecords;
  readonly #settings: SpaceSettingsSource;
  readonly #grants: Grants;

  constructor(
    deps: Deps,
    { clients = NO_CLIENTS, settings = FIXED_SETTINGS }: LockParts,
    headOf: (space: SpaceState, item: string) => Promise<Head>,
  ) {
    this.#leases = new Leases(deps);
    this.#clients = clients;
    this.#settings = settings;
    const stale = new StaleHolds({ leases: this.#leases, clients, headOf });
    this.#grants = new Grants({ deps, leases: this.#leases, clients, stale });
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
    const got = await this.#grants.acquire(turn, await this.#settingsOf(turn.space));
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
    const settings = await this.#settingsOf(turn.space);
    if (settings.lockRules[head.kind] === 'none') {
      const detail = `items of kind ${head.kind} are not locked in this space`;
      return { kind: 'refuse', result: refusedLock(request, 'notLockable', detail) };
    }
    const got = await this.#grants.acquire(turn, settings);
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
    if (mine && ends) await this.#grants.forget(space, request.item, nameOf(ends), ends.grant);
    if (grant === undefined) return;
    // Another copy of the request was granted the lock, or nobody was.
    if (!granted && grant !== kept?.grant && !attempt.inDoubt)
      await this.#grants.forget(space, request.item, requireName(request), grant);
    if (!granted) return;
    const { item, now } = request;
    try {
      if (await this.#grants.isEntered(space, request, grant)) return;
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
      for (const grant of attempt.forgotten ? [] : grantsIn(lock.grant))
        await this.#grants.forget(space, item, name, grant);
      const first = !attempt.forgotten;
      attempt.forgotten = true;
      return first;
    }
    const found = await this.#leases.read(space.id, item);
    if (found && found.lease.holder === name.client && found.lease.subject === name.subject)
      await this.#grants.forget(space, item, name, found.lease.grant);
    // The entry may name grants that nobody knows any more.
    await this.#clients.drop(space, name, item, undefined);
    return false;
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
