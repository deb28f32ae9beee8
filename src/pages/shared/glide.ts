export type Point = { readonly x: number; readonly y: number };

/** Updates come about so often while somebody drags; a move is drawn over the time until the next one is to be expected. */
const SHORTEST_MS = 60;
const LONGEST_MS = 220;

/**
 * The way of something that others move, between the updates that tell where it is: from where it is drawn now, in a straight line, for as long as the last
 * two updates were apart. It never goes beyond what was told.
 */
export class Glide {
  #from: Point;
  #to: Point;
  #startedAt: number;
  #ms = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(at: Point, now: number) {
    this.#from = at;
    this.#to = at;
    this.#startedAt = now;
  }

  get target(): Point {
    return this.#to;
  }

  /** It is told to be there; `still`: drawn there at once. */
  tell(to: Point, now: number, still = false): void {
    this.#from = still ? to : this.at(now);
    this.#to = to;
    this.#startedAt = now;
    this.#ms = still ? 0 : Math.max(SHORTEST_MS, Math.min(now - this.#toldAt, LONGEST_MS));
    this.#toldAt = now;
  }

  at(now: number): Point {
    const part = this.#ms === 0 ? 1 : Math.max(0, Math.min(1, (now - this.#startedAt) / this.#ms));
    if (part === 1) return this.#to;
    const { x, y } = this.#from;
    return { x: x + (this.#to.x - x) * part, y: y + (this.#to.y - y) * part };
  }

  isOver(now: number): boolean {
    return now - this.#startedAt >= this.#ms;
  }
}
