import type { Clock } from '../ports/clock.ts';
import type { Credentials } from './credentials.ts';
import { NoAnswerError, RefusedError, refusalOf } from './errors.ts';
import { within } from './timing.ts';

export type HttpOptions = {
  /** Of the server: `https://longshore.example`. */
  readonly url: string;
  readonly space: string;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
};

/** A server that is silent for so much longer than it may take is gone. */
export const WATCHDOG_MS = 15_000;
/** What a post may take: the server gives up on its own well before. */
export const POST_MS = 15_000;

/** Requests about one space, with the token of whoever asks. Throws `RefusedError`, `NoAnswerError`, or what `signal` aborts with. */
export class Http {
  readonly clock: Clock;
  /** Of the space, without a slash at its end. */
  readonly base: string;
  readonly credentials: Credentials;
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.credentials = options.credentials;
    this.base = `${options.url.replace(/\/+$/, '')}/v1/spaces/${encodeURIComponent(options.space)}`;
  }

  /** The body of the answer. `ms`: how long the server may take. An answer without `field` is somebody else's. */
  call(method: string, path: string, body: unknown, ms: number, signal: AbortSignal, field = ''): Promise<unknown> {
    return within(this.clock, ms + WATCHDOG_MS, signal, async (inner) => {
      const response = await this.open(method, path, body, inner);
      if (response.status === 204 && field === '') return undefined;
      const answer = await response.json().catch((cause) => {
        inner.throwIfAborted();
        throw new NoAnswerError(this.#options.url, cause);
      });
      if (Object.hasOwn(Object(answer), field)) return answer;
      throw new NoAnswerError(this.#options.url, undefined);
    });
  }

  /** The answer as soon as its head is there, which is not waited for here: `signal` ends it. */
  async open(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const { credentials } = this.#options;
    const token = await credentials.get();
    try {
      return await this.#once(method, path, body, token, signal);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.status !== 401 || !credentials.mayChange) throw error;
      return this.#once(method, path, body, await credentials.renew(token), signal);
    }
  }

  async #once(method: string, path: string, body: unknown, token: string | undefined, signal: AbortSignal) {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    let response: Response;
    try {
      response = await this.#options.fetch(`${this.base}${path}`, { method, headers, signal, ...sent });
    } catch (cause) {
      signal.throwIfAborted();
      throw new NoAnswerError(this.#options.url, cause);
    }
    if (response.ok) return response;
    throw await refusalOf(response);
  }
}

/** What is asked, as a query without its `?`. */
export function searchOf({ marker, durable, clientId }: Asked): URLSearchParams {
  const query = new URLSearchParams();
  if (marker !== undefined) query.set('marker', marker);
  if (durable) query.set('durable', 'true');
  if (clientId !== undefined) query.set('clientId', clientId);
  return query;
}

type Asked = { readonly marker?: string; readonly durable?: boolean; readonly clientId?: string };
