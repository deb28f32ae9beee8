import { isObject } from '../base/json.ts';
import type { Head, Lock } from '../model/head.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { HeldHead } from './context.ts';
import { findRepeat, type Repeat } from './decide-update.ts';
import type { HeldFloor } from './floor.ts';
import type { Next, Room, WriteRequest } from './next-head.ts';
import type { SpaceState } from './space-state.ts';
import type { Values } from './values.ts';

export type Written =
  | { readonly done: false; readonly result: UpdateResult }
  | { readonly done: true; readonly version: number; readonly durableVersion: number; readonly extra: object };

/** What one request has achieved so far. */
export type Attempt = {
  /** Read afresh: what is remembered has proved stale. */
  cold: boolean;
  /** Names the write where no client does. */
  readonly id: string;
  /** The version that holds the update, and the lineage it is in. */
  mine: { readonly v: number; readonly L: number } | undefined;
  extra: object;
  /** It opened the item, or may have: stored before the answer. */
  first: boolean;
  /** Its kind wants it in the store before the answer. */
  durable: boolean;
  /** Nobody knows whether the last `cas` happened. */
  inDoubt: boolean;
  /** The grant that was got for this request. It counts once it is in the head. */
  grant: string | undefined;
  /** The lock that ends with the version that is being written. */
  ends: Lock | undefined;
  /** The lock that this very request was granted before. */
  kept: Lock | undefined;
  /** Lease and entry of the grants that are to be freed are gone. */
  forgotten: boolean;
};

/** The request was applied before. */
export type Repeated = Repeat & { readonly kind: 'repeat' };

export function newAttempt(id: string, cold: boolean): Attempt {
  return {
    cold,
    id,
    mine: undefined,
    extra: {},
    first: false,
    durable: false,
    inDoubt: false,
    grant: undefined,
    ends: undefined,
    kept: undefined,
    forgotten: false,
  };
}

/** One turn of the writer's flow: the request, and the head it is judged from. */
export type Turn = {
  readonly space: SpaceState;
  readonly request: WriteRequest;
  readonly attempt: Attempt;
  readonly held: HeldHead;
  readonly floor: HeldFloor;
  /** The head was just read: what no `cas` guards may be answered from it. */
  readonly fresh: boolean;
};

/** Without a turn of the event loop where there is nothing to wait for. */
export function andThen<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Promise<Result>,
): Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

export function visible(attempt: Attempt, head: Head, stored: number): Written {
  const version = attempt.mine?.v ?? head.v;
  return { done: true, version, durableVersion: Math.min(stored, version), extra: attempt.extra };
}

export function isRefusal(extra: unknown): extra is { readonly refused: UpdateResult } {
  return isObject(extra) && 'refused' in extra;
}

/** The version with which the head took in this very write, and the answer that goes with it; where that is not remembered, a version that has it. */
export function landedIn(
  head: Head,
  request: WriteRequest,
  attempt: Attempt,
  { accepted }: Next,
  v: number,
): number | undefined {
  const repeat = request.writer && findRepeat(head, request.writer);
  if (repeat ? repeat.kind !== 'repeat' || isRefusal(repeat.extra) : !head.ws.includes(attempt.id)) return undefined;
  const twin = repeat?.kind === 'repeat' ? repeat : undefined;
  // The same request may have landed by way of another instance, after others than those that were looked at here.
  const shown = accepted?.shown && twin && twin.version !== v ? { missed: null } : accepted?.shown;
  if (accepted) attempt.extra = { ...(twin ? (twin.extra as object | undefined) : accepted.extra), ...shown };
  return twin ? twin.version : head.v;
}

/** Must the store have it before the answer? */
export function promisesStore(
  { update, lock }: WriteRequest,
  attempt: Attempt,
  head: Head,
  { durableAlways }: { readonly durableAlways: boolean },
): boolean {
  if (!update) return lock !== undefined;
  return (
    durableAlways ||
    attempt.first ||
    attempt.durable ||
    update.durable === true ||
    update.release === true ||
    update.grab === true ||
    !head.open
  );
}

/** Conflicts and resyncs carry the value that stands, unless they tell what came since, or the answer has no more room for it. */
export function refusal(
  values: Values,
  { room }: WriteRequest,
  result: UpdateResult,
  head: Head,
  state: unknown,
): Written {
  const shows = (result.result === 'conflict' && !('missed' in result)) || result.result === 'resync';
  if (!shows || head.dead || result.value != null) return { done: false, result };
  const { value: _value, ...rest } = result;
  if (!takesRoom(room, head)) return { done: false, result: rest };
  return { done: false, result: { ...rest, value: values.kindOf(head).value(state) } };
}

/** Values that are not in their head count. */
function takesRoom(room: Room | undefined, { ref }: Head): boolean {
  if (!room || !ref) return true;
  if (ref.bytes > room.bytes) return false;
  room.bytes -= ref.bytes;
  return true;
}
