import type { Clock } from '../ports/clock.ts';
import { NoAnswerError } from './errors.ts';

/** Settles after `ms`; rejects as soon as `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Calls, and gives up after `ms` with `NoAnswerError`, also where the call does not heed its signal: a fetch that a phone has put to sleep may
 * never settle.
 */
export function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const inner = new AbortController();
    const end = (error: unknown): void => {
      cleanUp();
      reject(error);
      inner.abort(error);
    };
    const onAbort = (): void => end(signal.reason);
    const cancel = clock.after(ms, () => end(new NoAnswerError(`within ${ms} ms`, undefined)));
    const cleanUp = (): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    call(inner.signal).then(
      (value) => {
        cleanUp();
        resolve(value);
      },
      (error) => {
        cleanUp();
        reject(error);
      },
    );
  });
}

/** What it settles with, unless `signal` aborts before. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Settles as soon as it holds: now, or when `listen` calls. Rejects with `why` when `ended` aborts. */
export function until(
  holds: () => boolean,
  listen: (look: () => void) => () => void,
  ended: AbortSignal,
  why: () => unknown,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (ended.aborted) return reject(why());
    const stop = listen(() => look());
    const cleanUp = (): void => {
      stop();
      ended.removeEventListener('abort', onEnd);
    };
    const onEnd = (): void => {
      cleanUp();
      reject(why());
    };
    const look = (): void => {
      if (!holds()) return;
      cleanUp();
      resolve();
    };
    ended.addEventListener('abort', onEnd);
    look();
  });
}

/** For `until`: `look` is among the calls until it is told to stop. */
export function listenIn(calls: Set<() => void>): (look: () => void) => () => void {
  return (look) => {
    calls.add(look);
    return () => calls.delete(look);
  };
}

/** Somebody waits, others wake. A wake without a waiter is remembered once. */
export class Bell {
  #rung = false;
  #waiter: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#waiter?.();
  }

  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiter = undefined;
        reject(signal.reason);
      };
      this.#waiter = () => {
        this.#rung = false;
        this.#waiter = undefined;
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (this.#rung) this.#waiter();
    });
  }
}
