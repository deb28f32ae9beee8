import { isFailure } from '../ports/failure.ts';
import { type CloseParts, closeItem, dropZombie } from './close-item.ts';
import type { DirtyItem } from './dirtiness.ts';
import { markStored, persist } from './durable.ts';
import { type HeldFloor, heldFloor } from './floor.ts';
import { decideFlush } from './flush-policy.ts';
import { Recurring } from './recurring.ts';
import type { SpaceState } from './space-state.ts';
import { persistMsOf, type SpaceDeps, settingsSource } from './spaces/settings.ts';

const TICK_MS = 250;
const FLOOR_CHECK_MS = 500;
const MAX_IN_FLIGHT = 64;
const MULTI_GET = 100;

export type FlushParts = CloseParts & { readonly deps: SpaceDeps };

/**
 * Carries the flush policy out: at most one store write per item in flight, newest value only, as many items at once as the store bears (halved
 * when it says it is overloaded, raised by one when it takes a write).
 *
 * Each tick is a walk over the dirty items that begins what is due. When the ticks are stopped, `drain` stores what is left.
 */
export class Flusher {
  readonly #parts: FlushParts;
  readonly #recommit: (space: SpaceState, item: string) => Promise<number>;
  readonly #busy = new Set<string>();
  readonly ticks: Recurring;
  #limit = MAX_IN_FLIGHT;
  #floorsAt = Number.NEGATIVE_INFINITY;

  constructor(parts: FlushParts, recommit: (space: SpaceState, item: string) => Promise<number>) {
    this.#parts = parts;
    this.#recommit = recommit;
    this.ticks = new Recurring(parts.deps, { name: 'the flush', everyMs: TICK_MS, once: () => this.#tick() });
  }

  /** Begins what is due now. */
  #tick(): void {
    const { deps, dirtiness } = this.#parts;
    const now = deps.clock.monotonic();
    const periods = new Map<SpaceState, { readonly persistMs: number }>();
    for (const entry of dirtiness.items()) {
      if (this.#busy.size >= this.#limit) break;
      if (entry.poison) continue;
      const decision = decideFlush(entry, now, this.#periodOf(entry.space, periods));
      if (decision.do !== 'wait') this.#begin(entry, decision.do === 'close');
    }
    if (now - this.#floorsAt >= FLOOR_CHECK_MS && !deps.config.durableAlways) {
      this.#floorsAt = now;
      void this.#checkFloors().catch(() => undefined); // the cache is away: the next check sees what became of it
    }
  }

  /** N of the space; the server's until the settings are known. */
  #periodOf(space: SpaceState, periods: Map<SpaceState, { readonly persistMs: number }>) {
    let period = periods.get(space);
    if (period === undefined) {
      const { deps } = this.#parts;
      const source = settingsSource(deps);
      const settings = source.known(space.id);
      if (settings === undefined) void source.load(space.id);
      period = { persistMs: persistMsOf(deps.config, settings) };
      periods.set(space, period);
    }
    return period;
  }

  /**
   * Stores everything that is dirty, released items first, none of them begun after `until` (monotonic, ms). What remains is in the cache and its ledger. Where the cache ends with this
   * process, what is open is closed too: without its head, the next process could but suppose that it lost something.
   */
  async drain(until: number): Promise<void> {
    const { deps, dirtiness } = this.#parts;
    const { durableAlways } = deps.config;
    const entries = [...dirtiness.items()].filter((entry) => (durableAlways || !entry.stored) && !entry.poison);
    const rank = ({ stored, snapshot }: DirtyItem) => (stored ? 2 : Number(snapshot.head.open));
    entries.sort((a, b) => rank(a) - rank(b) || a.since - b.since);
    let next = 0;
    const worker = async () => {
      for (let entry = entries[next++]; entry && deps.clock.monotonic() < until; entry = entries[next++])
        await (durableAlways ? this.#close(entry, true) : this.#store(entry));
    };
    await Promise.all(Array.from({ length: 32 }, worker));
  }

  #begin(entry: DirtyItem, close: boolean): void {
    const key = `${entry.space.id}/${entry.item}`;
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    void (close ? this.#close(entry) : this.#store(entry)).finally(() => this.#busy.delete(key));
  }

  async #store(entry: DirtyItem): Promise<void> {
    const { deps, dirtiness } = this.#parts;
    const { space, item, snapshot } = entry;
    try {
      // A release whose announcement came too late: stored and closed, nobody would ever say it again.
      if (entry.unsure && !snapshot.head.open) {
        await this.#recommit(space, item);
        return;
      }
      const began = deps.clock.monotonic();
      const done = await persist(deps, space.id, item, snapshot, !snapshot.head.open);
      this.#limit = Math.min(MAX_IN_FLIGHT, this.#limit + 1);
      if (done.over) return await this.#over(entry);
      dirtiness.stored(space, item, snapshot, began);
      const held = space.held.get(item) ?? (await this.#parts.heads.forWrite(space, item, true)).held;
      await markStored(deps, space, item, held, { v: snapshot.head.v, L: snapshot.head.L, announced: !entry.unsure });
      this.#parts.hint(space);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  /** The row is of another life. If the head is of the old one it stands for nothing that could ever be stored. */
  async #over(entry: DirtyItem): Promise<void> {
    const { space, item, snapshot } = entry;
    this.#parts.dirtiness.drop(entry);
    const { held } = await this.#parts.heads.forWrite(space, item, true);
    if (held.head.L === snapshot.head.L && !held.head.absent) await dropZombie(this.#parts.deps, space, item, held);
  }

  async #close(entry: DirtyItem, isLast = false): Promise<void> {
    const { space, item, snapshot } = entry;
    try {
      const announced = entry.unsure ? await this.#recommit(space, item) : snapshot.head.v;
      const { held } = await this.#parts.heads.forWrite(space, item, true);
      const { head } = held;
      if (head.L !== snapshot.head.L) return this.#parts.dirtiness.drop(entry);
      const still = this.#parts.deps.clock.now() - head.t >= 2 * this.#parts.deps.config.persistMs;
      if (head.v > snapshot.head.v && !entry.unsure && !still) {
        // another instance moves it on, and will close it
        if (!entry.stored) await persist(this.#parts.deps, space.id, item, snapshot, false);
        return this.#parts.dirtiness.drop(entry);
      }
      if (await closeItem(this.#parts, space, item, announced, isLast)) this.#parts.dirtiness.drop(entry);
    } catch (error) {
      this.#failed(entry, error);
    }
  }

  #failed(entry: DirtyItem, error: unknown): void {
    if (isFailure(error, 'storeOverloaded')) this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#parts.dirtiness.failed(entry, error);
    if (!isFailure(error))
      this.#parts.deps.log.warn({ space: entry.space.id, item: entry.item, error: String(error) }, 'flush failed');
  }

  /** A new epoch means that the cache was lost: what this process still has goes to the store at once, before anybody loads. */
  async #checkFloors(): Promise<void> {
    const { deps, dirtiness } = this.#parts;
    const bySpace = new Map<SpaceState, DirtyItem[]>();
    for (const entry of dirtiness.items()) {
      if (entry.stored || entry.poison) continue;
      const list = bySpace.get(entry.space);
      if (list) list.push(entry);
      else bySpace.set(entry.space, [entry]);
    }
    const spaces = [...bySpace.keys()];
    for (let at = 0; at < spaces.length; at += MULTI_GET) {
      const part = spaces.slice(at, at + MULTI_GET);
      const entries = await deps.cache.get(part.map((space) => space.floorKey));
      for (const [i, space] of part.entries())
        this.#flushOfOldEpoch(space, heldFloor(entries[i]), bySpace.get(space) ?? []);
    }
  }

  #flushOfOldEpoch(space: SpaceState, floor: HeldFloor | undefined, items: readonly DirtyItem[]): void {
    if (floor) space.seeFloor(floor, this.#parts.deps.clock.monotonic());
    for (const item of items) if (item.snapshot.head.e !== floor?.floor.e) this.#begin(item, false);
  }
}
