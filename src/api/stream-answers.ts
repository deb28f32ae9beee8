import { isJsonType } from '../base/media-type.ts';
import type { Message } from '../core/streams/contents.ts';
import type { Log, Page } from '../core/streams/read-stream.ts';
import { formatOffset } from '../protocol/streams.ts';
import type { HeaderList } from './reply.ts';

/** Pages of other origins may read these headers; a list of its own, as no other answer has them. */
export const STREAM_HEADERS: HeaderList = [
  'Access-Control-Expose-Headers',
  'Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, Stream-Closed, Stream-TTL, Stream-Expires-At, Stream-SSE-Data-Encoding, ' +
    'Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq, Location',
];

export type LogEnd = { readonly tail: number; readonly closed: boolean };

/** Where a log ends. What was read may be newer than the log as it was found. */
export function endOf({ state }: Log, page?: Page): LogEnd {
  const tail = (state.config.fork?.at ?? 0) + state.count;
  return { tail: Math.max(tail, page?.messages.length ? page.next : 0), closed: state.closed === true };
}

export function nextHeader(log: Log, at: number): HeaderList {
  return ['Stream-Next-Offset', formatOffset(at, log.lineage)];
}

/** Of the log as a whole. */
export function stateHeaders(log: Log): HeaderList {
  const { tail, closed } = endOf(log);
  return [...nextHeader(log, tail), ...(closed ? ['Stream-Closed', 'true'] : [])];
}

/** Names what is between two places of a log, and whether more can come. */
export function tagOf(log: Log, from: number, next = endOf(log).tail): string {
  const { tail, closed } = endOf(log);
  return `"${log.lineage}:${from}:${next}${closed && next >= tail ? ':c' : ''}"`;
}

export function bodyOf(log: Log, messages: readonly Message[]): Buffer {
  if (!isJsonType(log.state.config.type))
    return Buffer.concat(messages.map((message) => ('bytes' in message ? message.bytes : Buffer.alloc(0))));
  const values = messages.map((message) => ('value' in message ? message.value : null));
  return Buffer.from(JSON.stringify(values));
}
