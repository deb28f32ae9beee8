import { type Claims, claimName, decodeClaims, encodeClaims } from '../../model/claims-record.ts';
import { claimsKey } from '../../model/keys.ts';
import { clientIn, rosterShardOf } from '../../model/roster-record.ts';
import type { CacheEntry } from '../../ports/cache.ts';
import { MAX_WAIT_SECONDS } from '../../protocol/limits.ts';
import { type Deps, LOOP } from '../context.ts';
import { getFloor, heldFloor } from '../floor.ts';
import type { SpaceState } from '../space-state.ts';
import type { Kept } from './keeper.ts';
import { CLAIMS_PLACE, type Rosters } from './rosters.ts';
import { type Seen, superseded } from './seen-clients.ts';

/** No poll waits for so long, ms of floor time: older claims end nothing. */
const KEPT_MS = 3 * MAX_WAIT_SECONDS * 1_000;
const KEPT_SECONDS = Math.ceil(KEPT_MS / 1_000);

/**
 * Ends the older of two polls of a client that wait at different instances. Whoever has a poll of a client, and was not the last to hear it, claims it, a moment after
 * the poll came: one write for all clients of a space. A poll that has been claimed, or found not to need it, ends as soon as a later claim of another
 * instance is read: those are told of by the pulse, as changes of the roster are. The order of claims is that of `cas`, no clock has part in it.
 *
 * A poll: *new* (came since the last round) -- round: read, claim where needed --> *settled* -- later claim of another instance --> superseded
 */
export class ClaimKeeper {
  readonly #deps: Deps;
  readonly #rosters: Rosters;
  readonly #instance: string;

  constructor(deps: Deps, rosters: Rosters) {
    this.#deps = deps;
    this.#rosters = rosters;
    this.#instance = deps.random.id().slice(0, 8);
  }

  /** One round for the polls that came since the last one. Never rejects. */
  async round(space: SpaceState, kept: Kept): Promise<void> {
    if (kept.claiming) return;
    kept.claiming = true;
    try {
      const due = newPolls(space, kept);
      if (due.length > 0) await this.#settle(space, kept, due);
    } catch (error) {
      this.#deps.log.debug(
        { space: space.id, error: String(error) },
        'polls could not be claimed; the next round does',
      );
    } finally {
      kept.claiming = false;
    }
  }

  /** The record was read, `undefined` where there is none. */
  learn(kept: Kept, entry: CacheEntry | undefined): void {
    if (!entry) return;
    const { by } = decodeClaims(entry.value);
    for (const seen of kept.seen.all()) {
      const claim = by[nameOf(seen)];
      if (!claim || claim[1] <= seen.claim.number) continue;
      seen.claim = { number: claim[1], mine: claim[0] === this.#instance };
      if (!seen.claim.mine && seen.poll?.settled) seen.poll.end(superseded());
    }
  }

  async #settle(space: SpaceState, kept: Kept, due: readonly Seen[]): Promise<void> {
    for (let turn = 0; turn < LOOP.turns; turn++) {
      const [entry, floorEntry] = await this.#deps.cache.get([claimsKey(space.id), space.floorKey]);
      const { floor } = heldFloor(floorEntry) ?? (await getFloor(this.#deps, space.id));
      this.learn(kept, entry);
      const polls = due.flatMap((seen) => (seen.poll && !seen.poll.settled ? [{ seen, poll: seen.poll }] : []));
      const others = polls.filter(({ seen }) => !seen.claim.mine);
      const names = others.map(({ seen }) => nameOf(seen));
      const claims = claimed(entry && decodeClaims(entry.value), names, this.#instance, floor.F);
      if (names.length > 0 && !(await this.#write(space, claims, entry))) continue;
      for (const { seen } of others) seen.claim = { number: claims.by[nameOf(seen)]?.[1] ?? 0, mine: true };
      for (const { poll } of polls) poll.settled = true;
      if (names.length > 0) await this.#rosters.tell(space, [CLAIMS_PLACE]);
      return;
    }
  }

  async #write(space: SpaceState, claims: Claims, entry: CacheEntry | undefined): Promise<boolean> {
    const { cache, metrics } = this.#deps;
    const key = claimsKey(space.id);
    const bytes = encodeClaims(claims);
    metrics.count('polls_claimed');
    if (!entry) return (await cache.add(key, bytes, KEPT_SECONDS)) !== undefined;
    return (await cache.cas(key, bytes, entry.token, KEPT_SECONDS)).status === 'stored';
  }
}

/** Of clients that have joined, as far as is known here; what others poll under an id concerns nobody but this instance. */
function newPolls(space: SpaceState, kept: Kept): Seen[] {
  const due: Seen[] = [];
  for (const seen of kept.unclaimed) {
    if (!seen.poll || seen.poll.settled) kept.unclaimed.delete(seen);
    else if (seen.state === 'here' || isEntered(space, seen)) due.push(seen);
  }
  return due;
}

function isEntered({ roster }: SpaceState, { subject, client }: Seen): boolean {
  const shard = roster?.view[rosterShardOf(client)];
  return shard !== undefined && clientIn(shard, client)?.s === subject;
}

/** The record with these clients claimed, and without claims that end nothing any more. Pure. */
export function claimed(before: Claims | undefined, names: readonly string[], instance: string, F: number): Claims {
  const kept = Object.entries(before?.by ?? {}).filter(([, [, number]]) => number >= F - KEPT_MS);
  let last = kept.reduce((most, [, [, number]]) => Math.max(most, number), F);
  return { by: Object.fromEntries([...kept, ...names.map((name) => [name, [instance, ++last] as const] as const)]) };
}

function nameOf(seen: Seen): string {
  seen.claimName ??= claimName(seen.subject, seen.client);
  return seen.claimName;
}
