/** What happens next: a heap of times, each with a number for what it is and one for whom. Equal times come in the order they were added. */
export class Events {
  #times = new Float64Array(1 << 12);
  #orders = new Float64Array(1 << 12);
  #kinds = new Uint8Array(1 << 12);
  #whom = new Int32Array(1 << 12);
  #count = 0;
  #added = 0;
  /** Of the event taken last. */
  time = 0;
  kind = 0;
  who = 0;

  add(time: number, kind: number, who: number): void {
    if (this.#count === this.#times.length) this.#grow();
    let at = this.#count++;
    const order = this.#added++;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(time, order, above)) break;
      this.#move(above, at);
      at = above;
    }
    this.#put(at, time, order, kind, who);
  }

  /** `false`: there is nothing before `end`. */
  take(end: number): boolean {
    const [time = Number.POSITIVE_INFINITY] = this.#times;
    if (this.#count === 0 || time >= end) return false;
    this.time = time;
    this.kind = this.#kinds[0] ?? 0;
    this.who = this.#whom[0] ?? 0;
    const last = --this.#count;
    const lastTime = this.#times[last] ?? 0;
    const lastOrder = this.#orders[last] ?? 0;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= last) break;
      if (below + 1 < last && this.#isBefore(this.#times[below + 1] ?? 0, this.#orders[below + 1] ?? 0, below)) below++;
      if (this.#isBefore(lastTime, lastOrder, below)) break;
      this.#move(below, at);
      at = below;
    }
    this.#put(at, lastTime, lastOrder, this.#kinds[last] ?? 0, this.#whom[last] ?? 0);
    return true;
  }

  #isBefore(time: number, order: number, other: number): boolean {
    const theirs = this.#times[other] ?? 0;
    return time < theirs || (time === theirs && order < (this.#orders[other] ?? 0));
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, this.#kinds[from] ?? 0, this.#whom[from] ?? 0);
  }

  #put(at: number, time: number, order: number, kind: number, who: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#kinds[at] = kind;
    this.#whom[at] = who;
  }

  #grow(): void {
    const length = 2 * this.#times.length;
    const larger = <T extends Float64Array | Uint8Array | Int32Array>(made: T, old: T): T => {
      made.set(old as never);
      return made;
    };
    this.#times = larger(new Float64Array(length), this.#times);
    this.#orders = larger(new Float64Array(length), this.#orders);
    this.#kinds = larger(new Uint8Array(length), this.#kinds);
    this.#whom = larger(new Int32Array(length), this.#whom);
  }
}
