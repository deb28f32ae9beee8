import type { Clock } from '../ports/clock.ts';
import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import { readRetryAfter } from './backoff.ts';
import type { Credentials } from './credentials.ts';
import { NoAnswerError, RefusedError } from './errors.ts';
import { within } from './timing.ts';
import type { Grant, Joined, JoinRequest, LockRequest, Question, Transport } from './transport.ts';

export type HttpTransportOptions = {
  /** Of the server: `https://longshore.example`. */
  readonly url: string;
  readonly space: string;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
};

/** A server that is silent for so much longer than it may take is gone. */
const WATCHDOG_MS = 15_000;
/** What a post may take: the server gives up on its own well before. */
const POST_MS = 15_000;

/** Plain requests and long polls. */
export class HttpTransport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #base: string;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#base = `${options.url.replace(/\/+$/, '')}/v1/spaces/${encodeURIComponent(options.space)}`;
  }

  next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    const { marker, wait, durable, clientId, ids, known } = question;
    const ms = wait * 1_000;
    // What may be long does not go into a URL.
    if (ids || known) return this.#call('POST', '/updates:get', question, ms, signal) as Promise<GetUpdatesResponse>;
    const query = new URLSearchParams({ wait: String(wait) });
    if (marker !== undefined) query.set('marker', marker);
    if (durable) query.set('durable', 'true');
    if (clientId !== undefined) query.set('clientId', clientId);
    return this.#call('GET', `/updates?${query}`, undefined, ms, signal) as Promise<GetUpdatesResponse>;
  }

  post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse> {
    return this.#call('POST', '/updates', request, POST_MS, signal) as Promise<PostUpdateResponse>;
  }

  async join(request: JoinRequest, signal: AbortSignal): Promise<Joined | undefined> {
    try {
      return (await this.#call('POST', '/clients', request, POST_MS, signal)) as Joined;
    } catch (error) {
      if (error instanceof RefusedError && (error.status === 404 || error.status === 405)) return undefined;
      throw error;
    }
  }

  async leave(clientId: string, generation: number): Promise<void> {
    const path = `/clients/${encodeURIComponent(clientId)}?generation=${generation}`;
    await this.#call('DELETE', path, undefined, 0, new AbortController().signal);
  }

  async say(clientId: string, data: unknown, signal: AbortSignal): Promise<void> {
    await this.#call('PATCH', `/clients/${encodeURIComponent(clientId)}`, { data }, POST_MS, signal);
  }

  lock(item: string, request: LockRequest, signal: AbortSignal): Promise<Grant> {
    return this.#call('POST', lockPath(item), request, POST_MS, signal) as Promise<Grant>;
  }

  async unlock(item: string, clientId: string, signal: AbortSignal): Promise<void> {
    await this.#call(
      'DELETE',
      `${lockPath(item)}?clientId=${encodeURIComponent(clientId)}`,
      undefined,
      POST_MS,
      signal,
    );
  }

  #call(method: string, path: string, body: unknown, ms: number, signal: AbortSignal): Promise<unknown> {
    const { clock, credentials } = this.#options;
    return within(clock, ms + WATCHDOG_MS, signal, async (inner) => {
      const token = await credentials.get();
      try {
        return await this.#once(method, path, body, token, inner);
      } catch (error) {
        if (!(error instanceof RefusedError) || error.status !== 401 || !credentials.mayChange) throw error;
        return this.#once(method, path, body, await credentials.renew(token), inner);
      }
    });
  }

  async #once(method: string, path: string, body: unknown, token: string | undefined, signal: AbortSignal) {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    let response: Response;
    try {
      response = await this.#options.fetch(`${this.#base}${path}`, { method, headers, signal, ...sent });
      if (response.status === 204) return undefined;
      if (response.ok) return await response.json();
    } catch (cause) {
      signal.throwIfAborted();
      throw new NoAnswerError(this.#options.url, cause);
    }
    const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
    throw new RefusedError(response.status, problem, readRetryAfter(response.headers.get('Retry-After')));
  }
}

function lockPath(item: string): string {
  return `/items/${encodeURIComponent(item)}/lock`;
}
