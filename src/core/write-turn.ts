import { isObject } from '../base/json.ts';
import type { Head, Lock } from '../model/head.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { HeldHead } from './context.ts';
import { findRepeat } from './decide-update.ts';
import type { HeldFloor } from './floor.ts';
import type { Next, WriteRequest } from './next-head.ts';
import type { SpaceState } from './space-state.ts';

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
  /** Nobody knows whether the last `cas` happened. */
  inDoubt: boolean;
  /** The grant that was got for this request. It counts once it is in the head. */
  grant: string | undefined;
  /** The lock that ends with the version that is being written. */
  ends: Lock | undefined;
  /** The lock that this very request was granted before. */
  kept: Lock | undefined;
};

export function newAttempt(id: string, cold: boolean): Attempt {
  return {
    cold,
    id,
    mine: undefined,
    extra: {},
    first: false,
    inDoubt: false,
    grant: undefined,
    ends: undefined,
    kept: undefined,
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

export function visible(attempt: Attempt, head: Head, stored: number): Written {
  const version = attempt.mine?.v ?? head.v;
  return { done: true, version, durableVersion: Math.min(stored, version), extra: attempt.extra };
}

export function isRefusal(extra: unknown): extra is { readonly refused: UpdateResult } {
  return isObject(extra) && 'refused' in extra;
}

/** The version with which the head took in this very write, and the answer that goes with it; where that is not remembered, a version that has it. */
export function landedIn(head: Head, request: WriteRequest, attempt: Attempt, next: Next): number | undefined {
  const repeat = request.writer && findRepeat(head, request.writer);
  if (repeat ? repeat.kind !== 'repeat' || isRefusal(repeat.extra) : !head.ws.includes(attempt.id)) return undefined;
  const twin = repeat?.kind === 'repeat' ? repeat : undefined;
  if (next.accepted) attempt.extra = twin ? ((twin.extra as object | undefined) ?? {}) : next.accepted.extra;
  return twin ? twin.version : head.v;
}
