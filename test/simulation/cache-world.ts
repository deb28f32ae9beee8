import { placeOf } from '../../src/backends/cache/guards.ts';
import { Rendezvous } from '../../src/backends/cache/rendezvous.ts';
import { must } from '../../src/base/assert.ts';
import type { CacheKey } from '../../src/ports/cache.ts';
import { Failure } from '../../src/ports/failure.ts';
import type { CacheFaults } from './faults.ts';
import type { Scheduler, SimProcess } from './scheduler.ts';
import type { Seeded } from './seeded.ts';
import type { SimCache } from './sim-cache.ts';

type Entry = { readonly value: Buffer; readonly token: number; readonly expiresAt: number };
/** One server of the cache: its tokens start again with each of its lives. */
type Node = { readonly entries: Map<CacheKey, Entry>; tokens: number; life: number; downUntil: number };

/** The one cache that all instances share, on one node or several: Maps with tokens and TTLs in virtual time. */
export class CacheWorld {
  readonly scheduler: Scheduler;
  readonly random: Seeded;
  faults: CacheFaults;
  /** Told of each record that is replaced or created. */
  watch: ((key: CacheKey, before: Buffer | undefined, value: Buffer) => void) | undefined;
  /** Told of each record that an instance takes out. */
  dropped: ((key: CacheKey, value: Buffer) => void) | undefined;
  /** Told who asked for what was just carried out. */
  carriedOut: ((process: SimProcess, label: string) => void) | undefined;
  readonly clients = new Set<SimCache>();
  readonly nodes: readonly Node[];
  readonly #rendezvous: Rendezvous;

  constructor(scheduler: Scheduler, random: Seeded, faults: CacheFaults, nodes = 1) {
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
    this.nodes = Array.from({ length: nodes }, () => ({ entries: new Map(), tokens: 0, life: 0, downUntil: 0 }));
    this.#rendezvous = new Rendezvous(this.nodes.map((_, n) => `node ${n}`));
  }

  /** Number of the node that holds what belongs to this place. */
  nodeOf(place: string): number {
    return this.#rendezvous.choose(place);
  }

  node(n: number): Node {
    return must(this.nodes[n], 'a node of the cache');
  }

  read(key: CacheKey): Entry | undefined {
    const { entries } = this.#holder(key);
    const entry = entries.get(key);
    if (entry && entry.expiresAt <= this.scheduler.now) {
      entries.delete(key);
      return undefined;
    }
    return entry;
  }

  write(key: CacheKey, value: Buffer, expiresAt: number): number {
    if (this.random.chance(this.faults.full)) throw new Failure('cacheFull', 'out of memory');
    this.watch?.(key, this.read(key)?.value, value);
    const node = this.#holder(key);
    node.entries.set(key, { value, token: ++node.tokens, expiresAt });
    return node.tokens;
  }

  remove(key: CacheKey): boolean {
    return this.#holder(key).entries.delete(key);
  }

  keys(letter: string): CacheKey[] {
    return this.nodes.flatMap(({ entries }) => [...entries.keys()]).filter((key) => key[0] === letter);
  }

  restart(): void {
    for (const n of this.nodes.keys()) this.restartNode(n);
  }

  /** Everything on it is gone and every connection to it broken; what was on its way to the old process never arrives. */
  restartNode(n: number): void {
    const node = this.node(n);
    node.entries.clear();
    node.tokens = 0;
    node.life++;
    for (const client of this.clients) client.reconnect(n);
  }

  /** Unreachable for so long, ms: one node, or all of them. */
  takeDown(ms: number, nodes: Iterable<number> = this.nodes.keys()): void {
    for (const n of nodes) this.node(n).downUntil = this.scheduler.now + ms;
  }

  #holder(key: CacheKey): Node {
    return this.node(this.nodeOf(placeOf(key)));
  }
}
