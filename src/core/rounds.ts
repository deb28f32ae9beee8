import type { Clock } from '../ports/clock.ts';

/** What is done again and again, until all of it is stopped. */
export class Rounds {
  readonly #clock: Clock;
  readonly #cancels: (() => void)[] = [];
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  every(ms: number, call: () => void): void {
    const slot = this.#cancels.length;
    const arm = () => {
      this.#cancels[slot] = this.#clock.after(ms, () => {
        if (this.#stopped) return;
        arm();
        call();
      });
    };
    arm();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }
}
