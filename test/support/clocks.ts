import type { Clock } from '../../src/ports/clock.ts';

/** Time as it passes. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

const TICK_MS = 10;

/**
 * Measures time in which this process runs: where the machine stands still for a second, that counts as one tick. For what has to happen within a time, when
 * the machine lets it.
 */
export class RunningTime {
  #ticks = 0;
  readonly #timer = setInterval(() => this.#ticks++, TICK_MS);

  get ms(): number {
    return this.#ticks * TICK_MS;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** How long it takes, in such time. */
export async function runningMs(work: () => Promise<unknown>): Promise<number> {
  const time = new RunningTime();
  try {
    await work();
    return time.ms;
  } finally {
    time.stop();
  }
}

type Timer = { readonly at: number; readonly order: number; readonly call: () => void };

/** Time that passes when told. Timers run inside `advance`, in the order of their times. */
export class FakeClock implements Clock {
  #time = 0;
  #made = 0;
  #timers: Timer[] = [];

  now(): number {
    return 1_700_000_000_000 + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.#time + Math.max(ms, 0), order: this.#made++, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end);
      const next = due.sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#time = Math.max(this.#time, next.at);
      next.call();
    }
    this.#time = end;
  }

  /** Time passes while the process stands still: what was due meanwhile runs late, at the end. */
  holdUp(ms: number): void {
    this.#time += ms;
    this.advance(0);
  }
}

/** Lets everything that was already settled run on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
