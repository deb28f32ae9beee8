import type { IncomingMessage } from 'node:http';
import type { Json } from '../base/json.ts';
import { isJsonType, mediaType } from '../base/media-type.ts';
import { readStreamPath, type StreamPlace } from '../core/streams/stream-path.ts';
import type { Append, Wanted } from '../core/streams/stream-types.ts';
import { ProblemError } from '../protocol/errors.ts';
import { MAX_STREAM_HEADER_CHARS } from '../protocol/limits.ts';
import { parseCount, parseExpiry, parseOffset, parseTtl } from '../protocol/streams.ts';
import { parseJson } from './read-body.ts';
import { rawHeader } from './reply.ts';

/** What a request to a stream says in its headers. */

function bounded(req: IncomingMessage, name: string): string | undefined {
  const text = rawHeader(req, name);
  if (text !== undefined && text.length > MAX_STREAM_HEADER_CHARS)
    throw new ProblemError('badRequest', `${name} may have at most ${MAX_STREAM_HEADER_CHARS} characters`);
  return text;
}

const TYPE = /^[\w.+-]+\/[\w.+-]+/;

/** Of a type that is none nothing is known: bytes. */
function contentTypeOf(req: IncomingMessage): string | undefined {
  const type = bounded(req, 'content-type')?.trim();
  return type !== undefined && TYPE.test(type) ? type : undefined;
}

function closes(req: IncomingMessage): boolean {
  return rawHeader(req, 'stream-closed')?.toLowerCase() === 'true';
}

/** What is wanted of a `PUT`. */
export function readWanted(req: IncomingMessage, { path }: StreamPlace, bytes: Buffer): Wanted {
  const [ttl, expires] = [bounded(req, 'stream-ttl'), bounded(req, 'stream-expires-at')];
  if (ttl !== undefined && expires !== undefined)
    throw new ProblemError('badRequest', 'Stream-TTL and Stream-Expires-At exclude each other');
  const config = {
    durable: rawHeader(req, 'longshore-durable') !== 'false',
    url: path,
    type: contentTypeOf(req),
    ...(ttl === undefined ? {} : { ttl: parseTtl(ttl) }),
    ...(expires === undefined ? {} : { expires: parseExpiry(expires) }),
  };
  const fork = readFork(req);
  return {
    config,
    closed: closes(req),
    ...(fork ? { fork } : {}),
    ...(bytes.length > 0 ? { body: (type: string) => bodyOf(type, bytes, true) } : {}),
  };
}

function readFork(req: IncomingMessage): Wanted['fork'] {
  const source = rawHeader(req, 'stream-forked-from');
  const offset = bounded(req, 'stream-fork-offset');
  const sub = bounded(req, 'stream-fork-sub-offset');
  if (source === undefined) {
    if (offset !== undefined || sub !== undefined)
      throw new ProblemError('badRequest', 'Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From');
    return undefined;
  }
  const bytes = sub === undefined ? 0 : parseCount('Stream-Fork-Sub-Offset', sub);
  if (bytes > 0 && offset === undefined)
    throw new ProblemError('badRequest', 'Stream-Fork-Sub-Offset needs Stream-Fork-Offset');
  return {
    source: readStreamPath(source),
    sub: bytes,
    ...(offset === undefined ? {} : { offset: parseOffset('Stream-Fork-Offset', offset) }),
  };
}

/** The producer of a `POST`: all three headers, or none. */
function readProducer(req: IncomingMessage): Append['producer'] {
  const names = ['producer-id', 'producer-epoch', 'producer-seq'];
  const [id, epoch, seq] = names.map((name) => bounded(req, name));
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (!id || epoch === undefined || seq === undefined)
    throw new ProblemError('badRequest', 'Producer-Id, Producer-Epoch and Producer-Seq come together, none is empty');
  return [id, parseCount('Producer-Epoch', epoch), parseCount('Producer-Seq', seq)];
}

/** What a `POST` appends. */
export function readAppend(req: IncomingMessage, bytes: Buffer): Append {
  const close = closes(req);
  if (bytes.length === 0 && !close)
    throw new ProblemError('badRequest', 'the body is empty: there is nothing to append');
  const type = bounded(req, 'content-type');
  const rest = { close, producer: readProducer(req), seq: bounded(req, 'stream-seq') };
  if (bytes.length === 0) return rest;
  if (!type) throw new ProblemError('badRequest', 'Content-Type must be that of the stream');
  const body = (own: string) => {
    if (mediaType(own) !== mediaType(type)) throw new ProblemError('conflict', `the stream is of type ${own}`);
    return bodyOf(own, bytes, false);
  };
  return { ...rest, type, body };
}

/** A list of JSON is as many messages; one level of it alone is taken apart. */
function bodyOf(type: string, bytes: Buffer, mayBeEmpty: boolean) {
  if (!isJsonType(type)) return { bytes };
  const value = parseJson(bytes);
  const values: readonly Json[] = Array.isArray(value) ? value : [value];
  if (values.length === 0 && !mayBeEmpty) throw new ProblemError('badRequest', 'an empty list appends nothing');
  return { values };
}
