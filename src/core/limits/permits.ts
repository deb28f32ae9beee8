import { ProblemError } from '../../protocol/errors.ts';

/** Bounds what goes on at once. Every `enter` that returned is followed by exactly one `leave`. */
export class Permits {
  readonly #what: string;
  readonly #max: number;
  readonly #retryAfterMs: () => number;
  inUse = 0;

  /** `what` goes on in a complaint: "too many …". */
  constructor(what: string, max: number, retryAfterMs: () => number) {
    this.#what = what;
    this.#max = max;
    this.#retryAfterMs = retryAfterMs;
  }

  /** Throws `overloaded` where there is no room. */
  enter(amount = 1): void {
    if (this.inUse + amount > this.#max) throw this.refusal();
    this.inUse += amount;
  }

  leave(amount = 1): void {
    this.inUse -= amount;
  }

  /** Carries out `work` within a permit. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  refusal(): ProblemError {
    const detail = `too many ${this.#what} here just now; at most ${this.#max}`;
    return new ProblemError('overloaded', detail, { retryAfterMs: this.#retryAfterMs() });
  }
}
