import type { Json } from '../../base/json.ts';
import { MAX_PRODUCERS } from '../../protocol/limits.ts';

/** Where a fork begins: what is before `at` is read from the other log, in the life of it that began with `born`. */
export type ForkedFrom = {
  readonly space: string;
  readonly item: string;
  readonly born: number;
  readonly at: number;
  /** As they were asked for; a log is asked for again by the same words. */
  readonly path: string;
  readonly offset?: number;
  readonly sub?: number;
  /** The name under which the source knows of it. */
  readonly ref: string;
};

export type LogConfig = {
  readonly type: string;
  /** Everything is in the store before it is acknowledged. */
  readonly durable: boolean;
  /** Seconds without a read or write. */
  readonly ttl?: number;
  readonly expires?: string;
  /** Path by the Durable Streams protocol. */
  readonly url?: string;
  readonly fork?: ForkedFrom;
  /** Created, but what it begins with is still to come: nobody sees it yet. */
  readonly pending?: true;
};

/** Who sent it, in which life of the sender, and which one of that life. */
export type Producer = readonly [id: string, epoch: number, seq: number];
type Heard = readonly [...Producer, t: number];
/** A fork of this log, and since when. */
export type Fork = readonly [ref: string, space: string, item: string, t: number];

/** Of a log everything but its messages. */
export type LogState = {
  readonly config?: LogConfig;
  /** Messages of its own. */
  readonly count: number;
  readonly closed?: true;
  /** Whose request closed it. */
  readonly closedBy?: Producer;
  /** Highest `Stream-Seq`. */
  readonly seq?: string;
  /** Server time of the last read or write, where it expires, ms; later by up to a twentieth of the time it lives. */
  readonly touched?: number;
  /** Oldest first. */
  readonly producers?: readonly Heard[];
  readonly forks?: readonly Fork[];
  /** Deleted, but forks still read from it. */
  readonly gone?: true;
};

/** Messages as they are kept. */
export type Content =
  | { readonly append: readonly Json[] }
  | { readonly bytes: string }
  /** In records of their own. */
  | { readonly parts: readonly Part[] };

export type Part = readonly [name: string, messages: number, bytes: number];

/** One step of a log. The history of a log is all of them in their order. */
export type LogDelta = {
  readonly create?: LogConfig;
  readonly append?: readonly Json[];
  readonly bytes?: string;
  readonly parts?: readonly Part[];
  readonly filled?: true;
  readonly close?: true;
  readonly producer?: Producer;
  readonly seq?: string;
  readonly ref?: Fork;
  readonly unref?: readonly string[];
  readonly gone?: true;
  /** Server time, where it matters, ms. */
  readonly t?: number;
};

export const NEW: LogState = { count: 0 };

export function countOf({ append, bytes, parts }: LogDelta): number {
  if (append) return append.length;
  if (bytes !== undefined) return 1;
  return parts?.reduce((sum, [, messages]) => sum + messages, 0) ?? 0;
}

/** The single messages, as they are read by their index. */
export function messagesOf({ append, bytes, parts }: LogDelta): readonly Json[] {
  if (append) return append.map((value) => ({ append: [value] }));
  if (bytes !== undefined) return [{ bytes }];
  return (parts ?? []).flatMap(([part, messages]) => Array.from({ length: messages }, (_, at) => ({ part, at })));
}

export function step(state: LogState, delta: LogDelta): LogState {
  const next: { -readonly [field in keyof LogState]: LogState[field] } = { ...state };
  if (delta.create) next.config = delta.create;
  if (delta.filled && next.config) {
    const { pending: _pending, ...config } = next.config;
    next.config = config;
  }
  next.count += countOf(delta);
  if (delta.close) next.closed = true;
  if (delta.close && delta.producer) next.closedBy = delta.producer;
  if (delta.seq !== undefined) next.seq = delta.seq;
  if (delta.producer) next.producers = heard(state.producers ?? [], delta.producer, delta.t ?? 0);
  if (delta.ref) next.forks = [...(state.forks ?? []), delta.ref];
  if (delta.unref) next.forks = (state.forks ?? []).filter(([ref]) => !delta.unref?.includes(ref));
  if (delta.gone) next.gone = true;
  if (delta.t !== undefined && next.config?.ttl !== undefined) next.touched = delta.t;
  return next;
}

/** Whoever has not been heard for longest is forgotten first; what it sends again is then refused, as it does not begin with 0. */
function heard(producers: readonly Heard[], [id, epoch, seq]: Producer, t: number): readonly Heard[] {
  return [...producers.filter(([known]) => known !== id), [id, epoch, seq, t] as const].slice(-MAX_PRODUCERS);
}

/** Times are noted when this share of the life has passed since the last note; until then the log lives on. */
const TOUCH_SHARE = 1 / 20;

/** When it expires unless it is read or written meanwhile, server time, ms; infinite where it does not. */
export function endsAt({ config, touched }: Pick<LogState, 'config' | 'touched'>): number {
  const never = Number.POSITIVE_INFINITY;
  const fixed = config?.expires === undefined ? never : Date.parse(config.expires);
  const sliding = config?.ttl === undefined ? never : (touched ?? 0) + config.ttl * 1_000 * (1 + TOUCH_SHARE);
  return Math.min(fixed, sliding);
}

export function isExpired(state: LogState, now: number): boolean {
  return now >= endsAt(state);
}

/** Is it time to note that somebody reads? */
export function needsTouch({ config, touched }: LogState, now: number): boolean {
  return config?.ttl !== undefined && now - (touched ?? 0) >= config.ttl * 1_000 * TOUCH_SHARE;
}

/** Number of the last message, those it has from its source included. */
export function tailOf({ config, count }: LogState): number {
  return (config?.fork?.at ?? 0) + count;
}
