import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import { RefusedError } from './errors.ts';
import { type Http, POST_MS, searchOf } from './http.ts';
import type { Grant, Joined, JoinRequest, LockRequest, Question, Transport } from './transport.ts';

/** Plain requests and long polls. */
export class HttpTransport implements Transport {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    const { wait, ids, known } = question;
    const ms = wait * 1_000;
    // What may be long does not go into a URL.
    if (ids || known) {
      return this.#http.call('POST', '/updates:get', question, ms, signal, 'marker') as Promise<GetUpdatesResponse>;
    }
    const query = searchOf(question);
    query.set('wait', String(wait));
    return this.#http.call('GET', `/updates?${query}`, undefined, ms, signal, 'marker') as Promise<GetUpdatesResponse>;
  }

  post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse> {
    return this.#http.call('POST', '/updates', request, POST_MS, signal, 'results') as Promise<PostUpdateResponse>;
  }

  async join(request: JoinRequest, signal: AbortSignal): Promise<Joined | undefined> {
    try {
      return (await this.#http.call('POST', '/clients', request, POST_MS, signal, 'generation')) as Joined;
    } catch (error) {
      if (error instanceof RefusedError && (error.code === 'notFound' || error.code === 'methodNotAllowed'))
        return undefined;
      throw error;
    }
  }

  async leave(clientId: string, generation: number): Promise<void> {
    const path = `/clients/${encodeURIComponent(clientId)}?generation=${generation}`;
    await this.#http.call('DELETE', path, undefined, 0, new AbortController().signal);
  }

  async say(clientId: string, data: unknown, signal: AbortSignal): Promise<void> {
    await this.#http.call('PATCH', `/clients/${encodeURIComponent(clientId)}`, { data }, POST_MS, signal);
  }

  lock(item: string, request: LockRequest, signal: AbortSignal): Promise<Grant> {
    return this.#http.call('POST', lockPath(item), request, POST_MS, signal, 'fence') as Promise<Grant>;
  }

  async unlock(item: string, clientId: string, signal: AbortSignal): Promise<void> {
    const path = `${lockPath(item)}?clientId=${encodeURIComponent(clientId)}`;
    await this.#http.call('DELETE', path, undefined, POST_MS, signal);
  }
}

function lockPath(item: string): string {
  return `/items/${encodeURIComponent(item)}/lock`;
}
