/** Many queues of the same kind, each with so many servers, first come first served. Work has to be brought in the order of time. */
export class Stations {
  readonly #servers: number;
  readonly #freeAt: Float64Array;
  readonly #busy: Float64Array;
  #from = 0;

  constructor(count: number, servers: number) {
    this.#servers = servers;
    this.#freeAt = new Float64Array(count * servers);
    this.#busy = new Float64Array(count);
  }

  /** When work of that length, brought at `now`, is done. */
  serve(station: number, now: number, seconds: number): number {
    const first = station * this.#servers;
    let soonest = first;
    for (let i = first + 1; i < first + this.#servers; i++) {
      if ((this.#freeAt[i] ?? 0) < (this.#freeAt[soonest] ?? 0)) soonest = i;
    }
    const end = Math.max(now, this.#freeAt[soonest] ?? 0) + seconds;
    this.#freeAt[soonest] = end;
    if (now >= this.#from) this.#busy[station] = (this.#busy[station] ?? 0) + seconds;
    return end;
  }

  /** From now on work counts. */
  startOver(now: number): void {
    this.#from = now;
    this.#busy.fill(0);
  }

  /** Share of the time that the average server was busy, by the work that was brought since. */
  busy(now: number): number {
    const work = this.#busy.reduce((sum, one) => sum + one, 0);
    return work / ((now - this.#from) * this.#freeAt.length);
  }

  /** The same of the station with the most. */
  busiest(now: number): number {
    return this.#busy.reduce((most, one) => Math.max(most, one), 0) / ((now - this.#from) * this.#servers);
  }
}
