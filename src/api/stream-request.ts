import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StreamPlace } from '../core/streams/stream-path.ts';
import type { From } from '../protocol/streams.ts';
import type { Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import type { Replies } from './reply.ts';

export type StreamDeps = AppDeps & { readonly replies: Replies };
/** One request to a stream, let in. */
export type StreamRequest = {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly place: StreamPlace;
  readonly search: string;
  readonly asked: Paying;
};

export type ReadQuery = {
  readonly from: From;
  /** It came in the URL. */
  readonly given: boolean;
  readonly live?: 'long-poll' | 'sse';
  readonly cursor?: string;
};
