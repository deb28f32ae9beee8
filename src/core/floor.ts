import { decodeFloor, encodeFloor, type Floor } from '../model/floor-record.ts';
import { beginKey, type CacheKey, floorKey } from '../model/keys.ts';
import { encodeShard } from '../model/shard-record.ts';
import type { CacheEntry, CasToken } from '../ports/cache.ts';
import { type Deps, LOOP, RetryLater } from './context.ts';
import { indexShards, ledgerShards, shardKeys } from './shard-log.ts';

export type HeldFloor = { readonly floor: Floor; readonly token: CasToken };

export function heldFloor(entry: CacheEntry | undefined): HeldFloor | undefined {
  return entry && { floor: decodeFloor(entry.value), token: entry.token };
}

/** Whoever finds another one beginning an epoch waits for it at most this long, ms, then begins one itself: the other may have died. */
const BEGIN_WAIT_MS = 500;
/** An epoch that is being begun for longer than this, seconds, is begun no more. */
const BEGIN_SECONDS = 2;

/** Reads the floor of a space; where there is none, begins a new epoch. */
export async function getFloor(deps: Deps, space: string): Promise<HeldFloor> {
  const until = deps.clock.monotonic() + BEGIN_WAIT_MS;
  for (let turn = 0; turn < LOOP.turns; turn++) {
    const [entry] = await deps.cache.get([floorKey(space)]);
    const held = heldFloor(entry);
    if (held) return held;
    const mine = await deps.cache.add(beginKey(space), Buffer.from('1'), BEGIN_SECONDS);
    if (mine) {
      await beginEpoch(deps, space).finally(() => deps.cache.delete(beginKey(space), mine).catch(() => undefined));
    } else if (deps.clock.monotonic() < until) await deps.clock.sleep(10 + 20 * deps.random.fraction());
    else await beginEpoch(deps, space);
  }
  throw new RetryLater('contention', 100);
}

/**
 * A space without a floor is new, or its cache was lost. The shards come first: made before anybody can know the epoch, they have missed
 * nothing of it and are trusted from time 0. Where one is there already (of another epoch, or of another instance that
 * begins one now) it is taken over; whoever loses that race has a foreign shard, which is mended when it is met. That makes readers
 * begin anew, so instances that meet the space together leave it to one of them where they can; nothing depends on it.
 */
async function beginEpoch(deps: Deps, space: string): Promise<void> {
  const open = deps.config.durableAlways ? [] : await deps.store.query('open', `${space}/`, `${space}0`, 1);
  const e = deps.random.id();
  const fresh = encodeShard({ e, since: 0 }, []);
  const shards = [...shardKeys(indexShards(deps), space), ...shardKeys(ledgerShards(deps), space)];
  const found = await deps.cache.get(shards);
  const make = (key: CacheKey, entry: CacheEntry | undefined) =>
    entry ? deps.cache.cas(key, fresh, entry.token) : deps.cache.add(key, fresh);
  await Promise.all(shards.map((key, i) => make(key, found[i])));
  const F = deps.clock.now();
  const made = await deps.cache.add(floorKey(space), encodeFloor({ e, F, born: F, rec: open.length > 0 }));
  if (made) {
    deps.metrics.count('epochs_created');
    deps.log.info({ space, recovering: open.length > 0 }, 'new epoch');
  }
}

/** Pure: the floor that a reader at wall time `now` publishes, or the same floor where it is young enough. */
export function raisedFloor(floor: Floor, now: number): Floor {
  const F = Math.max(floor.F, Math.min(now, floor.F + LOOP.floorMaxStepMs));
  return F - floor.F >= LOOP.floorStepMs ? { ...floor, F } : floor;
}
