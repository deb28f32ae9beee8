import { Connection } from './connection.ts';
import type { Target } from './job.ts';
import { PROTOCOLS, updateOf } from './protocols.ts';

/** Posts updates of one item, numbered 0, 1, 2 …, one in flight at a time; what comes too early waits its turn. */
export class Poster {
  /** When each update was due, ms: latencies count from there, so a server that is late cannot hide it. */
  readonly dueAt: number[] = [];
  readonly #connection: Connection;
  readonly #target: Target;
  readonly #space: string;
  readonly #writer: number;
  #sent = 0;
  #answered = 0;
  #whenIdle: (() => void) | undefined;

  private constructor(target: Target, space: string, writer: number, connection: Connection) {
    this.#target = target;
    this.#space = space;
    this.#writer = writer;
    this.#connection = connection;
    connection.onAnswer = () => this.#answer();
  }

  /** `writer` is a digit, and names the item. */
  static async open(target: Target, space: string, writer: number): Promise<Poster> {
    return new Poster(target, space, writer, await Connection.open(target.port));
  }

  /** Number of the newest update posted. */
  get newest(): number {
    return this.dueAt.length - 1;
  }

  post(due = performance.now()): void {
    this.dueAt.push(due);
    if (this.#sent === this.#answered) this.#send();
  }

  /** Settles when all that was posted has been answered. */
  idle(): Promise<void> {
    if (this.#answered === this.dueAt.length) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  close(): void {
    this.#connection.close();
  }

  #send(): void {
    const update = updateOf(this.#writer, this.#sent++);
    this.#connection.send(PROTOCOLS[this.#target.protocol].post(this.#space, `item${this.#writer}`, update));
  }

  #answer(): void {
    this.#answered++;
    if (this.#sent < this.dueAt.length) {
      this.#send();
      return;
    }
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }
}
