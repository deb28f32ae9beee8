/** Where clients are and what they know; those of one space stand together. */
export class SimulatedClients {
  /** The instance that each one's polls come to. */
  readonly home: Int32Array;
  /** 1: its poll waits; else it is on its way. */
  readonly waiting: Uint8Array;
  /** 1: its instance will see with the next look at the pulse that there is news. */
  readonly hinted: Uint8Array;
  /** 1: news came while it was away. */
  readonly missed: Uint8Array;
  /** Changes of its space that it has been told. */
  readonly seen: Int32Array;
  readonly #perSpace: number;

  constructor(count: number, perSpace: number, place: () => number) {
    this.home = Int32Array.from({ length: count }, place);
    this.waiting = new Uint8Array(count).fill(1);
    this.hinted = new Uint8Array(count);
    this.missed = new Uint8Array(count);
    this.seen = new Int32Array(count);
    this.#perSpace = perSpace;
  }

  spaceOf(client: number): number {
    return Math.floor(client / this.#perSpace);
  }

  of(space: number): number[] {
    return Array.from({ length: this.#perSpace }, (_, i) => space * this.#perSpace + i);
  }

  /** Of the clients that there is news for, those that wait; the others will ask by themselves. */
  waitingOf(clients: readonly number[]): number[] {
    for (const client of clients) if (this.waiting[client] !== 1) this.missed[client] = 1;
    return clients.filter((client) => this.waiting[client] === 1);
  }

  /** Spaces that each instance has to watch. */
  pairs(instances: number): Int32Array {
    const pairs = new Int32Array(instances);
    for (let first = 0; first < this.home.length; first += this.#perSpace) {
      for (const instance of new Set(this.home.subarray(first, first + this.#perSpace)))
        pairs[instance] = (pairs[instance] ?? 0) + 1;
    }
    return pairs;
  }
}
