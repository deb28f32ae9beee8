import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Random } from '../../ports/random.ts';
import { isTransient, toFailure } from './gcs-errors.ts';

/** `repeated`: an earlier try of the same call may have been done, its answer lost. */
export type Try<T> = (repeated: boolean) => Promise<T>;

/** `timeoutMs` is for all tries together. */
export type CallLimits = { readonly timeoutMs: number; readonly clock: Clock; readonly random: Random };

const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 100;

/**
 * Tries until it is done, refused for good, tried often enough, or late. What ends it is a `Failure`, unclear when a
 * try may have been done all the same.
 */
export function callWithin<T>(limits: CallLimits, what: string, attempt: Try<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const cancel = limits.clock.after(limits.timeoutMs, () => {
      over = true;
      reject(new Failure('blobsUnavailable', `${what}: no answer within ${limits.timeoutMs} ms`, { unclear: true }));
    });
    repeat(limits, what, attempt, () => over)
      .then(resolve, reject)
      .finally(cancel);
  });
}

async function repeat<T>(limits: CallLimits, what: string, attempt: Try<T>, isOver: () => boolean): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(tries > 1);
    } catch (error) {
      if (error instanceof Failure) throw error;
      const transient = isTransient(error);
      if (!transient || tries >= MAX_TRIES || isOver()) throw toFailure(error, what, transient || tries > 1);
    }
    await limits.clock.sleep(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + limits.random.fraction()));
    if (isOver()) throw new Failure('blobsUnavailable', `${what}: too late for another try`, { unclear: true });
  }
}
