import type { Problem } from '../protocol/errors.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import type { ClientMessage, ServerMessage } from '../protocol/socket.ts';
import type { Channel, OpenChannel, Sink } from './channel.ts';
import { NoAnswerError, RefusedError } from './errors.ts';
import { type Http, POST_MS } from './http.ts';
import type { Question } from './transport.ts';

/** The part of a `WebSocket` that is used. */
export type SocketLike = {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  send(text: string): void;
  close(): void;
};
export type MakeSocket = (url: string, protocol: string) => SocketLike;

const PROTOCOL = 'longshore.v1';
/** The server takes 4 MiB in one message, and closes a socket that brings more. UTF-16 units. */
const MAX_MESSAGE_CHARS = 1024 * 1024;
/** What is said of a message that cannot be read, so neither can its id. */
const UNREAD = new Set(['badJson', 'badKey', 'tooDeep']);
/** The right to read was taken back, or the token has ended. */
const FORBIDDEN = 4403;

type Waiting = { readonly resolve: (answer: PostUpdateResponse) => void; readonly reject: (error: unknown) => void };

/** One that is not wanted any more may take so long to open or fail before it is closed all the same. A better transport is tried again later than that. */
const PARTING_MS = 10_000;

/**
 * A WebSocket. Pages cannot give it headers: where there is a token, a ticket is got for it first. `patient`: one that is being opened is closed
 * as soon as it is open. Browsers complain of one that is closed before; Node does not, and would be kept alive by it.
 */
export function socketChannel(http: Http, make: MakeSocket, patient = false): OpenChannel {
  return (sink, question) => {
    const channel = new SocketChannel(sink, http, patient);
    channel.follow(question);
    void channel.open(make);
    return channel;
  };
}

class SocketChannel implements Channel {
  readonly #sink: Sink;
  readonly #http: Http;
  readonly #patient: boolean;
  readonly #ending = new AbortController();
  readonly #posts = new Map<number, Waiting>();
  #socket: SocketLike | undefined;
  #isOpen = false;
  #ids = 0;
  /** Ids of the `watch` that was sent last, and of that which is being answered. */
  #asked = 0;
  #told = 0;
  #wanted: Question | undefined;

  constructor(sink: Sink, http: Http, patient: boolean) {
    this.#sink = sink;
    this.#http = http;
    this.#patient = patient;
  }

  async open(make: MakeSocket): Promise<void> {
    const http = this.#http;
    const { signal } = this.#ending;
    try {
      const search = await ticketFor(http, signal);
      if (signal.aborted) return;
      const socket = make(`${http.base.replace(/^http/, 'ws')}/socket${search}`, PROTOCOL);
      this.#socket = socket;
      socket.onopen = () => this.#opened();
      socket.onmessage = ({ data }) => {
        try {
          this.#take(JSON.parse(String(data)) as ServerMessage);
        } catch (cause) {
          this.#fail(new NoAnswerError(http.base, cause));
        }
      };
      socket.onclose = ({ code }) => {
        this.#socket = undefined;
        this.#fail(whyClosed(http.base, code));
      };
    } catch (error) {
      this.#fail(error);
    }
  }

  follow(question: Question | undefined): void {
    this.#wanted = question;
    this.#asked = ++this.#ids;
    if (this.#isOpen) this.#watch();
  }

  post(request: PostUpdateRequest): Promise<PostUpdateResponse> | undefined {
    if (!this.#isOpen) return undefined;
    const id = ++this.#ids;
    const text = JSON.stringify({ type: 'post', id, ...request } satisfies ClientMessage);
    if (text.length > MAX_MESSAGE_CHARS) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<PostUpdateResponse>();
    this.#posts.set(id, { resolve, reject });
    this.#socket?.send(text);
    return promise;
  }

  close(): void {
    this.#end(new NoAnswerError('a socket that was closed', undefined));
  }

  #opened(): void {
    this.#isOpen = true;
    this.#watch();
  }

  #watch(): void {
    if (this.#wanted === undefined) return;
    const { marker, durable, clientId } = this.#wanted;
    const message = { type: 'watch', id: this.#asked, marker, ...(durable && { durable }), clientId };
    this.#socket?.send(JSON.stringify(message));
  }

  #take(message: ServerMessage): void {
    if (this.#ending.signal.aborted) return;
    this.#sink.heard();
    switch (message.type) {
      case 'watching':
        this.#told = message.id;
        return;
      case 'updates':
        if (this.#told === this.#asked) this.#sink.answer(message.answer);
        return;
      case 'posted':
        this.#posts.get(message.id)?.resolve(message.answer as PostUpdateResponse);
        this.#posts.delete(message.id);
        return;
      case 'problem':
        this.#problem(message.id, message.problem as Problem);
        return;
      default: // `alive`; and `resync`, after which newest states follow from the marker that is known
    }
  }

  #problem(told: number | undefined, problem: Problem): void {
    const id = told ?? (UNREAD.has(problem.code) ? [...this.#posts.keys()][0] : undefined);
    const error = new RefusedError(problem.status, problem, problem.retryAfterMs);
    const waiting = id === undefined ? undefined : this.#posts.get(id);
    if (id !== undefined && waiting) {
      this.#posts.delete(id);
      waiting.reject(error);
      // Without an id it is of the watch: of an older one, as long as the last is not answered.
    } else if (id === this.#asked || this.#told === this.#asked || problem.code === 'stopping') this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.#end(error);
    this.#sink.failed(error);
  }

  #end(error: unknown): void {
    if (this.#patient && !this.#isOpen) this.#part();
    else this.#socket?.close();
    this.#socket = undefined;
    this.#isOpen = false;
    this.#ending.abort();
    // Whether they were carried out is not known.
    for (const { reject } of this.#posts.values()) reject(new NoAnswerError('a socket that has ended', error));
    this.#posts.clear();
  }

  #part(): void {
    const socket = this.#socket;
    if (!socket) return;
    const close = (): void => socket.close();
    const cancel = this.#http.clock.after(PARTING_MS, close);
    socket.onopen = close;
    socket.onclose = cancel;
  }
}

async function ticketFor(http: Http, signal: AbortSignal): Promise<string> {
  if ((await http.credentials.get()) === undefined) return '';
  const { ticket } = (await http.call('POST', '/tickets', undefined, POST_MS, signal, 'ticket')) as {
    readonly ticket: string;
  };
  return `?ticket=${encodeURIComponent(ticket)}`;
}

function whyClosed(url: string, code: number): Error {
  if (code === FORBIDDEN) return new RefusedError(403, { code: 'forbidden' }, undefined);
  return new NoAnswerError(`${url} over a WebSocket (${code})`, undefined);
}
