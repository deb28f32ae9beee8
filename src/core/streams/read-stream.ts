import { isObject } from '../../base/json.ts';
import { type Content, type LogState, tailOf } from '../../kinds/log/state.ts';
import type { LogPart } from '../../model/log-part.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { ItemId, SpaceId } from '../../protocol/ids.ts';
import { MAX_FORK_DEPTH, MAX_OPS_PER_ANSWER, STREAM_PAGE_BYTES } from '../../protocol/limits.ts';
import type { OpAnswer } from '../../protocol/ops.ts';
import type { Caller, Engine, Standing } from '../engine-types.ts';
import type { LogParts, Message } from './contents.ts';

/** For what the server does on its own account: noting that somebody reads, forgetting what has expired. */
export const SERVER: Caller = { subject: 'longshore' };

/** A log as it was read. */
export type Log = {
  readonly space: SpaceId;
  readonly item: ItemId;
  readonly born: number;
  readonly version: number;
  readonly lineage: string;
  readonly state: LogState & { readonly config: NonNullable<LogState['config']> };
};

export type Page = {
  readonly messages: readonly Message[];
  /** Number of the last of them, or where it was read from. */
  readonly next: number;
  /** What was read after `from` does not go on any more: the log was rolled back, or is another one. */
  readonly lost?: true;
};

type Piece = Pick<Page, 'messages' | 'lost'> & { readonly bytes: number; readonly goesOn: boolean };

const NOTHING: Piece = { messages: [], bytes: 0, goesOn: false };

/** `undefined` for what is no log; one that has expired, or is not yet there, is told as it stands. */
export function logOf(space: SpaceId, item: ItemId, standing: Standing | undefined): Log | undefined {
  if (!standing || standing.head.dead || standing.kind.name !== 'log') return undefined;
  const { head } = standing;
  const state = standing.state as LogState;
  if (!state.config) return undefined;
  const lineage = `${head.born}.${head.L}`;
  return { space, item, born: head.born, version: head.v, lineage, state: { ...state, config: state.config } };
}

/** Reads messages, through the logs that a fork goes back to. */
export class StreamReader {
  readonly #engine: Pick<Engine, 'readStanding' | 'readOps'>;
  readonly #parts: LogParts;

  constructor(engine: Pick<Engine, 'readStanding' | 'readOps'>, parts: LogParts) {
    this.#engine = engine;
    this.#parts = parts;
  }

  async find(space: SpaceId, item: ItemId): Promise<Log | undefined> {
    return logOf(space, item, await this.#engine.readStanding(space, item));
  }

  /** Messages after number `from`; `lineage` of whoever comes from there. One page: what a fork has from other logs and its own go on in one another. */
  async read(log: Log, from: number, lineage?: string): Promise<Page> {
    const messages: Message[] = [];
    let bytes = 0;
    for (let turn = 0; turn <= MAX_FORK_DEPTH; turn++) {
      const next = from + messages.length;
      const piece = await this.#piece(
        log,
        next,
        messages.length === 0 ? lineage : undefined,
        STREAM_PAGE_BYTES - bytes,
      );
      if (piece.lost) return { messages, next, ...(messages.length === 0 ? { lost: true } : {}) };
      messages.push(...piece.messages);
      bytes += piece.bytes;
      if (!piece.goesOn || bytes > STREAM_PAGE_BYTES || messages.length >= MAX_OPS_PER_ANSWER) break;
    }
    return { messages, next: from + messages.length };
  }

  /** What one log has of them. `goesOn`: another log has the next. */
  async #piece(log: Log, from: number, lineage: string | undefined, room: number): Promise<Piece> {
    const { holder, until } = await this.#holderOf(log, from);
    const own = holder === log;
    const base = holder.state.config.fork?.at ?? 0;
    if (from > tailOf(log.state) && lineage === undefined) return NOTHING;
    const limit = Math.min(MAX_OPS_PER_ANSWER, until - from);
    const query = { index: from - base + 1, limit, wait: 0, ...(own && lineage ? { lineage } : {}) };
    const answer = await this.#engine.readOps(holder.space, holder.item, query);
    if (Number(answer.lineage.split('.')[0]) !== holder.born) throw changed();
    if (own && (answer.replaced !== undefined || answer.nextIndex < query.index)) return { ...NOTHING, lost: true };
    const { messages, bytes } = await this.#messages(holder, answer.ops, room);
    if (!own && messages.length === 0) throw new ProblemError('gone', 'the source of the fork went back');
    return { messages, bytes, goesOn: from + messages.length === until };
  }

  /** The log that has what comes after `from`, and up to which number it counts for the fork. */
  async #holderOf(log: Log, from: number): Promise<{ holder: Log; until: number }> {
    let holder = log;
    let until = Number.POSITIVE_INFINITY;
    for (let depth = 0; depth <= MAX_FORK_DEPTH; depth++) {
      const { fork } = holder.state.config;
      if (!fork || from >= fork.at) return { holder, until };
      const source = await this.find(fork.space as SpaceId, fork.item as ItemId);
      if (!source || source.born !== fork.born) throw new ProblemError('notFound', 'the source of the fork is gone');
      until = Math.min(until, fork.at);
      holder = source;
    }
    throw new ProblemError('notFound', 'the fork goes back too far');
  }

  /** As many as there is room for, at least one. */
  async #messages(log: Log, ops: readonly OpAnswer[], room: number) {
    const messages: Message[] = [];
    let known: { readonly name: string; readonly part: LogPart } | undefined;
    let bytes = 0;
    for (const { op } of ops) {
      if (!isObject(op)) continue;
      if (bytes > room) break;
      if (typeof op.part === 'string') {
        if (known?.name !== op.part) {
          known = { name: op.part, part: await this.#parts.read(log, op.part) };
          bytes += sizeOf(known.part);
        }
        messages.push(messageIn(known.part, Number(op.at)));
      } else {
        const inline = inlinePart(op as Content);
        bytes += sizeOf(inline);
        messages.push(messageIn(inline, 0));
      }
    }
    return { messages, bytes };
  }
}

function inlinePart(op: Content): LogPart {
  return 'append' in op ? { values: op.append } : { bytes: 'bytes' in op ? op.bytes : '' };
}

function messageIn(part: LogPart, at: number): Message {
  return 'bytes' in part ? { bytes: Buffer.from(part.bytes, 'base64') } : { value: part.values[at] ?? null };
}

function sizeOf(part: LogPart): number {
  return 'bytes' in part ? part.bytes.length : JSON.stringify(part.values).length;
}

function changed(): ProblemError {
  return new ProblemError('contention', 'the log has changed', { retryAfterMs: 100 });
}
