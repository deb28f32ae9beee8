import { isObject, type Json } from '../../base/json.ts';
import { isJsonType, mediaType } from '../../base/media-type.ts';
import { utf8Bytes } from '../../base/utf8.ts';
import { MAX_DELTA_BYTES, MAX_FORKS_OF_LOG, MAX_LOG_MESSAGES } from '../../protocol/limits.ts';
import type { Applied, ApplyContext, Kind } from '../kind.ts';
import { judgeProducer } from './producer.ts';
import { type LogOutcome, type LogRefusal, LogRequest } from './request.ts';
import {
  countOf,
  isExpired,
  type LogConfig,
  type LogDelta,
  type LogState,
  messagesOf,
  NEW,
  needsTouch,
  step,
} from './state.ts';

const FORM = 'a log takes {"create": {…}}, {"append": [value, …]}, {"close": true} or {"delete": true}';

/** An append-only log. Messages are operations, counted by `index`; what is said of the log itself is a step without any. */
export const log: Kind<LogState> = {
  name: 'log',
  keepDeltaBytes: 8_192,
  lastWins: false,
  empty: () => NEW,
  apply(state: LogState, op: unknown, { now }: ApplyContext): Applied<LogState> {
    if (op instanceof LogRequest) return applyRequest(state, op, now);
    const read = readOp(op);
    return typeof read === 'string' ? invalid(read) : applyRequest(state, read, now, true);
  },
  replay: (state, delta) => step(state, delta as LogDelta),
  ops: (delta) => messagesOf(delta as LogDelta),
  encode: (state) => state as unknown as Json,
  decode: (encoded) => encoded as unknown as LogState,
  value: ({ count, closed, config }) => ({
    nextIndex: count + 1,
    ...(closed ? { closed } : {}),
    ...(config?.url === undefined ? {} : { url: config.url }),
  }),
};

function invalid(detail: string): Applied<LogState> & { result: 'invalid' } {
  return { result: 'invalid', code: 'badOp', detail };
}

/** An operation of a client; what is wrong with it as text. */
function readOp(op: unknown): LogRequest | string {
  if (!isObject(op)) return FORM;
  const { create, append, close, ...rest } = op;
  if (Object.keys(rest).length > 0 || Object.keys(op).length !== 1) return FORM;
  if (close !== undefined) return close === true ? new LogRequest({ close }) : FORM;
  if (append !== undefined) {
    if (!Array.isArray(append) || append.length === 0) return 'append must be a list of at least one value';
    return new LogRequest({ content: { append: append as Json[] } });
  }
  if (!isObject(create)) return FORM;
  const { durable = false, ...more } = create;
  if (typeof durable !== 'boolean' || Object.keys(more).length > 0)
    return 'create may have "durable": whether every append is stored before its answer';
  return new LogRequest({ create: { type: 'application/json', durable } });
}

function applyRequest(state: LogState, ask: LogRequest, now: number, open = false): Applied<LogState> {
  if (ask.create) return create(state, ask, ask.create, now);
  if (state.config === undefined)
    return { result: 'invalid', code: 'createMissing', detail: 'there is no such log; create it first' };
  if (open && !isJsonType(state.config.type)) return invalid(`the log is of type ${state.config.type}`);
  if (ask.unref) return accept(state, { unref: ask.unref });
  if (state.gone) return refuse(state, { reason: 'gone' });
  if (ask.gone) return accept(state, { gone: true });
  if (isExpired(state, now)) return refuse(state, { reason: 'absent' });
  if (ask.ref) {
    if ((state.forks ?? []).length >= MAX_FORKS_OF_LOG) return refuse(state, { reason: 'full' });
    return accept(state, { ref: ask.ref });
  }
  if (ask.touch) return needsTouch(state, now) ? accept(state, { t: now }) : unchanged(state, {});
  return append(state, ask, now);
}

function create(state: LogState, ask: LogRequest, config: LogConfig, now: number): Applied<LogState> {
  if (state.config === undefined)
    return accept(state, { create: config, ...ask.content, ...(ask.close ? { close: true } : {}), t: now });
  if (isExpired(state, now)) return refuse(state, { reason: 'absent' });
  if (state.gone) return refuse(state, { reason: 'gone' });
  const alike = state.config.pending === true || (ask.close === true) === (state.closed === true);
  const same = alike && isSame(state.config, config);
  return same ? unchanged(state, { existed: true }) : refuse(state, { reason: 'differs' });
}

/** Would the same words make it again? */
export function isSame(one: LogConfig, other: LogConfig): boolean {
  const fork = (config: LogConfig) => config.fork;
  const offset = fork(other)?.offset;
  return (
    mediaType(one.type) === mediaType(other.type) &&
    one.durable === other.durable &&
    one.ttl === other.ttl &&
    one.expires === other.expires &&
    fork(one)?.path === fork(other)?.path &&
    (offset === undefined || offset === fork(one)?.at) &&
    (fork(one)?.sub ?? 0) === (fork(other)?.sub ?? 0)
  );
}

function append(state: LogState, ask: LogRequest, now: number): Applied<LogState> {
  const { content, producer } = ask;
  const pending = state.config?.pending === true;
  if (pending !== (ask.fills === true)) return refuse(state, { reason: pending ? 'absent' : 'filled' });
  const known = producer && judgeProducer(state, producer);
  if (known?.verdict === 'refused') return refuse(state, known.refusal);
  if (known?.verdict === 'duplicate') return unchanged(state, { duplicate: known.seq });
  if (state.closed) return !content && !producer ? unchanged(state, {}) : refuse(state, { reason: 'closed' });
  if (content && ask.type !== undefined && mediaType(ask.type) !== mediaType(state.config?.type ?? ''))
    return refuse(state, { reason: 'type' });
  if (ask.seq !== undefined && state.seq !== undefined && ask.seq <= state.seq) return refuse(state, { reason: 'seq' });
  if (!content && !ask.close) return invalid('nothing to append');
  return accept(state, {
    ...content,
    ...(ask.fills ? { filled: true } : {}),
    ...(ask.close ? { close: true } : {}),
    ...(producer ? { producer } : {}),
    ...(ask.seq === undefined ? {} : { seq: ask.seq }),
    t: now,
  });
}

function accept(state: LogState, delta: LogDelta): Applied<LogState> {
  const count = countOf(delta);
  if (count > MAX_LOG_MESSAGES) return { result: 'tooLarge', limit: MAX_LOG_MESSAGES };
  const bytes = JSON.stringify(delta).length;
  // Counted exactly only where it may matter: no character has more than three bytes.
  if (bytes * 3 > MAX_DELTA_BYTES && utf8Bytes(JSON.stringify(delta)) > MAX_DELTA_BYTES)
    return { result: 'tooLarge', limit: MAX_DELTA_BYTES };
  const { t, ...rest } = delta;
  const timed = delta.producer !== undefined || (delta.create ?? state.config)?.ttl !== undefined;
  const kept = timed ? delta : rest;
  const next = step(state, kept);
  const durable = next.config?.durable === true && delta.t !== undefined;
  return {
    result: 'ok',
    state: next,
    delta: kept as unknown as Json,
    count,
    ...(durable ? { durable } : {}),
    extra: outcome(next, {}) as unknown as { [field: string]: Json },
  };
}

function outcome(state: LogState, more: Partial<LogOutcome>): LogOutcome {
  return {
    nextIndex: state.count + 1,
    ...(state.closed ? { closed: true } : {}),
    ...(state.forks ? { forks: state.forks.length } : {}),
    ...more,
  };
}

function unchanged(state: LogState, more: Partial<LogOutcome>): Applied<LogState> {
  return { result: 'unchanged', extra: outcome(state, more) as unknown as { [field: string]: Json } };
}

function refuse(state: LogState, refusal: LogRefusal): Applied<LogState> {
  return { result: 'conflict', extra: { ...outcome(state, {}), ...refusal } as unknown as { [field: string]: Json } };
}
