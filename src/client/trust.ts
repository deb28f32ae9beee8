const FIRST_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 30 * 60_000;
/** So many in a row that ended before they were proven. */
const MAX_STRIKES = 3;

/** Whether a transport is worth an attempt. One that failed is tried again after pauses that double. */
export class Trust {
  #strikes = 0;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;

  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  mayTry(now: number): boolean {
    return now >= this.#notBefore;
  }

  /** It cannot be opened, or does not deliver. `fraction`: uniform in [0, 1), so that clients do not come together. */
  failed(now: number, fraction: number): void {
    this.#strikes = 0;
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures++, 10));
    this.#notBefore = now + pause * (1 + fraction / 4);
  }

  /** It was cut. Whether it had delivered for some time before. */
  ended(wasProven: boolean, now: number, fraction: number): void {
    if (wasProven) {
      this.#strikes = 0;
      this.#failures = 0;
    } else if (++this.#strikes >= MAX_STRIKES) this.failed(now, fraction);
  }

  /** There was no server at all: that was not the transport's fault. */
  pardon(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }
}
