import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';

export type TransportName = 'websocket' | 'sse' | 'longPoll' | 'poll';

/** What to be told next. Without `marker`: everything there is. */
export type Question = {
  readonly marker?: string;
  /** Seconds. */
  readonly wait: number;
  readonly durable?: boolean;
  readonly clientId?: string;
  readonly ids?: readonly string[];
  readonly known?: { readonly [id: string]: number };
};

export type JoinRequest = { readonly clientId?: string; readonly name?: string; readonly data?: unknown };

/** The answer to a join: the first page of a snapshot, too. */
export type Joined = GetUpdatesResponse & {
  readonly clientId: string;
  readonly generation: number;
  readonly leaseMs: number;
  readonly nextSeq: number;
};

export type LockRequest = { readonly clientId: string; readonly ttlMs?: number; readonly steal?: boolean };
export type Grant = { readonly fence: number; readonly ttlMs: number };

/**
 * How requests reach the server. All of them throw `RefusedError`, `NoAnswerError`, or what `signal` aborts with, and each is one attempt: whoever calls tries again.
 *
 * `next` is asked for the answer after `marker` and nothing else, one call at a time. A transport that is told without asking may keep what
 * comes and hand it out as long as the markers join; where they do not, it begins anew at the marker that it is given.
 */
export interface Transport {
  /** What answers come over just now. */
  readonly name?: TransportName | undefined;
  next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse>;
  post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse>;
  /** `undefined`: the server knows no clients. */
  join(request: JoinRequest, signal: AbortSignal): Promise<Joined | undefined>;
  leave(clientId: string, generation: number): Promise<void>;
  /** Changes what others see of a client. */
  say(clientId: string, data: unknown, signal: AbortSignal): Promise<void>;
  lock(item: string, request: LockRequest, signal: AbortSignal): Promise<Grant>;
  unlock(item: string, clientId: string, signal: AbortSignal): Promise<void>;
  /** The network is gone: what stands open delivers nothing any more. */
  cut?(): void;
}
