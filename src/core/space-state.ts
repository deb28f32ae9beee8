import type { Floor } from '../model/floor-record.ts';
import { type CacheKey, floorKey } from '../model/keys.ts';
import { type HeldHead, LOOP } from './context.ts';
import type { HeldFloor } from './floor.ts';
import type { KnownRoster } from './presence/tell-roster.ts';

const MAX_HELD_HEADS = 10_000;

/** The oldest goes when one too many comes; a space that holds few costs little. */
class HeldHeads extends Map<string, HeldHead> {
  override set(item: string, held: HeldHead): this {
    if (this.size >= MAX_HELD_HEADS && !this.has(item)) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return super.set(item, held);
  }
}

/**
 * What one process remembers of one space; all of it may be forgotten at any time. Nothing here decides what is true: every write is guarded by the token of the
 * head it was judged from.
 */
export class SpaceState {
  readonly id: string;
  readonly floorKey: CacheKey;
  /** Heads as they were when this process last saw them, with their tokens. */
  readonly held = new HeldHeads();
  floor: HeldFloor | undefined;
  /** Who is here, as last read; nothing where nobody was ever seen. */
  roster: KnownRoster | undefined;
  #epochSeenAt = 0;
  #floorSeenAt = 0;
  #newestF = -1;
  #epoch = '';

  constructor(id: string) {
    this.id = id;
    this.floorKey = floorKey(id);
  }

  /** The epoch as last seen here; empty before anything was seen. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Remembers the floor; a new epoch makes everything remembered of the old one worthless. Returns whether it is new. */
  seeFloor(floor: HeldFloor, monotonic: number): boolean {
    const stale = floor.floor.e === this.#epoch && this.floor !== undefined && floor.floor.F < this.floor.floor.F;
    if (!stale) {
      if (this.#newestF !== floor.floor.F) this.#floorSeenAt = monotonic;
      this.#newestF = floor.floor.F;
      this.floor = floor; // answers may overtake each other
    }
    if (floor.floor.e === this.#epoch) return false;
    this.#epoch = floor.floor.e;
    this.#epochSeenAt = monotonic;
    this.held.clear();
    return true;
  }

  /**
   * The time to publish: the wall clock, and at least as much after the floor as has passed since it was first seen here. A floor that a wild clock has put into the
   * future would otherwise stand still for as long.
   */
  timeToPublish(floor: Floor, now: number, monotonic: number): number {
    return Math.max(now, floor.F + monotonic - this.#floorSeenAt);
  }

  /** The time of the floor now, by this process's own passing of time: no wall clock has part in it. */
  floorTime(floor: Floor, monotonic: number): number {
    return Math.floor(floor.F + monotonic - this.#floorSeenAt);
  }

  /**
   * Ms until open rows may be loaded: after the loss of a cache, instances that hold newer copies of open items get time to store them. Counted from when this
   * process first saw the epoch, or over once the floor has risen as much.
   */
  recoveryLeft(floor: Floor, monotonic: number): number {
    if (!floor.rec || floor.F - floor.born >= LOOP.recoveryMs) return 0;
    if (floor.e !== this.#epoch) return LOOP.recoveryMs;
    return Math.max(0, Math.ceil(this.#epochSeenAt + LOOP.recoveryMs - monotonic));
  }
}
