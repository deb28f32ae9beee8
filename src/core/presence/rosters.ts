import type { CacheKey } from '../../model/keys.ts';
import { rosterKey, rosterPulseKey } from '../../model/keys.ts';
import {
  decodeRosterPulse,
  decodeRosterShard,
  encodeRosterPulse,
  encodeRosterShard,
  ROSTER_SHARDS,
  type RosterShard,
} from '../../model/roster-record.ts';
import type { CacheEntry } from '../../ports/cache.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { MAX_ROSTER_BYTES } from '../../protocol/limits.ts';
import { type Deps, LOOP, RetryLater } from '../context.ts';
import { getFloor, heldFloor } from '../floor.ts';
import type { SpaceState } from '../space-state.ts';
import { emptyRoster } from './roster-changes.ts';

export const ALL_SHARDS: readonly number[] = Array.from({ length: ROSTER_SHARDS }, (_, shard) => shard);
/** The word of the pulse that tells of claims. */
export const CLAIMS_PLACE = ROSTER_SHARDS;
const ALL_PLACES = [...ALL_SHARDS, CLAIMS_PLACE];

export type RosterRead = {
  /** Floor time, ms, as far as this process can tell. */
  readonly F: number;
  readonly shards: readonly (RosterShard | undefined)[];
  readonly hasPulse: boolean;
};

/** Decides on one record; may be asked several times. `after`: as it shall be; `visible`: readers are to see the change. */
export type RosterDecision = { readonly after: RosterShard | undefined; readonly visible: boolean };
export type DecideRoster = (shard: RosterShard, F: number, place: number) => RosterDecision;

/** The records of who is here. All of them are changed by `cas`, and what readers are to see is told by the pulse afterwards. */
export class Rosters {
  readonly #deps: Deps;
  readonly #changed: (space: SpaceState) => void;

  /** `changed`: readers may be told something new. */
  constructor(deps: Deps, changed: (space: SpaceState) => void) {
    this.#deps = deps;
    this.#changed = changed;
  }

  async read(space: SpaceState): Promise<RosterRead> {
    const { F, pulse, entries } = await this.#read(space, ALL_SHARDS);
    const shards = entries.map((entry) => entry && decodeRosterShard(entry.value));
    return { F, shards, hasPulse: pulse !== undefined };
  }

  /** Reads the records of these places in one round trip and replaces those that the decision changes; again where somebody else was faster. */
  async change(space: SpaceState, places: readonly number[], decide: DecideRoster): Promise<void> {
    let left = places;
    const visible = new Set<number>();
    let failure: unknown;
    for (let turn = 0; left.length > 0 && failure === undefined; turn++) {
      if (turn >= LOOP.turns) failure = new RetryLater('contention', 100);
      else {
        const { F, entries } = await this.#read(space, left);
        const work = left.map((place, i) => this.#replace(space.id, place, entries[i], F, decide, visible));
        const outcomes = await Promise.allSettled(work);
        failure = outcomes.find((outcome) => outcome.status === 'rejected')?.reason;
        left = left.filter((_, i) => outcomes[i]?.status === 'fulfilled' && !(outcomes[i] as { value: boolean }).value);
      }
    }
    if (visible.size > 0) await this.tell(space, [...visible]);
    if (failure !== undefined) throw failure;
  }

  /** `false`: somebody else was faster. */
  async #replace(
    space: string,
    place: number,
    entry: CacheEntry | undefined,
    F: number,
    decide: DecideRoster,
    visible: Set<number>,
  ): Promise<boolean> {
    const before = entry ? decodeRosterShard(entry.value) : emptyRoster(this.#deps.random.id());
    const decision = decide(before, F, place);
    if (!decision.after) return true;
    const bytes = encodeRosterShard(decision.after);
    if (bytes.length > MAX_ROSTER_BYTES && bytes.length > (entry?.value.length ?? 0)) {
      throw new ProblemError('overloaded', 'the list of clients of this space is full', { retryAfterMs: 30_000 });
    }
    // Told even where the answer is lost: it may have been carried out.
    if (decision.visible) visible.add(place);
    const key = rosterKey(space, place);
    if (!entry) return (await this.#deps.cache.add(key, bytes)) !== undefined;
    return (await this.#deps.cache.cas(key, bytes, entry.token)).status === 'stored';
  }

  async tell(space: SpaceState, places: readonly number[]): Promise<void> {
    await this.bump(space, places);
    this.#changed(space);
  }

  /** Gives these places new words. A hint: readers look at everything every few seconds. */
  async bump(space: SpaceState, places: readonly number[]): Promise<void> {
    const { cache, random } = this.#deps;
    const key = rosterPulseKey(space.id);
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const [entry] = await cache.get([key]);
      const words = entry ? [...decodeRosterPulse(entry.value).words] : ALL_PLACES.map(() => random.id().slice(0, 6));
      for (const place of places) words[place] = random.id().slice(0, 6);
      const bytes = encodeRosterPulse({ words });
      if (entry ? (await cache.cas(key, bytes, entry.token)).status === 'stored' : await cache.add(key, bytes)) return;
    }
  }

  /** Readers look for nobody where there is no pulse: the one that was lost is made anew. */
  async ensurePulse(space: SpaceState): Promise<void> {
    const key = rosterPulseKey(space.id);
    const [entry] = await this.#deps.cache.get([key]);
    if (entry) return;
    await this.tell(space, ALL_PLACES);
  }

  async #read(space: SpaceState, places: readonly number[]) {
    const { cache, clock } = this.#deps;
    const keys: CacheKey[] = [space.floorKey, rosterPulseKey(space.id), ...places.map((i) => rosterKey(space.id, i))];
    const [floorEntry, pulse, ...entries] = await cache.get(keys);
    const floor = heldFloor(floorEntry) ?? (await getFloor(this.#deps, space.id));
    space.seeFloor(floor, clock.monotonic());
    return { F: space.floorTime(floor.floor, clock.monotonic()), pulse, entries };
  }
}
