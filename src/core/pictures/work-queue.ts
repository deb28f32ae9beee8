import type { Clock } from '../../ports/clock.ts';

/** What it is done for: somebody waits for a picture; the tail of one is growing; a file is to be written. */
export type Urgency = 'broadcast' | 'fold' | 'write';

/** How much later than the most urgent work of the same moment it may begin, ms. */
const SLACK_MS: { readonly [urgency in Urgency]: number } = { broadcast: 0, fold: 2_000, write: 10_000 };

type Entry<T> = { readonly work: T; readonly due: number; readonly order: number };

/**
 * Work that waits, by when it has to begin at the latest: what is more urgent overtakes, but only what is younger by less than the difference in slack. So nothing is
 * starved, whatever comes.
 */
export class WorkQueue<T> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #max: number;
  readonly #entries: Entry<T>[] = [];
  #order = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** `false`: there is no room. */
  add(urgency: Urgency, work: T): boolean {
    if (this.#entries.length >= this.#max) return false;
    const entry = { work, due: this.#clock.monotonic() + SLACK_MS[urgency], order: this.#order++ };
    const after = this.#entries.findIndex(({ due }) => due > entry.due);
    this.#entries.splice(after < 0 ? this.#entries.length : after, 0, entry);
    return true;
  }

  take(): T | undefined {
    return this.#entries.shift()?.work;
  }

  /** `false`: it does not wait here (any more). */
  remove(work: T): boolean {
    const at = this.#entries.findIndex((entry) => entry.work === work);
    if (at >= 0) this.#entries.splice(at, 1);
    return at >= 0;
  }
}
