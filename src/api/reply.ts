import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SharedBytes } from '../core/limits/shared-bytes.ts';
import { type Problem, ProblemError } from '../protocol/errors.ts';
import { isId } from '../protocol/ids.ts';
import { Compressor, type Content, codingOf, type HeaderList, type Sendable } from './content.ts';

export type { HeaderList };

/** Carried by every answer. */
export const COMMON: HeaderList = [
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
];
const EXPOSED = 'Retry-After, ETag, WWW-Authenticate, X-Request-Id, Longshore-Durable-Version, Content-Range';
/** Whoever may write chose type and content, and others are shown it: no browser may take it for a page of ours, or run anything in it. */
export const SANDBOX: HeaderList = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "sandbox; default-src 'none'",
  'Cross-Origin-Resource-Policy',
  'same-origin',
];
export const SHELL: HeaderList = [...SANDBOX, 'Referrer-Policy', 'no-referrer'];
const PREFLIGHT: HeaderList = [
  'Access-Control-Allow-Methods',
  'GET, HEAD, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers',
  'Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, X-Request-Id, Longshore-Durable, Stream-Seq, Stream-TTL, Stream-Expires-At, ' +
    'Stream-Closed, Stream-Forked-From, Stream-Fork-Offset, Stream-Fork-Sub-Offset, Producer-Id, Producer-Epoch, Producer-Seq',
  'Access-Control-Max-Age',
  '600',
];

/** Writes every answer of the API: the common headers, CORS, the request id. One header block and one body per answer. */
export class Replies {
  readonly #cors: ReadonlyMap<string, HeaderList>;
  readonly #vary: HeaderList;
  readonly #prefix: string;
  readonly #compressor = new Compressor();
  readonly #answers: SharedBytes | undefined;
  #count = 0;

  /** `prefix` tells the request ids of this process from those of others; `allowedOrigins` are compared exactly; `answers` bounds what waits for slow readers. */
  constructor(prefix: string, allowedOrigins: readonly string[], answers?: SharedBytes) {
    this.#prefix = prefix;
    this.#answers = answers;
    this.#vary = allowedOrigins.length > 0 ? ['Vary', 'Origin'] : [];
    this.#cors = new Map(
      allowedOrigins.map((origin) => [
        origin,
        ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED],
      ]),
    );
  }

  /** The id the client gave its request, where it is fit to be repeated; else a new one. */
  requestId(req: IncomingMessage): string {
    const given = rawHeader(req, 'x-request-id');
    if (isId(given)) return given;
    this.#count++;
    return `${this.#prefix}.${this.#count.toString(36)}`;
  }

  bytes(req: IncomingMessage, res: ServerResponse, status: number, headers: HeaderList, body: Buffer | string): void {
    this.send(req, res, status, [...headers, 'Content-Length', String(Buffer.byteLength(body)), ...COMMON], body);
  }

  json(req: IncomingMessage, res: ServerResponse, status: number, value: unknown, headers: HeaderList = []): void {
    this.bytes(req, res, status, ['Content-Type', 'application/json', ...headers], JSON.stringify(value));
  }

  /** 204 and 304: no body, no content headers. */
  empty(req: IncomingMessage, res: ServerResponse, status: number, headers: HeaderList = []): void {
    this.send(req, res, status, [...headers, ...COMMON], undefined);
  }

  /** `more`: members that this problem has besides the standard ones. */
  problem(
    req: IncomingMessage,
    res: ServerResponse,
    problem: Problem,
    options: { readonly headers?: HeaderList; readonly more?: object; readonly requestId?: string } = {},
  ): void {
    const headers = ['Content-Type', 'application/problem+json', ...(options.headers ?? [])];
    if (problem.retryAfterMs !== undefined) headers.push('Retry-After', retryAfter(problem.retryAfterMs));
    const body = JSON.stringify({ ...problem, ...options.more });
    headers.push('Content-Length', String(Buffer.byteLength(body)), ...COMMON);
    this.send(req, res, problem.status, headers, body, options.requestId);
  }

  /** `OPTIONS`: what is allowed here, and to whom across origins. */
  options(req: IncomingMessage, res: ServerResponse, allow: string): void {
    const known = this.#cors.has(rawHeader(req, 'origin') ?? '');
    this.empty(req, res, 204, ['Allow', allow, ...(known ? PREFLIGHT : [])]);
  }

  /** Adds what depends on the request. `headers` may be shared by many answers: it is not changed. */
  send(
    req: IncomingMessage,
    res: ServerResponse,
    status: number,
    headers: HeaderList,
    body: Buffer | string | undefined,
    requestId = this.requestId(req),
  ): void {
    if (res.headersSent || res.destroyed) return;
    res.writeHead(status, this.#complete(req, headers, requestId));
    // Head and body go out as one text; where it is all ASCII it need not be encoded.
    if (typeof body === 'string') res.end(body, Buffer.byteLength(body) === body.length ? 'latin1' : 'utf8');
    else res.end(body);
  }

  /** In the coding that the client likes best, unless too much waits for slow readers. `headers` of the content hold the common ones. */
  content(req: IncomingMessage, res: ServerResponse, status: number, content: Content): void {
    const { only } = content;
    if (only !== undefined) {
      this.#sendShared(req, res, status, only);
      return;
    }
    const coding = codingOf(rawHeader(req, 'accept-encoding'));
    const sendable = content.in(coding, this.#compressor);
    if (!(sendable instanceof Promise)) this.#sendShared(req, res, status, sendable);
    else void sendable.then((made) => this.#sendShared(req, res, status, made));
  }

  /** Not for what answers a write: that has happened. */
  #sendShared(req: IncomingMessage, res: ServerResponse, status: number, { headers, body, latin1 }: Sendable): void {
    if (res.headersSent || res.destroyed) return;
    if (latin1 !== undefined) {
      this.head(req, res, status, headers);
      res.end(latin1, 'latin1');
      return;
    }
    try {
      const taken = this.#answers?.enter(body);
      if (taken !== undefined) res.once('close', taken);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      this.problem(req, res, error.problem);
      return;
    }
    this.send(req, res, status, headers, body);
  }

  /** Sends the head of an answer whose body comes bit by bit. */
  begin(req: IncomingMessage, res: ServerResponse, headers: HeaderList): void {
    this.head(req, res, 200, [...headers, ...COMMON]);
    res.flushHeaders();
  }

  /** The head of an answer that brings all of its own headers, caching too; what follows is up to the caller. */
  head(req: IncomingMessage, res: ServerResponse, status: number, headers: HeaderList): void {
    res.writeHead(status, this.#complete(req, headers, this.requestId(req)));
  }

  #complete(req: IncomingMessage, headers: HeaderList, requestId: string): string[] {
    const cors = this.#vary.length === 0 ? undefined : this.#cors.get(rawHeader(req, 'origin') ?? '');
    return headers.concat('X-Request-Id', requestId, this.#vary, cors ?? []);
  }
}

/** Seconds, rounded up: a client that obeys is never early. */
export function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

/** The first header of this lower-case name. Reads the raw list: `req.headers` would make an object that a parked poll then keeps. */
export function rawHeader(req: IncomingMessage, name: string): string | undefined {
  const raw = req.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.length === name.length && raw[i]?.toLowerCase() === name) return raw[i + 1];
  }
  return undefined;
}
