import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Answer } from '../core/engine-types.ts';
import { type Problem, ProblemError } from '../protocol/errors.ts';
import {
  KEEP_ALIVE_MS,
  MAX_SILENCE_MS,
  MAX_STREAM_BACKLOG_BYTES,
  MAX_STREAM_BUFFER_BYTES,
  MAX_WAITING_POSTS,
  STREAM_CUT_MS,
} from '../protocol/limits.ts';
import {
  CLOSE,
  clientMessageSchema,
  type PostMessage,
  type ServerMessage,
  type WatchMessage,
} from '../protocol/socket.ts';
import type { Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { Feed, type Outlet, review, watchBudget } from './feed.ts';
import { updatesFrameOf } from './frames.ts';
import { carryOut } from './post-update.ts';
import { parseJson } from './read-body.ts';
import { problemFrom } from './to-response.ts';

/** `updates` go around this class: their frames are shared. */
type OwnMessage = Exclude<ServerMessage, { type: 'updates' | 'posted' | 'problem' }> | Answering;
type Answering =
  | { readonly type: 'posted'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'problem'; readonly id?: number; readonly problem: Problem };

/**
 * One WebSocket.
 *
 *   open -- depart: the posts that have come are answered --> parting -- close --> closed
 *   open -- rights taken back, too slow, silent --> closed
 *
 * - At most one feed; posts one after another, in the order in which they came.
 * - On the way to a client are at most `MAX_STREAM_BUFFER_BYTES` and one answer of the feed, and `MAX_STREAM_BACKLOG_BYTES` and one
 *   answer to a post.
 * - Frames of the feed go straight to the stream below `ws`. This keeps messages whole because `ws` writes each of its own in one go
 *   where nothing is compressed.
 */
export class SocketConnection implements Outlet {
  readonly #deps: AppDeps;
  readonly #asked: Paying;
  readonly #ws: WebSocket;
  readonly #stream: Duplex;
  readonly #posts: PostMessage[] = [];
  #feed: Feed | undefined;
  #cancelTimer: () => void = () => undefined;
  #heardAt: number;
  #quiet = true;
  #posting = false;
  #departing: Problem | undefined;
  /** Of what the stream has not yet passed on, the bytes that are shared with others. */
  #sharedBytes = 0;

  /** `stream`: what `ws` was made of. */
  constructor(deps: AppDeps, asked: Paying, ws: WebSocket, stream: Duplex) {
    this.#deps = deps;
    this.#asked = asked;
    this.#ws = ws;
    this.#stream = stream;
    this.#heardAt = deps.clock.monotonic();
    ws.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary));
    ws.on('pong', () => this.#heard());
    // What was wrong is in the close code that `ws` sends.
    ws.on('error', () => undefined);
    ws.once('close', () => this.#release());
    stream.on('drain', () => this.#drained());
    this.#keepAlive();
  }

  get isFull(): boolean {
    return this.#stream.writableLength > MAX_STREAM_BUFFER_BYTES;
  }

  send(answer: Answer): void {
    if (!this.#isOpen) return;
    this.#quiet = false;
    const frame = updatesFrameOf(answer);
    const taken = this.#deps.limits.answers.enter(frame);
    this.#sharedBytes += frame.length;
    this.#stream.write(frame, () => {
      taken?.();
      this.#sharedBytes -= frame.length;
      this.#heard();
    });
  }

  /** The feed has ended; where the caller may go on, it may watch again. */
  fail(problem: Problem): void {
    this.#feed = undefined;
    if (!this.#isOpen) return;
    this.#say({ type: 'problem', problem });
    if (problem.status === 403) this.#close(CLOSE.forbidden, problem.code);
  }

  /** The instance stops: what has come is answered, nothing more is read. */
  depart(problem: Problem): void {
    this.#departing = problem;
    this.#feed?.stop();
    this.#ws.pause();
    if (!this.#posting) this.#part(problem);
  }

  /** For what is left at the very end. */
  cut(): void {
    if (this.#stream.writableLength === 0) this.#stream.end(() => this.#stream.destroy());
    else this.#ws.terminate();
  }

  get #isOpen(): boolean {
    return this.#ws.readyState === this.#ws.OPEN;
  }

  #heard(): void {
    this.#heardAt = this.#deps.clock.monotonic();
  }

  #take(data: Buffer, isBinary: boolean): void {
    this.#heard();
    if (isBinary) {
      this.#close(CLOSE.unsupported, 'send text');
      return;
    }
    let raw: unknown;
    try {
      raw = parseJson(data);
      const message = clientMessageSchema.parse(raw);
      if (message.type === 'watch') this.#watch(message);
      else if (message.type === 'post') this.#enqueue(message);
      else this.#say({ type: 'alive' });
    } catch (error) {
      const id = (raw as { readonly id?: unknown } | null | undefined)?.id;
      const known = typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? { id } : {};
      this.#say({ type: 'problem', ...known, problem: problemFrom(this.#deps.log, error) });
    }
  }

  #watch({ type: _, id, ...query }: WatchMessage): void {
    this.#deps.limits.take(this.#asked.account, watchBudget(query));
    this.#feed?.stop();
    this.#say({ type: 'watching', id });
    this.#feed = new Feed(this.#deps, this.#asked, query, this);
    this.#feed.start();
  }

  #drained(): void {
    const { marker = '', isHeld = false } = this.#feed ?? {};
    if (!isHeld) return;
    this.#say({ type: 'resync', marker });
    this.#feed?.resume();
  }

  #enqueue(message: PostMessage): void {
    this.#posts.push(message);
    if (this.#posts.length >= MAX_WAITING_POSTS) this.#ws.pause();
    if (!this.#posting) void this.#postAll();
  }

  async #postAll(): Promise<void> {
    this.#posting = true;
    for (let message = this.#posts.shift(); message !== undefined; message = this.#posts.shift()) {
      this.#say(await this.#post(message));
      this.#heard();
      if (this.#posts.length < MAX_WAITING_POSTS && this.#departing === undefined) this.#ws.resume();
    }
    this.#posting = false;
    if (this.#departing !== undefined) this.#part(this.#departing);
  }

  async #post({ type: _, id, ...request }: PostMessage): Promise<Answering> {
    const { access, log } = this.#deps;
    const { caller, space } = this.#asked;
    try {
      const problem = this.#deps.refusal() ?? (await access.review(caller, space, 'write'));
      if (problem !== undefined) return { type: 'problem', id, problem };
      this.#deps.limits.take(this.#asked.account, 'post');
      return { type: 'posted', id, answer: await carryOut(this.#deps, this.#asked, request) };
    } catch (error) {
      return { type: 'problem', id, problem: problemFrom(log, error) };
    }
  }

  #say(message: OwnMessage): void {
    if (!this.#isOpen) return;
    if (this.#stream.writableLength - this.#sharedBytes > MAX_STREAM_BACKLOG_BYTES) {
      this.#deps.meter.count('streams_cut');
      this.#close(CLOSE.tooSlow, 'begin again from the last marker');
      return;
    }
    this.#quiet = false;
    this.#ws.send(JSON.stringify(message));
  }

  #keepAlive(): void {
    const { clock, meter } = this.#deps;
    this.#cancelTimer = clock.after(KEEP_ALIVE_MS, () => {
      if (clock.monotonic() - this.#heardAt >= MAX_SILENCE_MS) {
        meter.count('streams_cut');
        this.#ws.terminate();
        return;
      }
      this.#keepAlive();
      // Pages do not see the ping that their browser answers.
      if (this.#quiet) this.#say({ type: 'alive' });
      this.#quiet = true;
      if (this.#isOpen) this.#ws.ping();
      review(this.#deps, this.#asked, (problem) => {
        if (problem?.status === 403) this.fail(problem);
      });
    });
  }

  #part(problem: Problem): void {
    this.#say({ type: 'problem', problem });
    // The answer to our closing has to be read.
    this.#ws.resume();
    this.#close(CLOSE.goingAway, problem.code);
  }

  /** A client that does not answer the closing is cut. */
  #close(code: number, reason: string): void {
    this.#release();
    if (!this.#isOpen) return;
    this.#ws.close(code, reason);
    this.#cancelTimer = this.#deps.clock.after(STREAM_CUT_MS, () => this.#ws.terminate());
  }

  #release(): void {
    this.#cancelTimer();
    this.#posts.length = 0;
    this.#feed?.stop();
    this.#feed = undefined;
  }
}

/** What everybody is told who has to go to another instance. */
export function stoppingProblem(retryAfterMs: number): Problem {
  return new ProblemError('stopping', 'this instance is stopping; another one goes on', { retryAfterMs }).problem;
}
