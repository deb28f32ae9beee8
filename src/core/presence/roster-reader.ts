import { claimsKey, rosterKey } from '../../model/keys.ts';
import { decodeRosterPulse, decodeRosterShard } from '../../model/roster-record.ts';
import type { CacheEntry } from '../../ports/cache.ts';
import type { Deps } from '../context.ts';
import type { SpaceState } from '../space-state.ts';
import { ALL_SHARDS, CLAIMS_PLACE } from './rosters.ts';
import type { RosterMark, RosterView } from './tell-roster.ts';

/** However the pulse stands, all records are read after this long, ms. */
const READ_ALL_MS = 5_000;
const NOBODY: RosterView = [];

export type RosterListener = {
  /** Clients are here. */
  present(space: SpaceState): void;
  /** What instances have claimed, just read. */
  claimed(space: SpaceState, claims: CacheEntry | undefined): void;
  /** A record that held clients is gone, or the pulse is. */
  lost(space: SpaceState): void;
};

/** The roster as a look at the space sees it: only what changed is read. A space where nobody ever was costs nothing but the pulse that is not there. */
export class RosterReader {
  readonly #deps: Deps;
  readonly #listener: RosterListener;

  constructor(deps: Deps, listener: RosterListener) {
    this.#deps = deps;
    this.#listener = listener;
  }

  /** At once where nothing has to be read. `pulse`: just read; `marks`: of the readers that are to be answered. */
  look(
    space: SpaceState,
    pulse: CacheEntry | undefined,
    marks: readonly RosterMark[],
  ): RosterView | Promise<RosterView> {
    const known = space.roster;
    if (!pulse && !known && marks.length === 0) return NOBODY;
    const words = pulse ? decodeRosterPulse(pulse.value).words : undefined;
    const now = this.#deps.clock.monotonic();
    const all = !known || !words || now - known.readAt >= READ_ALL_MS;
    const places = all
      ? ALL_SHARDS
      : ALL_SHARDS.filter(
          (i) => words[i] !== known.words[i] || marks.some(({ n }) => (n[i] ?? 0) > nOf(known.view, i)),
        );
    const claims = all || words[CLAIMS_PLACE] !== known.words[CLAIMS_PLACE];
    if (places.length === 0 && !claims && known) return known.view;
    return this.#read(space, places, words, all ? now : (known?.readAt ?? now));
  }

  async #read(
    space: SpaceState,
    places: readonly number[],
    words: readonly string[] | undefined,
    readAt: number,
  ): Promise<RosterView> {
    const keys = [claimsKey(space.id), ...places.map((place) => rosterKey(space.id, place))];
    const [claims, ...entries] = await this.#deps.cache.get(keys);
    this.#listener.claimed(space, claims);
    const before = space.roster?.view ?? NOBODY;
    const view = ALL_SHARDS.map((i) => before[i]);
    let lost = false;
    for (const [i, place] of places.entries()) {
      const entry = entries[i];
      const shard = entry && decodeRosterShard(entry.value);
      // Where only leases moved, it stays the same for readers.
      const old = before[place];
      view[place] = shard && old?.life === shard.life && old.n === shard.n ? old : shard;
      lost ||= !entry && isPeopled(before[place]);
    }
    const exists = view.some((shard) => shard !== undefined);
    const same = view.every((shard, i) => shard === before[i]) && before.length > 0;
    const kept = same ? before : view;
    space.roster = words || exists ? { view: kept, words: words ?? [], readAt } : undefined;
    if (view.some(isPeopled)) this.#listener.present(space);
    if (lost || (!words && exists)) this.#listener.lost(space);
    return kept;
  }
}

function isPeopled(shard: RosterView[number]): boolean {
  return shard !== undefined && Object.keys(shard.clients).length > 0;
}

function nOf(view: RosterView, place: number): number {
  return view[place]?.n ?? 0;
}
