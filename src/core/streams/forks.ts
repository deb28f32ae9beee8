import { isJsonType, mediaType } from '../../base/media-type.ts';
import type { LogFields, LogOutcome, LogRefusal } from '../../kinds/log/request.ts';
import { type Fork, type ForkedFrom, type LogConfig, tailOf } from '../../kinds/log/state.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { ProblemError } from '../../protocol/errors.ts';
import type { ItemId, SpaceId } from '../../protocol/ids.ts';
import { MAX_BODY_BYTES, MAX_FORK_DEPTH, MAX_LOG_MESSAGES } from '../../protocol/limits.ts';
import type { Offset } from '../../protocol/streams.ts';
import type { Body, Message } from './contents.ts';
import type { Log, StreamReader } from './read-stream.ts';
import type { StreamPlace } from './stream-path.ts';
import type { Wanted, WantedFork } from './stream-types.ts';

type ForkParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly reader: StreamReader;
  readonly ask: (log: Log, fields: LogFields) => Promise<LogOutcome | LogRefusal>;
  readonly remove: (log: Log) => Promise<boolean>;
};

type Given = { readonly config: LogConfig; readonly prefix?: Body | undefined };

/** Whoever makes a fork may take this long between telling the source of it and being one, ms. */
const MAKING_MS = 60_000;
const DEFAULT_TYPE = 'application/octet-stream';

/**
 * A fork refers to its source, and the source knows its forks: it is told before a fork is made and after one is deleted, so that it never goes while a fork reads
 * from it. What a server that died in between has left in the list is found out when the source is to go.
 */
export class Forks {
  readonly #parts: ForkParts;

  constructor(parts: ForkParts) {
    this.#parts = parts;
  }

  /** What a log that is to be made will say of itself, and what it takes over into its own messages. */
  async configOf({ config, fork }: Wanted): Promise<Given> {
    const { type, ...rest } = config;
    if (!fork) return { config: { ...rest, type: type ?? DEFAULT_TYPE } };
    const source = await this.#source(fork);
    const own = source.state.config;
    if (type !== undefined && mediaType(type) !== mediaType(own.type))
      throw new ProblemError('conflict', `the source is of type ${own.type}`);
    const at = fork.offset?.at ?? tailOf(source.state);
    if (at > tailOf(source.state) || isLost(source, fork.offset))
      throw new ProblemError('badRequest', 'Stream-Fork-Offset lies beyond the source');
    const prefix = fork.sub > 0 ? await this.#prefix(source, at, fork.sub) : undefined;
    const from: ForkedFrom = {
      space: source.space,
      item: source.item,
      born: source.born,
      at,
      path: fork.source.path,
      ...(fork.offset ? { offset: at } : {}),
      ...(fork.sub > 0 ? { sub: fork.sub } : {}),
      ref: this.#parts.random.id(),
    };
    const lives = config.ttl === undefined && config.expires === undefined ? expiryOf(own) : {};
    return { config: { ...rest, ...lives, type: type ?? own.type, fork: from }, prefix };
  }

  async #source({ source: { space, item } }: WantedFork): Promise<Log> {
    const source = await this.#parts.reader.find(space, item);
    if (!source || source.state.config.pending) throw new ProblemError('notFound', 'there is no such source');
    if (source.state.gone) throw new ProblemError('conflict', 'the source was deleted');
    if ((await this.#depthOf(source)) >= MAX_FORK_DEPTH)
      throw new ProblemError('quotaExceeded', `a fork may go back through at most ${MAX_FORK_DEPTH} others`);
    return source;
  }

  /** Logs that it goes back through. */
  async #depthOf(log: Log): Promise<number> {
    let depth = 0;
    for (let fork = log.state.config.fork; fork && depth < MAX_FORK_DEPTH; depth++)
      fork = (await this.#sourceOf(fork))?.state.config.fork;
    return depth;
  }

  /** Messages, or bytes of the message, that follow on `at`. */
  async #prefix(source: Log, at: number, sub: number): Promise<Body> {
    const isJson = isJsonType(source.state.config.type);
    if (isJson && sub > MAX_LOG_MESSAGES)
      throw new ProblemError('tooLarge', `Stream-Fork-Sub-Offset may be at most ${MAX_LOG_MESSAGES}`);
    const taken: Message[] = [];
    let bytes = 0;
    for (let next = at; taken.length < sub; ) {
      const page = await this.#parts.reader.read(source, next);
      if (page.next === next) break;
      taken.push(...page.messages);
      next = page.next;
      if (!isJson) break;
      bytes += JSON.stringify(page.messages).length;
      if (bytes > MAX_BODY_BYTES)
        throw new ProblemError('tooLarge', `a fork takes over at most ${MAX_BODY_BYTES} bytes after its offset`);
    }
    const [first] = taken;
    if (first && 'bytes' in first && sub <= first.bytes.length) return { bytes: first.bytes.subarray(0, sub) };
    if (first && 'value' in first && sub <= taken.length)
      return { values: taken.slice(0, sub).map((message) => ('value' in message ? message.value : null)) };
    throw new ProblemError('badRequest', 'Stream-Fork-Sub-Offset goes beyond what follows the offset');
  }

  /** Tells the source that a log is about to become its fork. */
  async announce({ space, item }: StreamPlace, fork: ForkedFrom | undefined): Promise<void> {
    if (!fork) return;
    const source = await this.#sourceOf(fork);
    const ref: Fork = [fork.ref, space, item, this.#parts.clock.now()];
    const ask = async () => (source ? this.#parts.ask(source, { ref, from: fork.at }) : { reason: 'gone' as const });
    const isFull = (outcome: LogOutcome | LogRefusal) => 'reason' in outcome && outcome.reason === 'full';
    let outcome = await ask();
    if (source && isFull(outcome)) {
      await this.#forget(source);
      outcome = await ask();
    }
    if (isFull(outcome)) throw new ProblemError('quotaExceeded', 'the source has as many forks as a stream may have');
    if ('reason' in outcome) throw new ProblemError('conflict', 'the source was deleted');
  }

  /** Tells the source that a fork is no more. A source that was kept for it alone goes. */
  async drop(fork: ForkedFrom | undefined): Promise<void> {
    const source = fork && (await this.#sourceOf(fork));
    if (!fork || !source) return;
    await this.#parts.ask(source, { unref: [fork.ref] });
    await this.#removeUnused(fork);
  }

  async #removeUnused(place: Pick<ForkedFrom, 'space' | 'item' | 'born'>): Promise<boolean> {
    const log = await this.#sourceOf(place);
    if (!log?.state.gone || (log.state.forks ?? []).length > 0) return false;
    return this.#parts.remove(log);
  }

  /** Of a deleted log: has it gone for good, now that forks which never came to be, or are no more, were taken off its list? */
  async release(log: Log): Promise<boolean> {
    await this.#forget(log);
    return this.#removeUnused(log);
  }

  /** Takes forks that never came to be, or are no more, off the list of their source. */
  async #forget(log: Log): Promise<void> {
    const left: string[] = [];
    for (const [ref, space, item, t] of log.state.forks ?? []) {
      if (this.#parts.clock.now() - t < MAKING_MS) continue;
      const fork = await this.#parts.reader.find(space as SpaceId, item as ItemId);
      if (fork?.state.config.fork?.ref !== ref) left.push(ref);
    }
    if (left.length > 0) await this.#parts.ask(log, { unref: left });
  }

  async #sourceOf({ space, item, born }: Pick<ForkedFrom, 'space' | 'item' | 'born'>): Promise<Log | undefined> {
    const source = await this.#parts.reader.find(space as SpaceId, item as ItemId);
    return source?.born === born ? source : undefined;
  }
}

/** One log may begin with what its source gives it, and with what it was sent. */
export function joined(prefix: Body | undefined, body: Body | undefined): Body | undefined {
  if (!prefix || !body) return prefix ?? body;
  if ('values' in prefix && 'values' in body) return { values: [...prefix.values, ...body.values] };
  if ('bytes' in prefix && 'bytes' in body) return { bytes: Buffer.concat([prefix.bytes, body.bytes]) };
  throw new TypeError('a log is either of values or of bytes');
}

/** An offset of another life of the source, beyond what that had from its own source. */
function isLost({ born, state }: Log, offset: Offset | undefined): boolean {
  if (offset?.lineage === undefined || offset.at <= (state.config.fork?.at ?? 0)) return false;
  return Number(offset.lineage.split('.')[0]) !== born;
}

function expiryOf({ ttl, expires }: LogConfig): Pick<LogConfig, 'ttl' | 'expires'> {
  return { ...(ttl === undefined ? {} : { ttl }), ...(expires === undefined ? {} : { expires }) };
}
