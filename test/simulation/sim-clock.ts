import type { Clock } from '../../src/ports/clock.ts';
import type { ClockFaults } from './faults.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';

/** Wall time at which every run begins, ms since 1970. */
export const BEGIN_MS = Date.UTC(2025, 0, 1);

/** The clock of one machine: its wall time is off, drifts and jumps; its monotonic time is true. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #process: SimProcess;
  readonly #rate: number;
  #offsetMs: number;

  constructor(scheduler: Scheduler, process: SimProcess, random: Seeded, faults: ClockFaults) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#offsetMs = BEGIN_MS + Math.floor((random.fraction() * 2 - 1) * faults.skewMs);
    this.#rate = 1 + ((random.fraction() * 2 - 1) * faults.driftPerMille) / 1000;
  }

  now(): number {
    return this.#offsetMs + Math.floor(this.#scheduler.now * this.#rate);
  }

  monotonic(): number {
    return this.#scheduler.now;
  }

  after(ms: number, call: () => void): () => void {
    return this.#scheduler.schedule(Math.max(0, ms), 'timer', call, { process: this.#process });
  }

  sleep(ms: number): Promise<void> {
    return this.#scheduler.sleep(Math.max(0, ms), 'slept', this.#process);
  }

  /** Somebody sets the clock. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }
}
