import type { Clock } from '../ports/clock.ts';
import { ChoosingTransport } from './choosing-transport.ts';
import { type ClientKind, register } from './client-kind.ts';
import { Connection, type Parts } from './connection.ts';
import { Copies } from './copies.ts';
import { Credentials, type Token } from './credentials.ts';
import { mayRetry, RefusedError } from './errors.ts';
import { eventsChannel } from './events-channel.ts';
import { Http } from './http.ts';
import { HttpTransport } from './http-transport.ts';
import { type Fold, Outbox, type TakeName } from './outbox.ts';
import { type MakeSocket, type SocketLike, socketChannel } from './socket-channel.ts';
import { Space } from './space.ts';
import type { Storage } from './storage.ts';
import { isPage, realClock, realFraction, realFrame, realId, realNetwork, realSocket } from './system.ts';
import { realTakeName } from './take-name.ts';
import type { Transport, TransportName } from './transport.ts';

export { register } from './client-kind.ts';
export { NoAnswerError, RefusedError } from './errors.ts';
export type { Change, Conflict, ItemEvents, Person, Refusal, SpaceEvents } from './events.ts';
export type { Item } from './item.ts';
export type { Outcome, UpdateOptions } from './local.ts';
export type { Status } from './machine.ts';
export type { Space } from './space.ts';
export { type Storage, webStorage } from './storage.ts';
export type { ClientKind, MakeSocket, SocketLike, Token, Transport, TransportName };

export type ConnectOptions = {
  /** Of the server: `https://longshore.example`. */
  readonly url: string;
  readonly space: string;
  readonly token?: Token;
  /** What others see of this client. */
  readonly name?: string;
  readonly data?: unknown;
  /** `false`: is not among those who are here, and so has no locks. */
  readonly join?: boolean;
  /** Kinds of items to be worked with; `[register]` where nothing is said. Of others, whole values are shown. */
  readonly kinds?: readonly ClientKind[];
  /** Keeps what was not acknowledged, over reloads. */
  readonly storage?: Storage;
  /** Hear at once of what has become stored, not with the next news. */
  readonly durable?: boolean;
  /** Closes the space. */
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
  /** Opens a WebSocket; `undefined`: there are none. */
  readonly webSocket?: MakeSocket | undefined;
  /** `auto`: the best one that gets through. */
  readonly transport?: 'auto' | TransportName | Transport;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly fraction?: () => number;
  /** An id that nobody else has. */
  readonly id?: () => string;
  /** Whether nobody else here has this name, which is then had until `signal` aborts: two pages may have one copied storage. */
  readonly takeName?: (name: string, signal: AbortSignal) => Promise<boolean>;
  /** Tells when the network goes and comes back; returns the end of it. */
  readonly network?: (tell: (isThere: boolean) => void) => () => void;
  /** Calls with the next frame of the screen, if there is one. */
  readonly frame?: (call: () => void) => void;
};

/** Begins to follow a space. Returns at once; `ready` tells when everything is there. */
export function connect(options: ConnectOptions): Space {
  const { clock = realClock, fraction = realFraction, id: newId = realId, frame = realFrame } = options;
  const kinds = new Map((options.kinds ?? [register]).map((one) => [one.kind.name, one]));
  const credentials = new Credentials(options.token);
  const ending = new AbortController();
  const end = (): void => ending.abort(options.signal?.reason);
  if (options.signal?.aborted) end();
  options.signal?.addEventListener('abort', end, { once: true, signal: ending.signal });
  const fold: Fold = (kind, first, second) => kinds.get(kind ?? register.kind.name)?.fold(first, second);
  const parts: Parts = {
    clock,
    fraction,
    frame,
    transport:
      typeof options.transport === 'object'
        ? options.transport
        : choosingTransport(options, options.transport, { clock, fraction, credentials, signal: ending.signal }),
    copies: new Copies(kinds, () => clock.now()),
    outbox: new Outbox(newId, takeNameIn(options, clock, ending.signal), fold, options.storage),
    connection: new Connection(),
    signal: ending.signal,
    mayPass: (error) =>
      mayRetry(error) || (error instanceof RefusedError && error.status === 401 && credentials.mayChange),
    onTrouble: (error) => space.trouble(error),
  };
  const { name: shown, data, join = true, durable = false } = options;
  const space = new Space(parts, ending, {
    durable,
    join,
    ...(shown !== undefined && { name: shown }),
    ...(data !== undefined && { data }),
  });
  const { network = realNetwork } = options;
  const deafen = network((isThere) => (isThere ? parts.connection.tryNow() : parts.transport.cut?.()));
  ending.signal.addEventListener('abort', deafen, { once: true });
  void space.start();
  return space;
}

/** Where nothing is kept, nothing is copied. */
function takeNameIn({ url, space, storage, takeName }: ConnectOptions, clock: Clock, signal: AbortSignal): TakeName {
  if (!storage) return async () => true;
  const ask = takeName ?? ((name) => realTakeName(name, clock, signal));
  return (clientId) => ask(`longshore ${url} ${space} ${clientId}`, signal);
}

type Surroundings = Pick<Parts, 'clock' | 'fraction' | 'signal'> & { readonly credentials: Credentials };

function choosingTransport(
  options: ConnectOptions,
  choice: 'auto' | TransportName = 'auto',
  { clock, fraction, credentials, signal }: Surroundings,
): Transport {
  const { url, space, fetch: send = (input, init) => fetch(input, init) } = options;
  const http = new Http({ url, space, credentials, clock, fetch: send });
  const socket = 'webSocket' in options ? options.webSocket : realSocket;
  return new ChoosingTransport({
    ...{ clock, fraction, signal, plain: new HttpTransport(http) },
    streams: [
      ...(socket ? [{ name: 'websocket' as const, open: socketChannel(http, socket, isPage) }] : []),
      { name: 'sse', open: eventsChannel(http) },
    ],
    ...(choice !== 'auto' && { only: choice }),
  });
}
