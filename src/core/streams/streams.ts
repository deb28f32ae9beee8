import { type LogFields, type LogOutcome, type LogRefusal, LogRequest } from '../../kinds/log/request.ts';
import { isExpired, needsTouch, tailOf } from '../../kinds/log/state.ts';
import { fromProblem, ProblemError } from '../../protocol/errors.ts';
import type { Update, UpdateResult } from '../../protocol/post-update.ts';
import { type From, formatOffset, type Offset } from '../../protocol/streams.ts';
import type { Caller } from '../engine-types.ts';
import { type Watch, watchItem } from '../history/watch-item.ts';
import { troubleProblem } from '../trouble.ts';
import { type Body, inlineContent, LogParts } from './contents.ts';
import { Expiries } from './expiries.ts';
import { Forks, joined } from './forks.ts';
import { type Log, logOf, type Page, SERVER, StreamReader } from './read-stream.ts';
import type { StreamPlace } from './stream-path.ts';
import type { Append, Appended, Outcome, StreamParts, Wanted } from './stream-types.ts';

const TURNS = 20;

/** The Durable Streams protocol upon logs. Whether the caller may is asked before. Throws `ProblemError`. */
export class Streams {
  readonly #parts: StreamParts;
  readonly #contents: LogParts;
  readonly #reader: StreamReader;
  readonly #forks: Forks;
  readonly #expiries: Expiries;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#contents = new LogParts(parts.store, parts.random);
    this.#reader = new StreamReader(parts.engine, this.#contents);
    this.#forks = new Forks({
      clock: parts.clock,
      random: parts.random,
      reader: this.#reader,
      ask: (log, fields) => this.#ask(log, fields, SERVER),
      remove: (log) => this.#remove(log, SERVER),
    });
    this.#expiries = new Expiries({ ...parts, reader: this.#reader, end: (log) => this.#expire(log) });
  }

  /** Ends those that expire without being asked for. */
  get sweeps(): Expiries['sweeps'] {
    return this.#expiries.sweeps;
  }

  /** The log, where it may be read: expired ones go. Throws where there is none. */
  async find(place: StreamPlace): Promise<Log> {
    const log = await this.#standing(place);
    if (!log || log.state.config.pending) throw absent();
    if (log.state.gone) throw new ProblemError('gone', 'the stream was deleted; forks still read from it');
    return log;
  }

  /** The log unless it has expired, which then goes. */
  async #standing(place: StreamPlace): Promise<Log | undefined> {
    const standing = await this.#parts.engine.readStanding(place.space, place.item);
    if (standing && !standing.head.dead && standing.kind.name !== 'log')
      throw new ProblemError('kindMismatch', `${place.item} is a ${standing.kind.name}`);
    const log = logOf(place.space, place.item, standing);
    if (!log || log.state.gone || !isExpired(log.state, this.#parts.clock.now())) return log;
    await this.#expire(log);
    return this.#reader.find(place.space, place.item);
  }

  /** `created`: it was not there. */
  async create(place: StreamPlace, wanted: Wanted, caller: Caller): Promise<{ log: Log; created: boolean }> {
    for (let turn = 0; turn < TURNS; turn++) {
      const before = await this.#standing(place);
      if (before?.state.gone && !(await this.#forks.release(before)))
        throw new ProblemError('conflict', 'a stream of this name was deleted; forks still read from it');
      const made = before?.state.gone ? undefined : await this.#createOnce(place, before, wanted, caller);
      if (made) return made;
    }
    throw new ProblemError('contention', 'others keep changing the stream', { retryAfterMs: 1_000 });
  }

  async #createOnce(place: StreamPlace, before: Log | undefined, wanted: Wanted, caller: Caller) {
    const { config, prefix } = await this.#forks.configOf(wanted);
    const first = wanted.body?.(config.type);
    const body = joined(prefix, first && !isEmpty(first) ? first : undefined);
    const content = body && inlineContent(body);
    const pending = body !== undefined && content === undefined;
    if (!before) await this.#forks.announce(place, config.fork);
    if (!before) await this.#expiries.note(place, config);
    const op = new LogRequest(
      pending ? { create: { ...config, pending } } : { create: config, content, close: wanted.closed },
    );
    const outcome = await this.#update(
      place,
      { kind: 'log', op, durable: true, ...(before ? {} : { ifVersion: 0 }) },
      caller,
    );
    const created = !before && !('reason' in outcome);
    if (!before && !created) await this.#forks.drop(config.fork);
    if ('reason' in outcome && outcome.reason === 'differs')
      throw new ProblemError('conflict', 'the stream exists with another configuration');
    const log = 'reason' in outcome ? undefined : await this.#reader.find(place.space, place.item);
    if (!log?.state.config.pending) return log && { log, created };
    return body && this.#fill(place, log, body, wanted, caller);
  }

  /** Stores what a new log begins with. Whoever created it may have died before: then the one who asks again does it. */
  async #fill(place: StreamPlace, log: Log, body: Body, wanted: Wanted, caller: Caller) {
    const content = await this.#contents.write(log, body);
    const outcome = await this.#ask(log, { content, fills: true, close: wanted.closed }, caller);
    if ('reason' in outcome) await this.#contents.drop(log, content);
    const filled = await this.#reader.find(place.space, place.item);
    return filled && !filled.state.config.pending ? { log: filled, created: !('reason' in outcome) } : undefined;
  }

  async append(place: StreamPlace, { body, close, producer, seq, type }: Append, caller: Caller): Promise<Appended> {
    const log = await this.find(place);
    const sent = body?.(log.state.config.type);
    const inline = sent && inlineContent(sent);
    const content = sent && (inline ?? (await this.#contents.write(log, sent)));
    let outcome: Outcome | undefined;
    try {
      outcome = await this.#ask(log, { content, close, producer, seq, type }, caller);
    } finally {
      const refused = outcome && ('reason' in outcome || outcome.duplicate !== undefined);
      if (refused) await this.#contents.drop(log, content);
    }
    if ('reason' in outcome && (outcome.reason === 'absent' || outcome.reason === 'gone')) await this.find(place);
    return { outcome, log };
  }

  /** Deletes the log; one that forks read from stays for them alone. */
  async delete(place: StreamPlace, caller: Caller): Promise<void> {
    await this.#end(await this.find(place), caller);
  }

  /** Unless it is used again just now. */
  #expire(log: Log): Promise<void> {
    return this.#end(log, SERVER, ({ state }) => isExpired(state, this.#parts.clock.now()));
  }

  async #end(log: Log, caller: Caller, isDue: (now: Log) => boolean = () => true): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      const now = await this.#reader.find(log.space, log.item);
      if (!now || now.born !== log.born || !isDue(now)) return;
      if ((now.state.forks ?? []).length > 0) {
        await this.#ask(now, { gone: true }, caller);
        await this.#forks.release({ ...now, state: { ...now.state, gone: true } });
        return;
      }
      if (await this.#remove(now, caller)) return;
    }
    throw new ProblemError('contention', 'others keep changing the stream', { retryAfterMs: 1_000 });
  }

  /** `false`: it has changed meanwhile. */
  async #remove(log: Log, caller: Caller): Promise<boolean> {
    const update = { op: { delete: true }, ifVersion: log.version, durable: true };
    const outcome = await this.#update(log, update, caller);
    if ('reason' in outcome) return false;
    await this.#forks.drop(log.state.config.fork);
    return true;
  }

  /** Messages from an offset on, as far as one page goes. Notes that somebody reads. */
  async read(log: Log, from: From): Promise<Page> {
    this.#touch(log);
    const tail = tailOf(log.state);
    if (from === 'now') return { messages: [], next: tail };
    const page = await this.#reader.read(log, from.at, from.lineage);
    if (page.lost) throw new ProblemError('gone', 'the stream was begun anew or went back; read it from -1');
    return page;
  }

  /** Waits until there is something after `from`, or the log is closed or gone. */
  async wait(place: StreamPlace, from: Offset, run: Watch, atMostMs = this.#parts.waitMs): Promise<Log | undefined> {
    const { clock, waitMs, engine } = this.#parts;
    const until = clock.monotonic() + Math.min(waitMs, atMostMs);
    const look = async () => {
      const log = await this.#reader.find(place.space, place.item);
      const ended = !log || log.state.gone === true || log.state.closed === true;
      return { log, news: ended || tailOf(log.state) > from.at || log.lineage !== (from.lineage ?? log.lineage) };
    };
    const seen = await watchItem({ clock, poll: (...asked) => engine.poll(...asked) }, { ...place, until }, look, run);
    if ('problem' in seen) throw fromProblem(seen.problem);
    if (seen.log) this.#touch(seen.log);
    return seen.log;
  }

  offset(log: Log, at: number): string {
    return formatOffset(at, log.lineage);
  }

  /** Not waited for: the reader has its answer whether or not it could be noted. */
  #touch(log: Log): void {
    if (!needsTouch(log.state, this.#parts.clock.now())) return;
    this.#ask(log, { touch: true }, SERVER).catch(() => undefined);
  }

  /** Asks it of this life of the log. What a fork stands on is stored, whatever is lost later. */
  #ask(log: Log, fields: LogFields, caller: Caller): Promise<Outcome> {
    const op = new LogRequest({ ...fields, born: log.born });
    const durable = log.state.config.durable || op.gone === true || op.ref !== undefined;
    return this.#update(log, { op, kind: 'log', durable }, caller);
  }

  async #update(
    { space, item }: Pick<StreamPlace, 'space' | 'item'>,
    update: Omit<Update, 'item'>,
    caller: Caller,
  ): Promise<Outcome> {
    return outcomeOf(await this.#parts.engine.update(space, { item, ...update }, caller));
  }
}

function isEmpty(body: Body): boolean {
  return ('bytes' in body ? body.bytes : body.values).length === 0;
}

function outcomeOf(result: UpdateResult): Outcome {
  switch (result.result) {
    case 'ok':
      return result as unknown as LogOutcome;
    case 'conflict':
      return 'reason' in result ? (result as unknown as LogRefusal) : { reason: 'filled' };
    case 'tooLarge':
      throw new ProblemError('tooLarge', `an append or its headers go beyond ${result.limit}`);
    case 'retry':
      throw troubleProblem(result);
    case 'locked':
      throw new ProblemError('locked', `${result.holder} holds the item`);
    case 'invalid':
      if (result.code === 'createMissing') return { reason: 'absent' };
      throw new ProblemError(result.code === 'kindMismatch' ? 'kindMismatch' : 'badRequest', result.detail);
    default:
      throw new ProblemError('conflict', 'the item has moved on');
  }
}

function absent(): ProblemError {
  return new ProblemError('notFound', 'there is no such stream');
}
