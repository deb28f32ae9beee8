const MAX_PAUSE_MS = 30_000;

/** Something that is done again and again, one at a time, and less often while it fails. Times are monotonic, ms. */
export class Chore {
  #running: Promise<void> | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #failures = 0;

  get running(): Promise<void> | undefined {
    return this.#running;
  }

  mayBegin(now: number): boolean {
    return !this.#running && now >= this.#notBefore;
  }

  /** `work` never rejects: what it says is whether it failed. */
  begin(work: () => Promise<boolean>, now: () => number): void {
    this.#running = work().then((failed) => {
      this.#running = undefined;
      if (failed) this.waitUntil(now() + Math.min(1_000 * 2 ** this.#failures++, MAX_PAUSE_MS));
      else this.#failures = 0;
    });
  }

  waitUntil(time: number): void {
    this.#notBefore = time;
  }
}
