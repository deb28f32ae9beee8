import { LIMIT_WINDOW_MS } from '../../protocol/limits.ts';

/** What a caller may do so often. */
export const BUDGETS = ['post', 'poll', 'snapshot', 'resync', 'upload'] as const;
export type Budget = (typeof BUDGETS)[number];

export type LimitsConfig = {
  /** For one caller in one window, all instances together. */
  readonly budgets: { readonly [budget in Budget]: number };
  /** An address stands for many callers: it may do so many times as much. */
  readonly addressFactor: number;
  /** Polls of one caller that wait here. */
  readonly parkedEach: number;
  /** The rest is of this process, over all callers. */
  readonly parked: number;
  /** Writing requests whose body is there. */
  readonly posts: number;
  /** Spaces of which a snapshot is being read. */
  readonly reads: number;
  /** Spaces of which a snapshot is being read for callers that have to begin anew. */
  readonly resyncs: number;
  /** Bodies that are being read, together. */
  readonly bodyBytes: number;
  /** Bytes of resources that are on their way to or from the blobs, together. */
  readonly transferBytes: number;
  /** Bytes of answers that their readers have still to take, together. */
  readonly answerBytes: number;
  /** What the resources of one space may take up. */
  readonly spaceBytes: number;
};

export const WINDOW_MS = LIMIT_WINDOW_MS;

export const DEFAULT_LIMITS: LimitsConfig = {
  budgets: { post: 2_000, poll: 4_000, snapshot: 400, resync: 60, upload: 120 },
  addressFactor: 20,
  parkedEach: 2_000,
  parked: 20_000,
  posts: 2_000,
  reads: 200,
  resyncs: 50,
  bodyBytes: 256 * 1024 * 1024,
  transferBytes: 256 * 1024 * 1024,
  answerBytes: 256 * 1024 * 1024,
  spaceBytes: 1024 ** 3,
};

const NONE = Number.POSITIVE_INFINITY;
/** Nothing is limited but what would use up the process. */
export const NO_LIMITS: LimitsConfig = {
  ...DEFAULT_LIMITS,
  budgets: { post: NONE, poll: NONE, snapshot: NONE, resync: NONE, upload: NONE },
  parkedEach: NONE,
};
