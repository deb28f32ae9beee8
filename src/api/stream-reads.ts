import type { IncomingMessage } from 'node:http';
import type { Log, Page } from '../core/streams/read-stream.ts';
import { ProblemError } from '../protocol/errors.ts';
import { nextCursor, parseFrom } from '../protocol/streams.ts';
import { Place, takenAway } from './get-updates.ts';
import { type HeaderList, rawHeader, SANDBOX } from './reply.ts';
import { bodyOf, endOf, nextHeader, STREAM_HEADERS, tagOf } from './stream-answers.ts';
import { StreamEvents } from './stream-events.ts';
import type { ReadQuery, StreamDeps, StreamRequest } from './stream-request.ts';

/** `GET`: what is there from an offset on; or, live, what comes. */
export function createReadStream(deps: StreamDeps) {
  return async function readStream(request: StreamRequest): Promise<void> {
    const query = readQuery(request.search);
    if (query.live === 'sse') return new StreamEvents(deps, request, query).run();
    if (query.live === 'long-poll') return longPoll(deps, request, query);
    const log = await deps.streams.find(request.place);
    const page = await deps.streams.read(log, query.from);
    // Where the end is now may not be kept by any cache.
    const cached = query.from === 'now' ? ['Cache-Control', 'no-store'] : CACHED;
    send(deps, request, { log, page, query, headers: cached });
  };
}

/** The caller's own cache may keep it, and has to ask whether it still holds: so rights count each time. */
const CACHED: HeaderList = ['Cache-Control', 'private, no-cache'];

/** Parameters that the protocol does not know are passed over, as it wants. */
function readQuery(search: string): ReadQuery {
  const params = new URLSearchParams(search);
  const offsets = params.getAll('offset');
  const [offset] = offsets;
  if (offsets.length > 1) throw new ProblemError('badRequest', 'offset may be there once');
  const [live, cursor] = [params.get('live'), params.get('cursor')];
  if (live !== null && live !== 'long-poll' && live !== 'sse')
    throw new ProblemError('badRequest', 'live must be long-poll or sse');
  if (live !== null && offset === undefined) throw new ProblemError('badRequest', `live=${live} needs an offset`);
  return {
    from: parseFrom(offset ?? '-1'),
    given: offset !== undefined,
    ...(live === null ? {} : { live }),
    ...(cursor === null ? {} : { cursor }),
  };
}

async function longPoll(deps: StreamDeps, request: StreamRequest, query: ReadQuery): Promise<void> {
  const { streams, limits, access } = deps;
  const { res, place, asked } = request;
  let log = await streams.find(place);
  let page = await streams.read(log, query.from);
  if (page.messages.length === 0 && !log.state.closed) {
    const waiting = new Place(limits, asked.account);
    const run = { cancelled: false, unpark: () => {} };
    res.once('close', () => {
      run.cancelled = true;
      run.unpark();
      waiting.leave();
    });
    await streams.wait(place, { at: page.next, lineage: log.lineage }, run).finally(() => waiting.leave());
    if (run.cancelled) return;
    const denied = deps.refusal() ?? (await access.review(asked.caller, place.space, 'read'));
    if (denied !== undefined) return deps.replies.problem(request.req, res, takenAway(denied));
    const from = { at: page.next, lineage: log.lineage };
    log = await streams.find(place);
    page = await streams.read(log, from);
  }
  send(deps, request, { log, page, query, headers: [...CACHED, ...cursorHeader(deps, query)] });
}

function cursorHeader({ clock, random }: StreamDeps, { cursor }: ReadQuery): HeaderList {
  return ['Stream-Cursor', nextCursor(clock.now(), cursor, random.fraction())];
}

type Found = {
  readonly log: Log;
  readonly page: Page;
  readonly query: ReadQuery;
  readonly headers: HeaderList;
};

function send(deps: StreamDeps, { req, res }: StreamRequest, { log, page, query, headers }: Found): void {
  const { tail, closed } = endOf(log, page);
  const upToDate = page.next >= tail;
  const all: HeaderList = [
    ...headers,
    ...nextHeader(log, page.next),
    ...(upToDate ? ['Stream-Up-To-Date', 'true'] : []),
    ...(upToDate && closed ? ['Stream-Closed', 'true'] : []),
    ...STREAM_HEADERS,
    ...SANDBOX,
  ];
  if (query.live === 'long-poll' && page.messages.length === 0) {
    deps.replies.head(req, res, 204, all);
    res.end();
    return;
  }
  const tag = tagOf(log, page.next - page.messages.length, page.next);
  const tagged = query.from === 'now' ? all : [...all, 'ETag', tag];
  if (query.from !== 'now' && matches(req, tag)) {
    deps.replies.head(req, res, 304, tagged);
    res.end();
    return;
  }
  const body = bodyOf(log, page.messages);
  // What slow readers have not taken yet is bounded for all of them together.
  deps.limits.transfers.enter(body.length);
  res.once('close', () => deps.limits.transfers.leave(body.length));
  const described = ['Content-Type', log.state.config.type, 'Content-Length', String(body.length)];
  deps.replies.head(req, res, 200, [...tagged, ...described]);
  res.end(body);
}

function matches(req: IncomingMessage, tag: string): boolean {
  const header = rawHeader(req, 'if-none-match');
  return header?.split(',').some((one) => one.trim().replace(/^W\//, '') === tag) ?? false;
}
