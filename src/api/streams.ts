import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Right } from '../auth/permissions.ts';
import { readStreamPath, STREAM_PREFIX, type StreamPlace } from '../core/streams/stream-path.ts';
import type { Append, Appended } from '../core/streams/stream-types.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import { accountOf, type Paying } from './accounts.ts';
import { readBytes } from './read-body.ts';
import { type HeaderList, rawHeader } from './reply.ts';
import { nextHeader, STREAM_HEADERS, stateHeaders, tagOf } from './stream-answers.ts';
import { readAppend, readWanted } from './stream-headers.ts';
import { createReadStream } from './stream-reads.ts';
import type { StreamDeps, StreamRequest } from './stream-request.ts';
import { DetailedProblem, sendError } from './to-response.ts';

const METHODS = 'GET, HEAD, PUT, POST, DELETE';

/** `/v1/stream/{space}/{path…}`: the Durable Streams protocol. Never rejects. */
export function createStreams(deps: StreamDeps) {
  const read = createReadStream(deps);
  const handlers: { readonly [method: string]: readonly [Right, (request: StreamRequest) => Promise<void>] } = {
    GET: ['read', read],
    HEAD: ['read', (request) => head(deps, request)],
    PUT: ['write', (request) => put(deps, request)],
    POST: ['write', (request) => post(deps, request)],
    DELETE: ['write', (request) => remove(deps, request)],
  };
  return async function streams(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      if (req.method === 'OPTIONS') return deps.replies.options(req, res, METHODS);
      const [right, handle] = handlers[req.method ?? ''] ?? [];
      if (right === undefined || handle === undefined)
        throw new DetailedProblem('methodNotAllowed', `allowed here: ${METHODS}`, { headers: ['Allow', METHODS] });
      const problem = deps.refusal();
      if (problem !== undefined) return deps.replies.problem(req, res, problem);
      const { place, search } = placeOf(req.url ?? STREAM_PREFIX);
      const asked = await admit(deps, req, place.space, right);
      await handle({ req, res, place, search, asked });
    } catch (error) {
      if (res.headersSent) res.destroy();
      else sendError(deps.replies, deps.log, req, res, error);
    }
  };
}

function placeOf(url: string): { place: StreamPlace; search: string } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return { place: readStreamPath(path), search: mark < 0 ? '' : url.slice(mark + 1) };
}

async function admit(deps: StreamDeps, req: IncomingMessage, space: SpaceId, right: Right): Promise<Paying> {
  const caller = await deps.access.admit(req.rawHeaders, space, right);
  const account = accountOf(deps, req, caller);
  deps.limits.take(account, right === 'read' ? 'poll' : 'post');
  return { space, caller, account };
}

async function put(deps: StreamDeps, { req, res, place, asked }: StreamRequest): Promise<void> {
  const { streams, limits, access } = deps;
  const wanted = readWanted(req, place, await readBytes(req, MAX_BODY_BYTES, limits.bodies));
  const source = wanted.fork?.source.space;
  if (source !== undefined && source !== place.space) {
    const denied = await access.review(asked.caller, source, 'read');
    if (denied !== undefined) throw new ProblemError(denied.code, denied.detail);
  }
  const { log, created } = await limits.posts.run(() => streams.create(place, wanted, asked.caller));
  const location = created ? ['Location', addressOf(deps, req, place.path)] : [];
  const headers = [...stateHeaders(log), 'Content-Type', log.state.config.type, ...location];
  deps.replies.empty(req, res, created ? 201 : 200, [...headers, 'Content-Length', '0', ...STREAM_HEADERS]);
}

/** Absolute where the client said which host it meant. */
function addressOf({ proxyHops }: StreamDeps, req: IncomingMessage, path: string): string {
  const host = rawHeader(req, 'host');
  const told = proxyHops > 0 ? rawHeader(req, 'x-forwarded-proto') : undefined;
  return host === undefined ? path : `${told === 'https' ? 'https' : 'http'}://${host}${path}`;
}

async function post(deps: StreamDeps, { req, res, place, asked }: StreamRequest): Promise<void> {
  const { streams, limits, replies } = deps;
  const append = readAppend(req, await readBytes(req, MAX_BODY_BYTES, limits.bodies));
  const appended = await limits.posts.run(() => streams.append(place, append, asked.caller));
  const headers = appendHeaders(append, appended);
  const status = append.producer && append.body && !('duplicate' in appended.outcome) ? 200 : 204;
  replies.empty(req, res, status, [...headers, ...(status === 200 ? ['Content-Length', '0'] : []), ...STREAM_HEADERS]);
}

/** Headers of the answer to an append that was taken, now or before. Throws for one that was refused. */
function appendHeaders({ producer }: Append, { outcome, log }: Appended): HeaderList {
  const fork = log.state.config.fork?.at ?? 0;
  const next = 'nextIndex' in outcome ? nextHeader(log, fork + Number(outcome.nextIndex) - 1) : [];
  if (!('reason' in outcome)) {
    const [, epoch, seq] = producer ?? [];
    const heard = producer ? ['Producer-Epoch', String(epoch), 'Producer-Seq', String(outcome.duplicate ?? seq)] : [];
    return [...next, ...heard, ...(outcome.closed ? ['Stream-Closed', 'true'] : [])];
  }
  switch (outcome.reason) {
    case 'closed':
      throw refused('conflict', 'the stream is closed', ['Stream-Closed', 'true', ...next]);
    case 'staleEpoch':
      throw refused('forbidden', 'the producer has a newer epoch', ['Producer-Epoch', String(outcome.epoch)]);
    case 'badEpoch':
      throw new ProblemError('badRequest', 'a new epoch of a producer begins with Producer-Seq 0');
    case 'gap': {
      const { expected, received } = outcome;
      const headers = ['Producer-Expected-Seq', String(expected), 'Producer-Received-Seq', String(received)];
      throw refused('conflict', `Producer-Seq ${expected} is expected`, headers);
    }
    case 'seq':
      throw new ProblemError('conflict', 'Stream-Seq must be greater than the last one');
    case 'type':
      throw new ProblemError('conflict', `the stream is of type ${log.state.config.type}`);
    case 'absent':
      throw new ProblemError('notFound', 'there is no such stream');
    case 'gone':
      throw new ProblemError('gone', 'the stream was deleted');
    default:
      throw new ProblemError('contention', 'the stream has changed', { retryAfterMs: 100 });
  }
}

function refused(code: 'conflict' | 'forbidden', detail: string, headers: HeaderList): DetailedProblem {
  return new DetailedProblem(code, detail, { headers: [...headers, ...STREAM_HEADERS] });
}

async function remove({ streams, limits, replies }: StreamDeps, { req, res, place, asked }: StreamRequest) {
  await limits.posts.run(() => streams.delete(place, asked.caller));
  replies.empty(req, res, 204);
}

async function head({ streams, replies }: StreamDeps, { req, res, place }: StreamRequest): Promise<void> {
  const log = await streams.find(place);
  const { ttl, expires, type } = log.state.config;
  replies.empty(req, res, 200, [
    ...stateHeaders(log),
    'Content-Type',
    type,
    'ETag',
    tagOf(log, 0),
    ...(ttl === undefined ? [] : ['Stream-TTL', String(ttl)]),
    ...(expires === undefined ? [] : ['Stream-Expires-At', expires]),
    ...STREAM_HEADERS,
  ]);
}
