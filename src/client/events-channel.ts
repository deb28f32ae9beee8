import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { Channel, OpenChannel, Sink } from './channel.ts';
import { isOfType, NoAnswerError, RefusedError } from './errors.ts';
import { type Http, searchOf } from './http.ts';
import type { Question } from './transport.ts';

/** Where the server does not say when to come back, ms. */
const REST_MS = 500;

/**
 * Server-sent events, read from a fetch: unlike an `EventSource` it sends the token in its header and shows the keep-alive comments, without which
 * a connection that delivers nothing could not be told from one without news.
 */
export function eventsChannel(http: Http): OpenChannel {
  return (sink, question) => {
    const channel = new EventsChannel(http, sink);
    channel.follow(question);
    return channel;
  };
}

class EventsChannel implements Channel {
  readonly #http: Http;
  readonly #sink: Sink;
  #request = new AbortController();

  constructor(http: Http, sink: Sink) {
    this.#http = http;
    this.#sink = sink;
  }

  follow(question: Question | undefined): void {
    this.#request.abort();
    if (question === undefined) return;
    this.#request = new AbortController();
    const { signal } = this.#request;
    void this.#read(question, signal).then(
      (afterMs) => signal.aborted || this.#sink.rested(afterMs),
      (error) => signal.aborted || this.#sink.failed(error),
    );
  }

  post(): undefined {
    return undefined;
  }

  close(): void {
    this.#request.abort();
  }

  /** Settles at the end of the stream with when to come back, ms. */
  async #read(question: Question, signal: AbortSignal): Promise<number> {
    const response = await this.#http.open('GET', `/updates/stream?${searchOf(question)}`, undefined, signal);
    const reader = isOfType(response, 'text/event-stream') && response.body?.getReader();
    if (!reader) throw new NoAnswerError('a stream that can be read', undefined);
    const decoder = new TextDecoder();
    let restMs = REST_MS;
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new NoAnswerError(this.#http.base, cause);
      });
      if (signal.aborted || done) return restMs;
      this.#sink.heard();
      const events = (rest + decoder.decode(value, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      try {
        for (const event of events) restMs = this.#take(event) ?? restMs;
      } catch (error) {
        throw error instanceof RefusedError ? error : new NoAnswerError(this.#http.base, error);
      }
    }
  }

  /** Returns what the event says of when to come back, ms. */
  #take(text: string): number | undefined {
    const { event, id, data, retry } = fieldsOf(text);
    const retryMs = retry === undefined ? undefined : Number(retry);
    if (event === 'problem') {
      const problem = JSON.parse(data ?? '{}') as Problem;
      throw new RefusedError(problem.status, problem, problem.retryAfterMs ?? retryMs);
    }
    if (data !== undefined) this.#sink.answer(JSON.parse(data) as GetUpdatesResponse);
    else if (id !== undefined) this.#sink.moved(id);
    return retryMs;
  }
}

/** The server's events have each field once, and `\n` as line ends. */
function fieldsOf(text: string): { readonly [field: string]: string } {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
  }
  return fields;
}
