import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from '../core/engine-types.ts';
import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import {
  KEEP_ALIVE_MS,
  MAX_STREAM_BUFFER_BYTES,
  STREAM_CUT_MS,
  STREAM_LIFE_MS,
  WAIT_JITTER,
} from '../protocol/limits.ts';
import type { Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { Feed, type Outlet, review, watchBudget } from './feed.ts';
import { eventOf } from './frames.ts';
import { Place } from './get-updates.ts';
import { requireOwnPage } from './known-origin.ts';
import { readSpace } from './path.ts';
import { parseStreamQuery, readMarker } from './query.ts';
import { type HeaderList, type Replies, rawHeader } from './reply.ts';
import { admitToStream } from './stream-access.ts';

type StreamDeps = AppDeps & { readonly replies: Replies };

/** nginx and others like it pass on at once what is marked so. */
const HEADERS: HeaderList = ['Content-Type', 'text/event-stream', 'X-Accel-Buffering', 'no'];
/** Clients come back within this, ms, spread at random. */
const MAX_RETRY_MS = 500;

/** `GET …/updates/stream`: GetUpdates as server-sent events. `search` without `?`. */
export function createUpdatesStream(deps: StreamDeps) {
  let open = 0;
  const count = (by: number): void => {
    open += by;
    deps.meter.gauge('event_streams', open);
  };
  return async function updatesStream(
    req: IncomingMessage,
    res: ServerResponse,
    space: string,
    search: string,
  ): Promise<void> {
    const id = readSpace(space);
    const { query, ticket } = parseStreamQuery(search);
    if (query.clientId !== undefined) requireOwnPage(req, deps.allowedOrigins);
    const last = rawHeader(req, 'last-event-id');
    // An EventSource comes back with the URL it began with: what it has seen since is in the header.
    const from = last ? { ...query, marker: readMarker('Last-Event-ID', last) } : query;
    const asked = await admitToStream(deps, req, id, ticket, watchBudget(from));
    if (res.closed) return;
    const place = new Place(deps.limits, asked.account);
    count(1);
    res.once('close', () => {
      count(-1);
      place.leave();
    });
    new EventStream(deps, req, res, asked, from).start();
  };
}

/**
 * One event stream.
 *
 *   unopened (a problem is still an answer of its own) -- first answer, or at once with a marker --> open -- end of life, problem --> ended
 *
 * At most `MAX_STREAM_BUFFER_BYTES` and one answer are on their way to the client, and its place is free after the life and
 * `STREAM_CUT_MS` at the latest, whether or not anybody is there.
 */
class EventStream implements Outlet {
  readonly #deps: StreamDeps;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #asked: Paying;
  readonly #feed: Feed;
  #timers: (() => void)[] = [];
  /** Of the large answers that the client has still to take. */
  readonly #owed = new Set<() => void>();
  #told = false;
  #quiet = true;

  constructor(deps: StreamDeps, req: IncomingMessage, res: ServerResponse, asked: Paying, query: GetUpdatesQuery) {
    this.#deps = deps;
    this.#req = req;
    this.#res = res;
    this.#asked = asked;
    this.#feed = new Feed(deps, asked, query, this);
  }

  start(): void {
    this.#res.once('close', () => {
      this.#release();
      for (const taken of this.#owed) this.#settle(taken);
    });
    this.#res.on('drain', () => this.#feed.resume());
    this.#feed.start();
    // With a marker it may be long until there is an answer, and the client waits for the head.
    if (this.#feed.marker !== undefined && !this.#res.writableEnded) this.#open();
  }

  get isFull(): boolean {
    return this.#res.writableLength > MAX_STREAM_BUFFER_BYTES;
  }

  send(answer: Answer): void {
    // An id without data is kept by the client and shown to nobody.
    const event = answer.empty && this.#told ? `id: ${answer.marker}\n\n` : eventOf(answer);
    const taken = typeof event === 'string' ? undefined : this.#deps.limits.answers.enter(event);
    this.#open();
    this.#quiet = false;
    if (taken === undefined) this.#res.write(event);
    else {
      this.#owed.add(taken);
      this.#res.write(event, () => this.#settle(taken));
    }
    this.#told = true;
  }

  #settle(taken: () => void): void {
    this.#owed.delete(taken);
    taken();
  }

  fail(problem: Problem): void {
    if (!this.#res.headersSent) {
      this.#deps.replies.problem(this.#req, this.#res, problem);
      return;
    }
    const retry = problem.retryAfterMs === undefined ? '' : `retry: ${problem.retryAfterMs}\n`;
    this.#end(`event: problem\n${retry}data: ${JSON.stringify(problem)}\n\n`);
  }

  #open(): void {
    if (this.#res.headersSent) return;
    const { clock, random, replies } = this.#deps;
    replies.begin(this.#req, this.#res, HEADERS);
    this.#res.write(`retry: ${this.#retryMs()}\n\n`);
    const life = STREAM_LIFE_MS * (1 - WAIT_JITTER * random.fraction());
    this.#timers = [clock.after(life, () => this.#end(`retry: ${this.#retryMs()}\n\n`)), () => undefined];
    this.#keepAlive();
  }

  #retryMs(): number {
    return Math.ceil(MAX_RETRY_MS * this.#deps.random.fraction());
  }

  #keepAlive(): void {
    this.#timers[1] = this.#deps.clock.after(KEEP_ALIVE_MS, () => {
      if (this.#quiet && !this.isFull) this.#res.write(':\n\n');
      this.#quiet = true;
      this.#keepAlive();
      review(this.#deps, this.#asked, (problem) => {
        if (problem !== undefined && !this.#res.writableEnded) this.fail(problem);
      });
    });
  }

  #end(last: string): void {
    this.#release();
    this.#res.end(last);
    const cut = (): void => {
      this.#deps.meter.count('streams_cut');
      this.#res.destroy();
    };
    if (!this.#res.closed) this.#timers = [this.#deps.clock.after(STREAM_CUT_MS, cut)];
  }

  #release(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
    this.#feed.stop();
  }
}
