import type { Clock } from '../ports/clock.ts';
import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../protocol/post-update.ts';
import type { Channel, OpenChannel } from './channel.ts';
import { NoAnswerError } from './errors.ts';
import { POST_MS, WATCHDOG_MS } from './http.ts';
import { Bell, within } from './timing.ts';
import type { Question } from './transport.ts';

/** A channel that has been silent for so long after it was asked to follow does not deliver. */
const OPEN_MS = 10_000;
/** The server gives a sign of life every 15 s. */
const SILENCE_MS = 15_000 + WATCHDOG_MS;
/** One that was heard of for so long has passed on a sign of life that came by itself. */
const PROVEN_MS = 20_000;
/** Answers that nobody takes; beyond them it begins anew when somebody does. */
const MAX_WAITING = 100;

/**
 * A channel as a source of answers: those that come are kept until they are asked for, as long as their markers join.
 *
 *   opening -- something came --> open -- failed, or silent for too long --> over
 */
export class Stream {
  /** Settles when it delivers, or with `false` when it is over before. */
  readonly opened: Promise<boolean>;
  readonly #clock: Clock;
  readonly #channel: Channel;
  readonly #bell = new Bell();
  readonly #settleOpened: (isOpen: boolean) => void;
  #waiting: GetUpdatesResponse[] = [];
  /** What is being followed; `marker` is that of the last answer that was handed out. `undefined`: to be asked anew. */
  #followed: Question | undefined;
  #epoch: string | undefined;
  #heardAt: number | undefined;
  #openedAt: number | undefined;
  #failure: { readonly error: unknown } | undefined;
  #cancelWatchdog: () => void = () => undefined;
  #cancelRest: () => void = () => undefined;

  constructor(clock: Clock, open: OpenChannel, question: Question) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.opened = promise;
    this.#settleOpened = resolve;
    this.#clock = clock;
    this.#watch(OPEN_MS);
    this.#followed = question;
    this.#channel = open(
      {
        heard: () => this.#heard(),
        answer: (answer) => this.#take(answer),
        moved: (marker) => this.#moved(marker),
        rested: (afterMs) => this.#rested(afterMs),
        failed: (error) => this.#fail(error),
      },
      question,
    );
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  get error(): unknown {
    return this.#failure?.error;
  }

  /** It has delivered over some time: when it ends now, that is not its fault. */
  get isProven(): boolean {
    return (this.#heardAt ?? 0) - (this.#openedAt ?? 0) >= PROVEN_MS;
  }

  async next(question: Question, signal: AbortSignal): Promise<GetUpdatesResponse> {
    if (!this.#goesOnWith(question)) {
      // What is left of a broken one may be of an epoch that is over.
      if (this.isOver) this.#waiting = [];
      else this.#follow(question);
    }
    for (;;) {
      const first = this.#waiting.shift();
      if (first !== undefined) {
        this.#followed = first.mustReset ? undefined : { ...question, marker: first.marker };
        return first;
      }
      if (this.#failure) throw this.#failure.error;
      await this.#bell.wait(signal);
    }
  }

  /** `undefined`: it cannot carry it. */
  post(request: PostUpdateRequest, signal: AbortSignal): Promise<PostUpdateResponse> | undefined {
    const sent = this.#channel.post(request);
    return sent && within(this.#clock, POST_MS + WATCHDOG_MS, signal, () => sent);
  }

  /** Another request has taken its place on the server. */
  putAside(): void {
    if (this.isOver || this.#followed === undefined) return;
    this.#waiting = [];
    this.#followed = undefined;
    this.#restUntilAsked();
  }

  close(): void {
    this.#fail(new NoAnswerError('a stream that was closed', undefined));
  }

  #goesOnWith({ marker, clientId, durable }: Question): boolean {
    const followed = this.#followed;
    return followed?.marker === marker && followed?.clientId === clientId && followed?.durable === durable;
  }

  #follow(question: Question): void {
    this.#cancelRest();
    this.#waiting = [];
    this.#followed = question;
    this.#watch(OPEN_MS);
    this.#channel.follow(question);
  }

  #restUntilAsked(): void {
    this.#cancelRest();
    this.#cancelWatchdog();
    this.#channel.follow(undefined);
  }

  #heard(): void {
    if (this.isOver) return;
    this.#heardAt = this.#clock.monotonic();
    this.#openedAt ??= this.#heardAt;
    this.#settleOpened(true);
    this.#watch(SILENCE_MS);
  }

  #take(answer: GetUpdatesResponse): void {
    this.#epoch = answer.epoch;
    this.#waiting.push(answer);
    // Whoever is reset may want to keep quiet for a while, and the server not to tell everything again and again meanwhile.
    if (answer.mustReset) this.#restUntilAsked();
    if (this.#waiting.length > MAX_WAITING) this.close();
    this.#bell.ring();
  }

  #moved(marker: string): void {
    if (this.#epoch === undefined) return;
    this.#take({ marker, epoch: this.#epoch, upToDate: true, changesRemaining: 0, items: [] });
  }

  #rested(afterMs: number): void {
    if (!this.isProven) {
      this.#fail(new NoAnswerError('a stream that ended early', undefined));
      return;
    }
    this.#cancelWatchdog();
    this.#cancelRest = this.#clock.after(afterMs, () => {
      const marker = this.#waiting.at(-1)?.marker ?? this.#followed?.marker;
      if (!this.#followed || marker === undefined) return;
      this.#openedAt = undefined; // each life has to prove itself
      this.#watch(OPEN_MS);
      this.#channel.follow({ ...this.#followed, marker });
    });
  }

  #watch(ms: number): void {
    this.#cancelWatchdog();
    this.#cancelWatchdog = this.#clock.after(ms, () =>
      this.#fail(new NoAnswerError(`a stream, for ${ms} ms`, undefined)),
    );
  }

  #fail(error: unknown): void {
    if (this.isOver) return;
    this.#failure = { error };
    this.#cancelWatchdog();
    this.#cancelRest();
    this.#channel.close();
    this.#settleOpened(false);
    this.#bell.ring();
  }
}
