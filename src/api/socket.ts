import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ProblemError } from '../protocol/errors.ts';
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import { SOCKET_PROTOCOL } from '../protocol/socket.ts';
import type { AppDeps } from './app-deps.ts';
import { Place } from './get-updates.ts';
import { requireKnownOrigin } from './known-origin.ts';
import { matchSocket, readSpace } from './path.ts';
import { parseQuery } from './query.ts';
import { Replies, rawHeader } from './reply.ts';
import { SocketConnection, stoppingProblem } from './socket-connection.ts';
import { admitToStream } from './stream-access.ts';
import { sendError } from './to-response.ts';

/** Beside a body, a message has its type and its id. */
const MAX_MESSAGE_BYTES = MAX_BODY_BYTES + 1024;
/** At the end clients have this long, ms, to answer the closing. */
const PARTING_MS = 150;
/** At a stop clients go elsewhere within this, ms, spread at random. */
const MAX_RETRY_MS = 1_000;

/** The WebSockets of a server: `GET /v1/spaces/{space}/socket`. */
export type Sockets = {
  /** All other requests that name an upgrade are answered as if they did not. */
  readonly wants: (req: IncomingMessage) => boolean;
  readonly upgrade: (req: IncomingMessage, stream: Duplex, head: Buffer) => void;
  /** Answers what has come and tells everybody to go elsewhere. */
  readonly depart: () => void;
  /** Gives those that were told a moment, then ends them all. */
  readonly close: () => Promise<void>;
};

export function createSockets(deps: AppDeps): Sockets {
  const open = new OpenSockets(deps);
  const replies = new Replies(`${deps.instance}.s`, deps.allowedOrigins);
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(SOCKET_PROTOCOL) && SOCKET_PROTOCOL,
  });

  const accept = async (req: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> => {
    const asked = await admit(deps, req);
    if (stream.destroyed) return;
    // Before the upgrade: after it nobody can be refused with a problem.
    const place = new Place(deps.limits, asked.account);
    stream.once('close', () => place.leave());
    server.handleUpgrade(req, stream, head, (ws) => open.add(new SocketConnection(deps, asked, ws, stream), ws));
  };

  return {
    wants: (req) =>
      req.method === 'GET' &&
      rawHeader(req, 'upgrade')?.toLowerCase() === 'websocket' &&
      matchSocket(req.url ?? '') !== undefined,
    upgrade: (req, stream, head) => {
      stream.on('error', () => stream.destroy());
      accept(req, stream, head).catch((error) => refuse(replies, deps, req, stream, error));
    },
    depart: () => open.depart(),
    close: () => open.close(),
  };
}

/** The connections that are open. */
class OpenSockets {
  readonly #deps: Pick<AppDeps, 'clock' | 'meter' | 'random'>;
  readonly #open = new Set<SocketConnection>();
  /** Everybody has been told to go elsewhere; called when the last one has gone. */
  #departed: (() => void) | undefined;

  constructor(deps: Pick<AppDeps, 'clock' | 'meter' | 'random'>) {
    this.#deps = deps;
  }

  add(connection: SocketConnection, ws: WebSocket): void {
    this.#open.add(connection);
    this.#count();
    ws.once('close', () => {
      this.#open.delete(connection);
      this.#count();
      if (this.#open.size === 0) this.#departed?.();
    });
    if (this.#departed !== undefined) connection.depart(stoppingProblem(MAX_RETRY_MS));
  }

  depart(): void {
    const { random } = this.#deps;
    this.#departed ??= () => undefined;
    for (const one of [...this.#open]) one.depart(stoppingProblem(Math.round(MAX_RETRY_MS * random.fraction())));
  }

  async close(): Promise<void> {
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#deps.clock.after(PARTING_MS, resolve);
        this.#departed = () => {
          cancel();
          resolve();
        };
      });
    }
    for (const one of this.#open) one.cut();
  }

  #count(): void {
    this.#deps.meter.gauge('sockets', this.#open.size);
  }
}

async function admit(deps: AppDeps, req: IncomingMessage) {
  const target = matchSocket(req.url ?? '');
  const space = readSpace(target?.space ?? '');
  const refused = deps.refusal();
  if (refused !== undefined) throw new ProblemError(refused.code, refused.detail, refused);
  requireKnownOrigin(req, deps.allowedOrigins);
  const { ticket } = parseQuery(target?.search ?? '', ['ticket']);
  return admitToStream(deps, req, space, ticket, 'poll');
}

/** As any other request is refused; the connection then ends. */
function refuse(replies: Replies, deps: AppDeps, req: IncomingMessage, stream: Duplex, error: unknown): void {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  if (!(stream instanceof Socket) || stream.destroyed) {
    stream.destroy();
    return;
  }
  res.assignSocket(stream);
  res.once('finish', () => stream.destroySoon());
  sendError(replies, deps.log, req, res, error);
}
