import type { Channel, OpenChannel, Sink } from '../../src/client/channel.ts';
import { NoAnswerError } from '../../src/client/errors.ts';
import type { Question } from '../../src/client/transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { PostUpdateRequest, PostUpdateResponse } from '../../src/protocol/post-update.ts';
import type { ModelServer } from './model-server.ts';

/** `refused`: cannot be opened. `held`: opens, and what comes is kept back. */
export type Weather = 'fine' | 'refused' | 'held';

const KEEP_ALIVE_MS = 15_000;

/** Streams of the model server, over a network as bad as it is told to be. */
export class FakeStreams {
  weather: Weather = 'fine';
  /** One-way, ms. */
  delay: () => number = () => 1;
  readonly opened: { readonly at: number; readonly question: Question }[] = [];
  readonly posts: PostUpdateRequest[] = [];
  readonly #server: ModelServer;
  readonly #clock: Clock;
  readonly #channels = new Set<FakeChannel>();
  readonly carriesPosts: boolean;

  constructor(server: ModelServer, clock: Clock, carriesPosts: boolean) {
    this.#server = server;
    this.#clock = clock;
    this.carriesPosts = carriesPosts;
  }

  readonly open: OpenChannel = (sink, question) => {
    this.opened.push({ at: this.#clock.monotonic(), question });
    const channel = new FakeChannel(sink, this.#server, this.#clock, this, () => this.#channels.delete(channel));
    this.#channels.add(channel);
    channel.follow(question);
    return channel;
  };

  get count(): number {
    return this.#channels.size;
  }

  /** Breaks what is open, as far as the client is told. */
  cut(): void {
    for (const channel of [...this.#channels]) channel.fail();
  }
}

class FakeChannel implements Channel {
  readonly #sink: Sink;
  readonly #server: ModelServer;
  readonly #clock: Clock;
  readonly #net: FakeStreams;
  readonly #onEnd: () => void;
  readonly #held: (() => void)[] = [];
  #followed = 0;
  #isOver = false;
  #stop: () => void = () => undefined;

  constructor(sink: Sink, server: ModelServer, clock: Clock, net: FakeStreams, onEnd: () => void) {
    this.#sink = sink;
    this.#server = server;
    this.#clock = clock;
    this.#net = net;
    this.#onEnd = onEnd;
    this.#keepAlive();
  }

  follow(question: Question | undefined): void {
    const mine = ++this.#followed;
    if (question) void this.#tell(question, () => mine === this.#followed && !this.#isOver);
  }

  post(request: PostUpdateRequest): Promise<PostUpdateResponse> | undefined {
    if (this.#isOver || !this.#net.carriesPosts) return undefined;
    this.#net.posts.push(request);
    const { promise, resolve, reject } = Promise.withResolvers<PostUpdateResponse>();
    void (async () => {
      await this.#clock.sleep(this.#net.delay());
      const answer = this.#server.post(structuredClone(request));
      await this.#clock.sleep(this.#net.delay());
      if (this.#isOver) reject(new NoAnswerError('model', undefined));
      else this.#pass(() => resolve(structuredClone(answer)));
    })();
    return promise;
  }

  close(): void {
    this.#isOver = true;
    this.#stop();
    this.#onEnd();
  }

  fail(): void {
    if (this.#isOver) return;
    this.close();
    this.#sink.failed(new NoAnswerError('model', undefined));
  }

  async #tell(question: Question, isCurrent: () => boolean): Promise<void> {
    await this.#clock.sleep(this.#net.delay());
    if (this.#net.weather === 'refused') this.fail();
    let asked = question;
    this.#pass(() => isCurrent() && this.#sink.heard());
    while (isCurrent()) {
      const answer = await this.#server.next({ ...asked, wait: 20 });
      asked = { ...asked, marker: answer.marker };
      await this.#clock.sleep(this.#net.delay());
      this.#pass(() => {
        if (!isCurrent()) return;
        this.#sink.heard();
        this.#sink.answer(structuredClone(answer));
      });
    }
  }

  /** In order: what is held back comes before what comes later, or never. */
  #pass(call: () => void): void {
    this.#held.push(call);
    if (this.#net.weather === 'fine') for (const one of this.#held.splice(0)) if (!this.#isOver) one();
  }

  #keepAlive(): void {
    this.#stop = this.#clock.after(KEEP_ALIVE_MS, () => {
      this.#pass(() => this.#sink.heard());
      if (!this.#isOver) this.#keepAlive();
    });
  }
}
