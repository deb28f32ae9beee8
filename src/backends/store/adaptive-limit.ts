/**
 * How many requests may be under way at once: a little more with each success, half as many when the service turns one
 * away. Requests that were under way together count as one turning away, or a single wave would close the tap.
 */
export class AdaptiveLimit {
  readonly #max: number;
  #limit: number;
  #active = 0;
  /** Outcomes of the last wave, which are not judged again. */
  #grace = 0;

  constructor(start: number, max: number) {
    this.#limit = start;
    this.#max = max;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get hasRoom(): boolean {
    return this.#active < this.limit;
  }

  enter(): void {
    this.#active++;
  }

  leave(): void {
    this.#active--;
  }

  succeeded(): void {
    this.#grace = Math.max(0, this.#grace - 1);
    this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
  }

  turnedAway(): void {
    if (this.#grace > 0) {
      this.#grace--;
      return;
    }
    this.#limit = Math.max(1, this.#limit / 2);
    this.#grace = this.#active - 1;
  }
}
