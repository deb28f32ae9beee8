import type { Clock } from '../ports/clock.ts';
import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { OpsQuery, OpsResponse } from '../protocol/ops.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import { pauseMs, readRetryAfter } from './backoff.ts';
import { isUnreachable, mayRetry, NoAnswerError, RefusedError } from './errors.ts';
import { realClock, realFraction } from './system.ts';

export type { ItemAnswer } from '../protocol/get-updates.ts';
export type { UpdateResult } from '../protocol/post-update.ts';
export { isUnreachable, mayRetry, NoAnswerError, RefusedError } from './errors.ts';

export type HttpClientOptions = {
  /** Where the server is: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** A token or key, sent as `Authorization: Bearer`. Never part of a URL, nor of an error. */
  readonly token?: string;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly fraction?: () => number;
  readonly fetch?: typeof fetch;
};

type Init = {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
};

export type PollQuery = {
  readonly marker?: string;
  readonly wait?: number;
  readonly ids?: readonly string[];
  readonly durable?: boolean;
};

export type FetchedItem = { readonly version: number; readonly durableVersion: number; readonly value: unknown };

export type FetchedPicture = { readonly index: number; readonly bytes: Uint8Array };

/** A server that is silent for so much longer than a poll may take is gone. */
const WATCHDOG_MS = 15_000;
const LONGEST_WAIT_MS = 50_000;
const MAX_TRIES = 8;

/** The calls of the API, one by one. Throws `RefusedError`, `NoAnswerError`, or what `signal` aborts with. */
export class HttpClient {
  readonly url: string;
  readonly clock: Clock;
  readonly fraction: () => number;
  readonly #fetch: typeof fetch;
  readonly #authorization: { readonly [name: string]: string };

  constructor(options: HttpClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.clock = options.clock ?? realClock;
    this.fraction = options.fraction ?? realFraction;
    this.#authorization = options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` };
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** One attempt. */
  async postUpdate(space: string, request: PostUpdateRequest, signal?: AbortSignal): Promise<PostUpdateResponse> {
    const response = await this.#call(`/v1/spaces/${encodeURIComponent(space)}/updates`, signal, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
    });
    return (await readBody(response, this.url)) as PostUpdateResponse;
  }

  /**
   * Sends the same request again until it is answered, which is safe where `clientId` and `seq` name it. Gives up after
   * `MAX_TRIES` with the last error.
   */
  async postUntilAnswered(
    space: string,
    request: PostUpdateRequest,
    signal?: AbortSignal,
  ): Promise<PostUpdateResponse> {
    for (let failures = 0; ; failures++) {
      try {
        return await this.postUpdate(space, request, signal);
      } catch (error) {
        if (failures + 1 >= MAX_TRIES || !mayRetry(error) || isUnreachable(error)) throw error;
        await this.pause(failures, error);
      }
    }
  }

  async getUpdates(space: string, query: PollQuery, signal?: AbortSignal): Promise<GetUpdatesResponse> {
    const parameters = new URLSearchParams();
    if (query.marker !== undefined) parameters.set('marker', query.marker);
    if (query.wait !== undefined) parameters.set('wait', String(query.wait));
    if (query.ids !== undefined) parameters.set('ids', query.ids.join(','));
    if (query.durable) parameters.set('durable', 'true');
    const search = parameters.size > 0 ? `?${parameters}` : '';
    const response = await this.#call(`/v1/spaces/${encodeURIComponent(space)}/updates${search}`, signal);
    return (await readBody(response, this.url)) as GetUpdatesResponse;
  }

  /** `undefined` when there is no such item. */
  async getItem(space: string, item: string, signal?: AbortSignal): Promise<FetchedItem | undefined> {
    let response: Response;
    try {
      response = await this.#call(itemPath(space, item), signal);
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) return undefined;
      throw error;
    }
    return {
      version: Number(/\d+/.exec(response.headers.get('ETag') ?? '')?.[0]),
      durableVersion: Number(response.headers.get('Longshore-Durable-Version')),
      value: await readBody(response, this.url),
    };
  }

  /** Operations of an item by their index; waits as long as `wait` says where there is none. */
  async getOps(
    space: string,
    item: string,
    query: Partial<OpsQuery> & Pick<OpsQuery, 'index'>,
    signal?: AbortSignal,
  ): Promise<OpsResponse> {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string]),
    );
    const response = await this.#call(`${itemPath(space, item)}/ops?${parameters}`, signal);
    return (await readBody(response, this.url)) as OpsResponse;
  }

  /** A picture as it is drawn with everything that was accepted: the file, and the index of the last operation in it. */
  async getPicture(space: string, item: string, signal?: AbortSignal): Promise<FetchedPicture> {
    const response = await this.#call(`${itemPath(space, item)}/picture.png`, signal);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { index: Number(response.headers.get('Longshore-Index')), bytes };
  }

  pause(failures: number, error: unknown): Promise<void> {
    const asked = error instanceof RefusedError ? error.retryAfterMs : undefined;
    return this.clock.sleep(pauseMs(failures, asked, this.fraction()));
  }

  async #call(path: string, signal?: AbortSignal, init: Init = {}): Promise<Response> {
    const watchdog = AbortSignal.timeout(LONGEST_WAIT_MS + WATCHDOG_MS);
    let response: Response;
    try {
      response = await this.#fetch(`${this.url}${path}`, {
        ...init,
        headers: { ...init.headers, ...this.#authorization },
        signal: signal === undefined ? watchdog : AbortSignal.any([signal, watchdog]),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new NoAnswerError(this.url, cause);
    }
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
    throw new RefusedError(response.status, problem, readRetryAfter(response.headers.get('Retry-After')));
  }
}

function itemPath(space: string, item: string): string {
  return `/v1/spaces/${encodeURIComponent(space)}/items/${encodeURIComponent(item)}`;
}

async function readBody(response: Response, url: string): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new NoAnswerError(url, cause);
  }
}
