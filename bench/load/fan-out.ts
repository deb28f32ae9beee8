import { Connection } from './connection.ts';
import type { Target } from './job.ts';
import { sleep, Times } from './measure.ts';
import { Poster } from './poster.ts';
import { eachMark, PROTOCOLS, type Protocol } from './protocols.ts';

type Observer = { readonly connection: Connection; readonly seen: Int32Array };

/** A body that was read once; the next observer mostly gets the same. */
type ReadBody = {
  readonly bytes: Buffer;
  readonly next: Buffer;
  readonly marks: readonly (readonly [number, number])[];
};

export type FanOutOptions = {
  readonly posts: Target;
  readonly polls: Target;
  readonly space: string;
  readonly observers: number;
  readonly writers: number;
};

const CONNECT_AT_ONCE = 100;
const SETTLE_MS = 500;

/** Where observers begin who want to be told of nothing that was there before. */
export async function startingPosition({ port, protocol }: Target, space: string): Promise<string> {
  const asking = await Connection.open(port);
  const position = PROTOCOLS[protocol].readPosition(await asking.ask(PROTOCOLS[protocol].begin(space)));
  asking.close();
  return position;
}

/** Some at a time: a server takes only so many new connections at once. */
export async function openMany<One>(count: number, open: () => Promise<One>): Promise<One[]> {
  const opened: One[] = [];
  while (opened.length < count) {
    const batch = Math.min(CONNECT_AT_ONCE, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: batch }, open))));
  }
  return opened;
}

/**
 * Observers of one space that poll again at once with the position they got, and writers of items in it. An update has arrived at an observer when
 * it has that update or, of the same item, a newer one.
 */
export class FanOut {
  readonly posters: Poster[] = [];
  /** Answers with something in them. */
  answers = 0;
  /** Updates that arrived, over all observers. */
  arrived = 0;
  lastArrival = 0;
  /** From due to arrived, ms. */
  times = new Times();
  readonly #options: FanOutOptions;
  readonly #protocol: Protocol;
  readonly #observers: Observer[] = [];
  #last: ReadBody | undefined;
  /** Where lock-step: observers that lack the newest update. */
  #lacking = 0;
  #whenAll: (() => void) | undefined;

  private constructor(options: FanOutOptions) {
    this.#options = options;
    this.#protocol = PROTOCOLS[options.polls.protocol];
  }

  /** Settles when all observers wait. */
  static async open(options: FanOutOptions): Promise<FanOut> {
    const fan = new FanOut(options);
    for (let writer = 0; writer < options.writers; writer++) {
      const poster = await Poster.open(options.posts, options.space, writer);
      poster.post();
      await poster.idle();
      fan.posters.push(poster);
    }
    const first = fan.#protocol.poll(options.space, await startingPosition(options.polls, options.space));
    await openMany(options.observers, () => fan.#addObserver(first));
    await sleep(SETTLE_MS);
    return fan;
  }

  /** Posts one update; settles when it is answered and everybody has it. */
  async step(): Promise<void> {
    const [poster] = this.posters;
    if (poster === undefined) throw new Error('nobody to post');
    const all = new Promise<void>((resolve) => {
      this.#whenAll = resolve;
    });
    this.#lacking = this.#observers.length;
    poster.post();
    await poster.idle();
    await all;
  }

  startOver(): void {
    this.times = new Times();
    this.answers = 0;
    this.arrived = 0;
  }

  close(): void {
    for (const { connection } of this.#observers) connection.close();
    for (const poster of this.posters) poster.close();
  }

  async #addObserver(first: Buffer): Promise<void> {
    const connection = await Connection.open(this.#options.polls.port);
    const observer = { connection, seen: new Int32Array(this.#options.writers) };
    connection.onAnswer = (body) => this.#take(observer, body);
    this.#observers.push(observer);
    connection.send(first);
  }

  #take(observer: Observer, body: Buffer): void {
    const answer = this.#last?.bytes.equals(body) ? this.#last : this.#read(body);
    observer.connection.send(answer.next);
    if (answer.marks.length === 0) return;
    this.answers++;
    const now = performance.now();
    for (const [writer, count] of answer.marks) this.#note(observer, writer, count, now);
  }

  #read(body: Buffer): ReadBody {
    const bytes = Buffer.from(body);
    const marks: (readonly [number, number])[] = [];
    eachMark(bytes, (writer, count) => marks.push([writer, count]));
    const next = this.#protocol.poll(this.#options.space, this.#protocol.readPosition(bytes.toString('latin1')));
    this.#last = { bytes, next, marks };
    return this.#last;
  }

  #note(observer: Observer, writer: number, count: number, now: number): void {
    const dueAt = this.posters[writer]?.dueAt ?? [];
    const before = observer.seen[writer] ?? 0;
    if (count <= before) return;
    for (let each = before + 1; each <= count; each++) this.times.add(now - (dueAt[each] ?? now));
    observer.seen[writer] = count;
    this.arrived += count - before;
    this.lastArrival = now;
    if (count === this.posters[0]?.newest && --this.#lacking === 0) this.#whenAll?.();
  }
}
