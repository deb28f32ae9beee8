import { NoAnswerError, RefusedError } from '../../src/client/errors.ts';
import { within } from '../../src/client/timing.ts';
import type { Grant, Joined, Question, Transport } from '../../src/client/transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { GetUpdatesResponse } from '../../src/protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../../src/protocol/post-update.ts';
import type { ModelServer } from './model-server.ts';

/** What happens to one request. `twice`: it comes a second time, much later, and nobody waits for that answer. */
export type Fate =
  | { readonly kind: 'well' | 'lostRequest' | 'lostAnswer' | 'silence' }
  | { readonly kind: 'twice' | 'lateAnswer'; readonly laterMs: number }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly retryAfterMs?: number };

export type Asked = {
  readonly at: number;
  readonly what: 'post' | 'next' | 'join' | 'lock' | 'unlock' | 'say';
  readonly body: unknown;
};

export const WELL: Fate = { kind: 'well' };

/** A network between a client and the model server, as bad as it is told to be. Down: nothing gets through. */
export class LossyTransport implements Transport {
  readonly asked: Asked[] = [];
  down = false;
  /** One-way, ms. */
  delay: () => number = () => 1;
  fate: (what: 'post' | 'next') => Fate = () => WELL;
  joins: ((clientId: string | undefined) => Joined) | undefined;
  locks: (item: string) => Grant = () => {
    throw new RefusedError(404, { code: 'notFound' }, undefined);
  };
  says: (data: unknown) => void = () => undefined;
  readonly #server: ModelServer;
  readonly #clock: Clock;

  constructor(server: ModelServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    const ms = question.wait * 1_000 + 15_000;
    return this.#through('next', question, ms, signal, () => this.#server.next(question));
  }

  post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse> {
    const sent = JSON.stringify(request);
    return this.#through('post', JSON.parse(sent), 30_000, signal, async () => this.#server.post(JSON.parse(sent)));
  }

  async join(request: { readonly clientId?: string }): Promise<Joined | undefined> {
    this.#note('join', request);
    if (this.down) throw new NoAnswerError('model', undefined);
    return this.joins?.(request.clientId);
  }

  async leave(): Promise<void> {}

  async lock(item: string, request: unknown): Promise<Grant> {
    this.#note('lock', request);
    return this.locks(item);
  }

  async unlock(item: string): Promise<void> {
    this.#note('unlock', item);
  }

  async say(_clientId: string, data: unknown): Promise<void> {
    this.#note('say', data);
    if (this.down) throw new NoAnswerError('model', undefined);
    this.says(data);
  }

  posts(): PostUpdateRequest[] {
    return this.asked.filter(({ what }) => what === 'post').map(({ body }) => body as PostUpdateRequest);
  }

  #note(what: Asked['what'], body: unknown): void {
    this.asked.push({ at: this.#clock.monotonic(), what, body });
  }

  #through<T>(
    what: 'post' | 'next',
    body: unknown,
    ms: number,
    signal: AbortSignal,
    call: () => Promise<T>,
  ): Promise<T> {
    this.#note(what, body);
    const fate = this.fate(what);
    return within(this.#clock, ms, signal, async () => {
      await this.#clock.sleep(this.delay());
      if (this.down || fate.kind === 'lostRequest') throw new NoAnswerError('model', undefined);
      if (fate.kind === 'refused') {
        const { status, code, retryAfterMs } = fate;
        throw new RefusedError(status, { code: code as never, detail: 'why' }, retryAfterMs);
      }
      if (fate.kind === 'silence') return new Promise<T>(() => undefined);
      const answer = await call();
      if (fate.kind === 'twice') this.#clock.after(fate.laterMs, () => void call());
      await this.#clock.sleep(fate.kind === 'lateAnswer' ? fate.laterMs : this.delay());
      if (this.down || fate.kind === 'lostAnswer') throw new NoAnswerError('model', undefined);
      return structuredClone(answer);
    });
  }
}
