import { Times } from '../../load/measure.ts';
import type { Stations } from './stations.ts';

/** What is counted once the fleet runs as it will go on. Times in seconds. */
export class FleetTally {
  posts = 0;
  answers = 0;
  looks = 0;
  turns = 0;
  conflicts = 0;
  readonly pairsPerInstance: number;
  coreBusy = 0;
  nodeBusy = 0;
  busiestCore = 0;
  seconds = 0;
  readonly clients: number;
  readonly #cores: Stations;
  readonly #nodes: Stations;
  #from = Number.POSITIVE_INFINITY;
  #delays = new Times();
  #delaySum = 0;
  #acknowledged = new Times();

  constructor(clients: number, pairs: Int32Array, cores: Stations, nodes: Stations) {
    this.clients = clients;
    this.pairsPerInstance = pairs.reduce((sum, one) => sum + one, 0) / pairs.length;
    this.#cores = cores;
    this.#nodes = nodes;
  }

  startOver(now: number): void {
    this.#from = now;
    this.posts = this.answers = this.looks = this.turns = this.conflicts = 0;
    this.#acknowledged = new Times();
    this.#cores.startOver(now);
    this.#nodes.startOver(now);
  }

  end(now: number): void {
    this.seconds = now - this.#from;
    this.coreBusy = this.#cores.busy(now);
    this.nodeBusy = this.#nodes.busy(now);
    this.busiestCore = this.#cores.busiest(now);
  }

  /** Only updates that were posted after the start count. */
  delivered(postedAt: number, now: number): void {
    if (postedAt < this.#from) return;
    this.#delays.add(now - postedAt);
    this.#delaySum += now - postedAt;
  }

  acknowledged(seconds: number): void {
    this.#acknowledged.add(seconds);
  }

  get delay(): { readonly mean: number; readonly p50: number; readonly p99: number } {
    const { count } = this.#delays;
    return { mean: this.#delaySum / count, p50: this.#delays.quantile(0.5), p99: this.#delays.quantile(0.99) };
  }

  get acknowledgedP99(): number {
    return this.#acknowledged.quantile(0.99);
  }
}
