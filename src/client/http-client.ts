import type { Clock } from '../ports/clock.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { OpsQuery, OpsResponse } from '../protocol/ops.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import { pauseMs } from './backoff.ts';
import { mayRetry, NoAnswerError, RefusedError, refusalOf } from './errors.ts';
import { realClock, realFraction } from './system.ts';
import { within } from './timing.ts';
import { isUnreachable } from './unreachable.ts';

export type { ItemAnswer } from '../protocol/get-updates.ts';
export type { UpdateResult } from '../protocol/post-update.ts';
export { mayRetry, NoAnswerError, RefusedError } from './errors.ts';
export { isUnreachable } from './unreachable.ts';

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

const NEVER = new AbortController().signal;
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
    const path = `/v1/spaces/${encodeURIComponent(space)}/updates`;
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify(request);
    return (await this.#json(path, signal, { method: 'POST', headers, body })) as PostUpdateResponse;
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
        // Another server may be there in its place: whoever named it waits for the answer.
        const isElsewhere = error instanceof RefusedError && error.isForeign && failures === 0;
        if (failures + 1 >= MAX_TRIES || !mayRetry(error) || isUnreachable(error) || isElsewhere) throw error;
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
    const path = `/v1/spaces/${encodeURIComponent(space)}/updates${search}`;
    return (await this.#json(path, signal)) as GetUpdatesResponse;
  }

  /** `undefined` when there is no such item. */
  async getItem(space: string, item: string, signal?: AbortSignal): Promise<FetchedItem | undefined> {
    const read = async (response: Response): Promise<FetchedItem> => ({
      version: Number(/\d+/.exec(response.headers.get('ETag') ?? '')?.[0]),
      durableVersion: Number(response.headers.get('Longshore-Durable-Version')),
      value: await readBody(response, this.url),
    });
    try {
      return await this.#call(itemPath(space, item), read, signal);
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'notFound') return undefined;
      throw error;
    }
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
    return (await this.#json(`${itemPath(space, item)}/ops?${parameters}`, signal)) as OpsResponse;
  }

  /** A picture as it is drawn with everything that was accepted: the file, and the index of the last operation in it. */
  async getPicture(space: string, item: string, signal?: AbortSignal): Promise<FetchedPicture> {
    const read = async (response: Response): Promise<FetchedPicture> => {
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { index: Number(response.headers.get('Longshore-Index')), bytes };
    };
    return this.#call(`${itemPath(space, item)}/picture.png`, read, signal);
  }

  pause(failures: number, error: unknown): Promise<void> {
    const asked = error instanceof RefusedError ? error.retryAfterMs : undefined;
    return this.clock.sleep(pauseMs(failures, asked, this.fraction()));
  }

  #json(path: string, signal?: AbortSignal, init?: Init): Promise<unknown> {
    return this.#call(path, (response) => readBody(response, this.url), signal, init);
  }

  #call<T>(path: string, read: (response: Response) => Promise<T>, signal = NEVER, init: Init = {}): Promise<T> {
    return within(this.clock, LONGEST_WAIT_MS + WATCHDOG_MS, signal, async (inner) => {
      const headers = { ...init.headers, ...this.#authorization };
      let response: Response;
      try {
        response = await this.#fetch(`${this.url}${path}`, { ...init, headers, signal: inner });
      } catch (cause) {
        inner.throwIfAborted();
        throw new NoAnswerError(this.url, cause);
      }
      if (response.ok) return read(response);
      throw await refusalOf(response);
    });
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
