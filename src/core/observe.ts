import { LRUCache } from 'lru-cache';
import { encodeFloor } from '../model/floor-record.ts';
import { decodeHead, type Head, isPlaceholder } from '../model/head.ts';
import { headKey, rosterPulseKey } from '../model/keys.ts';
import type { Shard } from '../model/shard-record.ts';
import type { CacheEntry } from '../ports/cache.ts';
import { type Deps, LOOP, RetryLater } from './context.ts';
import { mustLook } from './coverage.ts';
import { getFloor, type HeldFloor, heldFloor, raisedFloor } from './floor.ts';
import type { Heads } from './heads.ts';
import { mendShard } from './mend-shard.ts';
import type { RosterReader } from './presence/roster-reader.ts';
import type { RosterMark, RosterView } from './presence/tell-roster.ts';
import type { Named } from './select-items.ts';
import { compactBytes, indexShards, type ShardReader, shardKeys, trusted } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';

/** One look at a space, shared by every poll that was waiting for one. */
export type Observation = {
  readonly epoch: string;
  /** Published as the floor before anything else was read. */
  readonly T: number;
  /** Markers before this cannot be answered from the index. `Infinity` when a shard says nothing. */
  readonly since: number;
  /** Items that some marker at or after `minT` must look at. */
  readonly named: ReadonlyMap<string, Named>;
  /** Who is here; empty where nobody ever was. */
  readonly roster: RosterView;
};

const MULTI_GET = 100;
const LOADS_AT_ONCE = 32;

/**
 * Publishes a time, then reads the recent index. In this order: a writer that finds the floor at or below its coverage knows that whoever publishes later will
 * read its entry. One round trip where the floor is known.
 */
export class Observer {
  readonly #deps: Deps;
  readonly #heads: Heads;
  readonly #shards: ShardReader;
  readonly #rosters: RosterReader;
  readonly #compacting = new LRUCache<string, number>({ max: 1_000 });

  constructor(deps: Deps, heads: Heads, shards: ShardReader, rosters: RosterReader) {
    this.#deps = deps;
    this.#heads = heads;
    this.#shards = shards;
    this.#rosters = rosters;
  }

  /** `minT`, `maxT`, `rosters`: the oldest and the newest time of the markers to be answered, and what they know of who is here. */
  async observe(space: SpaceState, minT: number, maxT: number, rosters: readonly RosterMark[]): Promise<Observation> {
    this.#deps.metrics.count('reads');
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const seen = await this.#publishAndRead(space, maxT);
      if (!seen) continue;
      const { held, entries } = seen;
      const { e, F } = held.floor;
      const keys = shardKeys(indexShards(this.#deps), space.id);
      let since = 0;
      const named = new Map<string, { cu: number; base: number }[]>();
      for (const [i, key] of keys.entries()) {
        const entry = entries[i];
        const shard = trusted(entry && this.#shards.read(key, entry.value), e);
        since = Math.max(since, shard ? shard.since : Number.POSITIVE_INFINITY);
        if (!shard) await mendShard(this.#deps, space.id, key, 'index');
        else collect(shard, Math.min(minT, F), named);
        if (shard && shard.bytes > compactBytes(this.#deps)) this.#compact(space, key);
      }
      const people = this.#rosters.look(space, entries[keys.length], rosters);
      const roster = people instanceof Promise ? await people : people;
      return { epoch: e, T: F, since, named, roster };
    }
    throw new RetryLater('contention', 100);
  }

  /** `undefined`: somebody else raised the floor or began an epoch meanwhile; begin again. */
  async #publishAndRead(
    space: SpaceState,
    maxT: number,
  ): Promise<{ held: HeldFloor; entries: (CacheEntry | undefined)[] } | undefined> {
    const { cache, clock } = this.#deps;
    const floor = space.floor ?? (await getFloor(this.#deps, space.id));
    space.seeFloor(floor, clock.monotonic());
    const keys = [...shardKeys(indexShards(this.#deps), space.id), rosterPulseKey(space.id)];
    const now = clock.now();
    if (floor.floor.F - now > 1_000) this.#deps.metrics.count('clock_behind_floor');
    const raised = raisedFloor(floor.floor, space.timeToPublish(floor.floor, now, clock.monotonic()));
    if (raised !== floor.floor) {
      const { cas, read } = await cache.casThenGet(space.floorKey, encodeFloor(raised), floor.token, keys);
      space.floor = undefined;
      if (cas.status !== 'stored') return undefined;
      const held = { floor: raised, token: cas.token };
      space.seeFloor(held, clock.monotonic());
      return { held, entries: read };
    }
    // The floor is young enough. It was published when it was first seen here, before this read; only that it is still the floor of the same epoch has to be looked at.
    const [entry, ...entries] = await cache.get([space.floorKey, ...keys]);
    const present = heldFloor(entry);
    space.floor = undefined;
    if (!present) return undefined;
    space.seeFloor(present, clock.monotonic());
    if (present.floor.e !== floor.floor.e || present.floor.F < floor.floor.F) return undefined;
    if (maxT > floor.floor.F && present.floor.F > floor.floor.F) return undefined; // a marker of another instance, ahead of what was known here
    return { held: floor, entries };
  }

  /** Heads of items, in one multi-get; what is missing is loaded. */
  async heads(space: SpaceState, ids: readonly string[]): Promise<Map<string, Head>> {
    const found = new Map<string, Head>();
    const missing: string[] = [];
    for (let at = 0; at < ids.length; at += MULTI_GET) {
      const part = ids.slice(at, at + MULTI_GET);
      const entries = await this.#deps.cache.get(part.map((id) => headKey(space.id, id)));
      for (const [i, id] of part.entries()) {
        const entry = entries[i];
        const head = entry && decodeHead(entry.value);
        if (head && !isPlaceholder(head)) found.set(id, head);
        else missing.push(id);
      }
    }
    let next = 0;
    const worker = async () => {
      for (let id = missing[next++]; id !== undefined; id = missing[next++])
        found.set(id, (await this.#heads.load(space, id)).head);
    };
    await Promise.all(Array.from({ length: Math.min(LOADS_AT_ONCE, missing.length) }, worker));
    return found;
  }

  /** At most once a second per shard and process; losing the race to an append is fine. */
  #compact(space: SpaceState, key: string): void {
    const now = this.#deps.clock.monotonic();
    if (now - (this.#compacting.get(key) ?? Number.NEGATIVE_INFINITY) < 1_000) return;
    this.#compacting.set(key, now);
    void mendShard(this.#deps, space.id, key, 'index').catch(() => undefined);
  }
}

function collect(shard: Shard, minT: number, named: Map<string, { cu: number; base: number }[]>): void {
  for (const entry of shard.entries) {
    if (!mustLook(entry.at, minT)) continue;
    const list = named.get(entry.item);
    const line = { cu: entry.at, base: Number(entry.word) };
    if (list) list.push(line);
    else named.set(entry.item, [line]);
  }
}
