import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

const FIRST_MS = 20;
const MAX_MS = 2000;

/** Wait before the attempt after the `failures`th failed one: doubling, at random between half and all of it. */
export function backoffMs(failures: number, random: Random): number {
  const full = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  return full * (0.5 + random.fraction() / 2);
}

export type Retrying = {
  readonly clock: Clock;
  readonly random: Random;
  /** Monotonic time after which nothing is begun any more. */
  readonly deadline: number;
  readonly mayRetry: (error: unknown) => boolean;
};

/** Attempts again what is safe to repeat, and ends with the last error. `attempt` is told the time that is left. */
export async function retry<T>(attempt: (leftMs: number) => Promise<T>, options: Retrying): Promise<T> {
  const { clock, random, deadline, mayRetry } = options;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt(Math.max(1, deadline - clock.monotonic()));
    } catch (error) {
      const wait = backoffMs(failures, random);
      if (!mayRetry(error) || clock.monotonic() + wait >= deadline) throw error;
      await clock.sleep(wait);
    }
  }
}
