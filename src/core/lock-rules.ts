import type { Head, Lock } from '../model/head.ts';
import type { Lease } from '../model/lease-record.ts';
import { MIN_LOCK_TTL_MS } from '../protocol/limits.ts';
import type { InvalidCode, UpdateResult } from '../protocol/post-update.ts';
import { isDelete } from './decide-update.ts';
import type { WriteRequest } from './next-head.ts';
import type { ClientName, LockRule, SpaceSettings } from './people-types.ts';

/** What the locks say to an update: no, or yes and what ends with it. */
export type Gate =
  | { readonly kind: 'refuse'; readonly result: UpdateResult }
  /** `ends`: the lock that is given up with this update, or that has lapsed. */
  | { readonly kind: 'pass'; readonly ends?: Lock };

export const PASS: Gate = { kind: 'pass' };

export function isHolder(lock: Lock | undefined, request: Pick<WriteRequest, 'subject' | 'client'>): boolean {
  return lock !== undefined && lock.holder === request.client && lock.subject === request.subject;
}

export function nameOf(lock: Lock): ClientName {
  return { subject: lock.subject, client: lock.holder };
}

/** The rule for an item of this kind; for what is to be created, of the kind that the update names. */
export function ruleFor({ lockRules }: SpaceSettings, kind: string): LockRule {
  return Object.hasOwn(lockRules, kind) ? (lockRules[kind] ?? 'optional') : 'optional';
}

/** Is there anything to ask? Most items are never locked, and their updates must not pay for those that are. */
export function concernsLocks({ update }: WriteRequest, head: Head, rule: LockRule): boolean {
  return head.lock !== undefined || update?.grab === true || update?.fence !== undefined || rule === 'required';
}

/** Does the request prove by its fence that it is the holder's? Then whether the lease still runs does not matter: nobody has taken it. */
export function isHoldersWrite(request: WriteRequest, head: Head): boolean {
  return request.update?.fence === head.fence && isHolder(head.lock, request);
}

/**
 * May this update be made? `lease`: what says that the lock is alive, where that was looked at; whoever is not the proven holder has to. Judged
 * before the precondition and the operation. Pure.
 */
export function judgeLock(
  request: WriteRequest & { readonly update: NonNullable<WriteRequest['update']> },
  head: Head,
  rule: LockRule,
  lease: Lease | undefined,
): Gate {
  const { update } = request;
  const { lock } = head;
  const ending = update.release === true || isDelete(update.op);
  if (update.fence !== undefined && (!lock || update.fence !== head.fence)) return fenced(request, head);
  if (lock && isHoldersWrite(request, head)) {
    if (!ending) return PASS;
    return update.grab ? refuseGrab(request) : { kind: 'pass', ends: lock };
  }
  const alive = lock !== undefined && lease?.grant === lock.grant;
  if (alive && !(update.grab && isHolder(lock, request)))
    return { kind: 'refuse', result: lockedBy(request, head, lease) };
  if (update.fence !== undefined) return fenced(request, head);
  if (update.grab) {
    if (rule === 'none') return refuse(request, 'notLockable', 'items of this kind are not locked in this space');
    if (ending) return refuseGrab(request);
  } else if (rule === 'required' && !update.restore) {
    const detail = 'items of this kind are changed by the holder of their lock: send "grab", or its "fence"';
    return refuse(request, 'lockRequired', detail);
  }
  return lock && !alive ? { kind: 'pass', ends: lock } : PASS;
}

export function lockedBy(request: WriteRequest, head: Head, lease: Lease): UpdateResult {
  const at = { item: request.item, version: head.v, durableVersion: head.pv };
  return { ...at, result: 'locked', holder: lease.holder, ttlMs: Math.max(0, lease.untilMs - request.now) };
}

function fenced(request: WriteRequest, head: Head): Gate {
  const at = { item: request.item, version: head.v, durableVersion: head.pv };
  return { kind: 'refuse', result: { ...at, result: 'fenced' } };
}

function refuseGrab(request: WriteRequest): Gate {
  return refuse(request, 'badOp', 'a delete ends the lock: "grab" cannot come with it');
}

function refuse(request: WriteRequest, code: InvalidCode, detail: string): Gate {
  return { kind: 'refuse', result: refusedLock(request, code, detail) };
}

export function refusedLock({ item }: WriteRequest, code: InvalidCode, detail: string): UpdateResult {
  return { item, result: 'invalid', code, detail };
}

/** Since when the client holds the item without having given it up, and how long a lease it gets. */
export type Term = { readonly sinceMs: number; readonly ttlMs: number };

/**
 * `undefined`: it has held the item for as long as it may. The clocks of servers decide only this, never who may write. Pure.
 */
export function termOf(
  request: WriteRequest,
  head: Head,
  settings: Pick<SpaceSettings, 'lockTtlMs' | 'maxHoldMs'>,
): Term | undefined {
  const sinceMs = head.lock && isHolder(head.lock, request) ? Math.min(head.lock.sinceMs, request.now) : request.now;
  const wished = request.lock?.do === 'grab' ? request.lock.ttlMs : undefined;
  const left = sinceMs + settings.maxHoldMs - request.now;
  const ttlMs = Math.min(wished ?? settings.lockTtlMs, settings.lockTtlMs, left);
  return ttlMs < MIN_LOCK_TTL_MS ? undefined : { sinceMs, ttlMs };
}
