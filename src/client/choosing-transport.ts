import type { Clock } from '../ports/clock.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import { pauseMs } from './backoff.ts';
import type { OpenChannel } from './channel.ts';
import { NoAnswerError, RefusedError } from './errors.ts';
import { Stream } from './stream.ts';
import { pause, unlessAborted } from './timing.ts';
import type { Grant, Joined, JoinRequest, LockRequest, Question, Transport, TransportName } from './transport.ts';
import { Trust } from './trust.ts';

export type ChoosingOptions = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  /** Plain requests and long polls. */
  readonly plain: Transport;
  /** Those there are, the best one first. */
  readonly streams: readonly { readonly name: TransportName; readonly open: OpenChannel }[];
  /** This one and no other. */
  readonly only?: TransportName;
  /** Ends what is open. */
  readonly signal: AbortSignal;
};

type Candidate = { readonly name: TransportName; readonly open: OpenChannel; readonly trust: Trust };
type Used = { readonly candidate: Candidate; readonly stream: Stream };
/** `isLate`: it has had its head start. */
type Opening = Used & { isLate: boolean };

/** So long a better one that is being opened is waited for before a worse one goes on, ms. */
const HEAD_START_MS = 1_000;
const POLL_MS = 2_000;
/** Held requests in a row that got no answer, while others do. */
const MAX_HELD_FAILURES = 2;
const BETTER = new Error('a better transport is there');

/**
 * WebSocket, server-sent events, long polls, plain polls: the first that delivers. Questions that want an answer at once always go as plain
 * requests: a stream that is silent would not tell whether the server stands where it stood.
 *
 * A stream is opened beside what delivers just now and takes its place once something has come over it, so a proxy that holds answers back costs
 * nothing but the attempt. Until then it follows without the client's id: the poll that is under way would be ended.
 */
export class ChoosingTransport implements Transport {
  readonly #options: ChoosingOptions;
  readonly #candidates: readonly Candidate[];
  readonly #longPoll = new Trust();
  #used: Used | undefined;
  #opening: Opening | undefined;
  /** Of the only one, in a row. */
  #failures = 0;
  #heldFailures = 0;
  #interrupt: () => void = () => undefined;

  constructor(options: ChoosingOptions) {
    this.#options = options;
    const { streams, only, signal } = options;
    const wanted = only === undefined ? streams : streams.filter(({ name }) => name === only);
    this.#candidates = wanted.map(({ name, open }) => ({ name, open, trust: new Trust() }));
    signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** `undefined`: the only one that is wanted is not open. */
  get name(): TransportName | undefined {
    if (this.#used) return this.#used.candidate.name;
    return this.#isOnlyStream ? undefined : this.#mayHold() ? 'longPoll' : 'poll';
  }

  async next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    if (question.wait === 0) return this.#ask(question, signal);
    for (;;) {
      signal.throwIfAborted(); // what is opened after `#close` nobody would close
      this.#openBetter(question);
      if (!this.#used && this.#isOnlyStream) await this.#openOnly(question, signal);
      else if (!this.#used && this.#opening) {
        await this.#headStart(this.#opening, signal);
        if (!this.#used && !this.#opening) continue; // it cannot be had: the next one
      }
      const better = new AbortController();
      this.#interrupt = () => better.abort(BETTER);
      const either = AbortSignal.any([signal, better.signal]);
      try {
        return await (this.#used ? this.#listen(this.#used, question, either) : this.#hold(question, either));
      } catch (error) {
        signal.throwIfAborted();
        if (error !== BETTER) throw error;
      }
    }
  }

  async post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse> {
    const sent = this.#used?.stream.post(request, signal);
    if (!sent) return this.#options.plain.post(request, signal);
    try {
      return await sent;
    } catch (error) {
      // Rights are looked up anew by a plain request, with a token of now. Nothing was carried out.
      const denied = error instanceof RefusedError && (error.status === 401 || error.status === 403);
      if (error instanceof NoAnswerError) this.#used?.stream.close();
      if (!denied) throw error;
      return this.#options.plain.post(request, signal);
    }
  }

  join(request: JoinRequest, signal: AbortSignal): Promise<Joined | undefined> {
    return this.#options.plain.join(request, signal);
  }

  say(clientId: string, data: unknown, signal: AbortSignal): Promise<void> {
    return this.#options.plain.say(clientId, data, signal);
  }

  leave(clientId: string, generation: number): Promise<void> {
    return this.#options.plain.leave(clientId, generation);
  }

  lock(item: string, request: LockRequest, signal: AbortSignal): Promise<Grant> {
    return this.#options.plain.lock(item, request, signal);
  }

  unlock(item: string, clientId: string, signal: AbortSignal): Promise<void> {
    return this.#options.plain.unlock(item, clientId, signal);
  }

  cut(): void {
    this.#close();
  }

  async #ask(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    // The server ends an older question of the same client.
    if (question.clientId !== undefined) this.#used?.stream.putAside();
    try {
      return await this.#options.plain.next({ ...question, wait: 0 }, signal);
    } catch (error) {
      if (error instanceof NoAnswerError) this.#pardonAll();
      throw error;
    }
  }

  async #listen(used: Used, question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    try {
      return await used.stream.next(question, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { clock, fraction } = this.#options;
      used.candidate.trust.ended(used.stream.isProven, clock.monotonic(), fraction());
      if (used.stream.isProven) this.#failures = 0;
      else this.#failures++;
      if (this.#used === used) this.#used = undefined;
      // What it means is told by a plain request, with a token of now.
      if (error instanceof RefusedError && !error.mayRetry) return this.#ask(question, signal);
      throw error;
    }
  }

  /** Without a stream. */
  async #hold(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    const { clock, fraction, plain, only } = this.#options;
    if (!this.#mayHold()) {
      await pause(clock, POLL_MS * (1 + fraction() / 4), signal);
      return this.#ask(question, signal);
    }
    try {
      const answer = await plain.next(question, signal);
      this.#heldFailures = 0;
      this.#longPoll.ended(true, clock.monotonic(), 0);
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const cut = error instanceof NoAnswerError || (error instanceof RefusedError && GATEWAYS.has(error.status));
      if (cut && only === undefined && ++this.#heldFailures >= MAX_HELD_FAILURES) {
        this.#longPoll.failed(clock.monotonic(), fraction());
      }
      throw error;
    }
  }

  #mayHold(): boolean {
    const { only, clock } = this.#options;
    return only === undefined ? this.#longPoll.mayTry(clock.monotonic()) : only !== 'poll';
  }

  get #isOnlyStream(): boolean {
    const { only } = this.#options;
    return only === 'websocket' || only === 'sse';
  }

  /** Begins to open the best one that is worth it and better than what is used. */
  #openBetter(question: Question): void {
    const { clock } = this.#options;
    if (this.#opening || this.#isOnlyStream) return;
    const end = this.#used ? this.#candidates.indexOf(this.#used.candidate) : this.#candidates.length;
    const candidate = this.#candidates.slice(0, end).find(({ trust }) => trust.mayTry(clock.monotonic()));
    if (candidate) this.#open(candidate, question);
  }

  #open(candidate: Candidate, { clientId: _, ...anonymous }: Question): Stream {
    const { clock, fraction } = this.#options;
    const stream = new Stream(clock, candidate.open, anonymous);
    this.#opening = { candidate, stream, isLate: candidate.trust.hasFailed };
    void stream.opened.then((isOpen) => {
      const used = this.#used;
      this.#opening = undefined;
      if (isOpen) this.#used = { candidate, stream };
      else candidate.trust.failed(clock.monotonic(), fraction());
      if (isOpen) used?.stream.close();
      this.#interrupt(); // it goes on over this one, or the next one is tried
    });
    return stream;
  }

  /** Throws where it cannot be opened. */
  async #openOnly(question: Question, signal: AbortSignal): Promise<void> {
    const [candidate] = this.#candidates;
    if (candidate === undefined) throw new NoAnswerError(`${this.#options.only}: not to be had here`, undefined);
    const { clock, fraction } = this.#options;
    if (this.#failures > 0) await pause(clock, pauseMs(this.#failures - 1, undefined, fraction()), signal);
    const stream = this.#opening?.stream ?? this.#open(candidate, question);
    if (await unlessAborted(stream.opened, signal)) return;
    this.#failures++;
    throw stream.error;
  }

  /** Waits a moment for what is being opened for the first time; whatever comes of it. */
  async #headStart(opening: Opening, signal: AbortSignal): Promise<void> {
    if (opening.isLate) return;
    opening.isLate = true;
    const stop = new AbortController();
    const late = pause(this.#options.clock, HEAD_START_MS, AbortSignal.any([signal, stop.signal]));
    late.catch(() => undefined);
    await Promise.race([opening.stream.opened, late]).finally(() => stop.abort());
  }

  #pardonAll(): void {
    this.#heldFailures = 0;
    this.#longPoll.pardon();
    for (const { trust } of this.#candidates) trust.pardon();
  }

  #close(): void {
    this.#used?.stream.close();
    this.#opening?.stream.close();
  }
}

/** What a proxy answers that does not wait as long as the server does. */
const GATEWAYS = new Set([408, 502, 504]);
