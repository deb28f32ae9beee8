/** Who wants to be woken, by space. */
export class Watchers {
  readonly #bySpace = new Map<string, Set<{ readonly wake: () => void }>>();

  get spaces(): IterableIterator<string> {
    return this.#bySpace.keys();
  }

  get size(): number {
    return this.#bySpace.size;
  }

  has(space: string): boolean {
    return this.#bySpace.has(space);
  }

  /** Returns the end of the watch; from then on `wake` is not called. */
  add(space: string, wake: () => void): () => void {
    // An object of its own: the same function may watch twice.
    const watcher = { wake };
    let all = this.#bySpace.get(space);
    if (all === undefined) {
      all = new Set();
      this.#bySpace.set(space, all);
    }
    all.add(watcher);
    const mine = all;
    return () => {
      mine.delete(watcher);
      if (mine.size === 0 && this.#bySpace.get(space) === mine) this.#bySpace.delete(space);
    };
  }

  wake(space: string): void {
    for (const { wake } of this.#bySpace.get(space) ?? []) wake();
  }

  clear(): void {
    for (const all of this.#bySpace.values()) all.clear();
    this.#bySpace.clear();
  }
}
