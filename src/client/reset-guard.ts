import type { Clock } from '../ports/clock.ts';

const RESETS_WITHIN_MS = 30_000;
/** After the first, second, third reset within that time. A server that has lost its cache may reset more than once until everything stands again. */
const PAUSES_MS = [0, 200, 600];
const CALM_DOWN_MS = 15_000;

/** Whoever is reset again and again is part of the trouble. */
export class ResetGuard {
  readonly #clock: Clock;
  #resets: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A reset happened: how long to wait before asking again, ms. */
  note(): number {
    const now = this.#clock.monotonic();
    this.#resets = [...this.#resets.filter((at) => at >= now - RESETS_WITHIN_MS), now];
    return PAUSES_MS[this.#resets.length - 1] ?? CALM_DOWN_MS;
  }
}
