import { isTextType } from '../base/media-type.ts';
import type { Log, Page } from '../core/streams/read-stream.ts';
import {
  KEEP_ALIVE_MS,
  MAX_STREAM_BUFFER_BYTES,
  RESOURCE_STALL_MS,
  STREAM_CUT_MS,
  STREAM_LIFE_MS,
  WAIT_JITTER,
} from '../protocol/limits.ts';
import { type From, formatOffset, nextCursor } from '../protocol/streams.ts';
import { review } from './feed.ts';
import { Place } from './get-updates.ts';
import { type HeaderList, SANDBOX } from './reply.ts';
import { bodyOf, endOf, STREAM_HEADERS } from './stream-answers.ts';
import type { ReadQuery, StreamDeps, StreamRequest } from './stream-request.ts';

const HEADERS: HeaderList = [
  'Content-Type',
  'text/event-stream',
  'Cache-Control',
  'no-cache',
  'X-Accel-Buffering',
  'no',
];

/**
 * One stream of server-sent events: pairs of `data` and `control`, for as long as a stream lives, or until the log is closed and read to its end. At most
 * `MAX_STREAM_BUFFER_BYTES` and one page are on their way; a client that takes nothing for `RESOURCE_STALL_MS` is cut.
 */
export class StreamEvents {
  readonly #deps: StreamDeps;
  readonly #request: StreamRequest;
  readonly #query: ReadQuery;
  readonly #watch = { cancelled: false, unpark: () => {} };
  #until = 0;

  constructor(deps: StreamDeps, request: StreamRequest, query: ReadQuery) {
    this.#deps = deps;
    this.#request = request;
    this.#query = query;
  }

  async run(): Promise<void> {
    const { streams, limits, clock, random } = this.#deps;
    const { res, place, asked } = this.#request;
    const log = await streams.find(place);
    const first = await streams.read(log, this.#query.from);
    if (res.closed) return;
    const waiting = new Place(limits, asked.account);
    res.once('close', () => {
      this.#watch.cancelled = true;
      this.#watch.unpark();
      waiting.leave();
    });
    this.#until = clock.monotonic() + STREAM_LIFE_MS * (1 - WAIT_JITTER * random.fraction());
    this.#begin(log);
    await this.#follow(log, first);
    this.#end();
  }

  #begin(log: Log): void {
    const { req, res } = this.#request;
    const coded = isTextType(log.state.config.type) ? [] : ['Stream-SSE-Data-Encoding', 'base64'];
    this.#deps.replies.head(req, res, 200, [...HEADERS, ...coded, ...STREAM_HEADERS, ...SANDBOX]);
    res.flushHeaders();
  }

  async #follow(found: Log, first: Page): Promise<void> {
    const { streams, clock } = this.#deps;
    const { place } = this.#request;
    let [log, page] = [found, first];
    while (!this.#watch.cancelled) {
      const upToDate = this.#tell(log, page);
      if (upToDate && log.state.closed) return;
      if (!(await this.#drained()) || clock.monotonic() >= this.#until) return;
      const from: From = { at: page.next, lineage: log.lineage };
      if (upToDate) await streams.wait(place, from, this.#watch, KEEP_ALIVE_MS);
      if (this.#watch.cancelled || !(await this.#mayRead())) return;
      log = await streams.find(place);
      page = await streams.read(log, from);
    }
  }

  /** One page and where it ends. Is that the end of the log? */
  #tell(log: Log, page: Page): boolean {
    const { clock, random } = this.#deps;
    const { tail, closed } = endOf(log, page);
    const upToDate = page.next >= tail;
    const control = {
      streamNextOffset: formatOffset(page.next, log.lineage),
      ...(upToDate && closed
        ? { streamClosed: true }
        : { streamCursor: nextCursor(clock.now(), this.#query.cursor, random.fraction()) }),
      ...(upToDate ? { upToDate: true } : {}),
    };
    const data = page.messages.length > 0 ? event('data', textOf(log, page)) : '';
    this.#request.res.write(`${data}${event('control', JSON.stringify(control))}`);
    return upToDate;
  }

  /** Waits until the client has taken most of what was sent. `false`: it has gone, or takes nothing. */
  #drained(): Promise<boolean> {
    const { res } = this.#request;
    if (res.writableLength <= MAX_STREAM_BUFFER_BYTES) return Promise.resolve(true);
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(RESOURCE_STALL_MS, () => {
        this.#deps.meter.count('streams_cut');
        res.destroy();
      });
      const done = (goes: boolean) => () => {
        cancel();
        resolve(goes);
      };
      res.once('drain', done(true));
      res.once('close', done(false));
    });
  }

  #mayRead(): Promise<boolean> {
    return new Promise((resolve) => review(this.#deps, this.#request.asked, (problem) => resolve(!problem)));
  }

  #end(): void {
    const { res } = this.#request;
    res.end();
    if (res.closed) return;
    const cancel = this.#deps.clock.after(STREAM_CUT_MS, () => res.destroy());
    res.once('close', cancel);
  }
}

function textOf(log: Log, page: Page): string {
  const body = bodyOf(log, page.messages);
  return body.toString(isTextType(log.state.config.type) ? 'utf8' : 'base64');
}

/** Every line of the data is a line of the event, whichever way lines end: so no data can pretend to be an event. */
function event(name: string, data: string): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data:${line}\n`);
  return `event: ${name}\n${lines.join('')}\n`;
}
