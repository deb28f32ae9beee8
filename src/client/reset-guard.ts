import type { Clock } from '../ports/clock.ts';

const RESETS_ALLOWED = 3;
const RESETS_WITHIN_MS = 30_000;
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
    return this.#resets.length > RESETS_ALLOWED ? CALM_DOWN_MS : 0;
  }
}
