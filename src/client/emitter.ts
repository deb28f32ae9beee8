/** Calls listeners in the order they came. One that throws does not keep the others from being called. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();
  readonly #onThrow: (error: unknown) => void;

  constructor(onThrow: (error: unknown) => void = throwLater) {
    this.#onThrow = onThrow;
  }

  /** Returns the way to stop listening; `signal` is another. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void, signal?: AbortSignal): () => void {
    if (signal?.aborted) return () => undefined;
    const all = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, all);
    // A listener that is given twice is two listeners.
    const mine = (event: Events[Name]): void => listener(event);
    all.add(mine);
    const stop = (): void => {
      all.delete(mine);
      signal?.removeEventListener('abort', stop);
    };
    signal?.addEventListener('abort', stop, { once: true });
    return stop;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(event as never);
      } catch (error) {
        this.#onThrow(error);
      }
    }
  }
}

/** Shown by browsers and Node as what it is: an error of the page, not of the connection. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
