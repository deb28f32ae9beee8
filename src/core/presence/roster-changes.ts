import type { Json } from '../../base/json.ts';
import { clientIn, type RosterClient, type RosterShard } from '../../model/roster-record.ts';
import { GONE_KEPT_MS, MAX_GONE } from '../../protocol/limits.ts';

/*
 * What becomes of one record of the roster: pure. Each gives the record after, or `undefined` where nothing changes. `F`: floor time now, ms.
 */

export function emptyRoster(life: string): RosterShard {
  return { life, n: 0, clients: {}, gone: [], horizon: 0 };
}

export type Joining = Pick<RosterClient, 'g' | 's' | 'until' | 'held'> & {
  readonly name?: string;
  readonly data?: Json;
};

/** Nothing where a later generation is here already. */
export function joined(shard: RosterShard, id: string, client: Joining, F: number): RosterShard | undefined {
  const before = clientIn(shard, id);
  if (before && before.g > client.g) return undefined;
  const n = shard.n + 1;
  const entry: RosterClient = { ...client, at: n, joinedAt: n };
  const gone = shard.gone.filter(([other]) => other !== id);
  return trimmed({ ...shard, n, clients: { ...shard.clients, [id]: entry }, gone }, F);
}

/** Takes out generations up to `g`. */
export function left(shard: RosterShard, id: string, g: number, F: number): RosterShard | undefined {
  const before = clientIn(shard, id);
  if (!before || before.g > g) return undefined;
  const n = shard.n + 1;
  const { [id]: _gone, ...clients } = shard.clients;
  return trimmed({ ...shard, n, clients, gone: [...shard.gone, [id, n, F]] }, F);
}

/** Leases that end later than they did by more than `step` ms; readers need not see it. */
export function renewed(
  shard: RosterShard,
  leases: ReadonlyMap<string, number>,
  step: number,
): RosterShard | undefined {
  const changed: Record<string, RosterClient> = {};
  for (const [id, until] of leases) {
    const before = clientIn(shard, id);
    if (before && until > before.until + step) setOwn(changed, id, { ...before, until });
  }
  return Object.keys(changed).length === 0 ? undefined : { ...shard, clients: { ...shard.clients, ...changed } };
}

/** What clients say of themselves; of those that are here and are who they say. */
export function patched(
  shard: RosterShard,
  patches: ReadonlyMap<string, { readonly subject: string; readonly data: Json }>,
): RosterShard | undefined {
  const n = shard.n + 1;
  const changed: Record<string, RosterClient> = {};
  for (const [id, { subject, data }] of patches) {
    const before = clientIn(shard, id);
    if (before?.s === subject) setOwn(changed, id, { ...before, data, at: n });
  }
  return Object.keys(changed).length === 0 ? undefined : { ...shard, n, clients: { ...shard.clients, ...changed } };
}

/** With the items it holds; readers learn of locks from the items. */
export function holding(shard: RosterShard, id: string, held: RosterClient['held']): RosterShard | undefined {
  const before = clientIn(shard, id);
  return before && { ...shard, clients: { ...shard.clients, [id]: { ...before, held } } };
}

/** Forgets the oldest of those who left; `horizon` tells whom that may concern. */
function trimmed(shard: RosterShard, F: number): RosterShard {
  const { gone } = shard;
  let drop = Math.max(0, gone.length - MAX_GONE);
  while (drop < gone.length && (gone[drop]?.[2] ?? 0) < F - GONE_KEPT_MS) drop++;
  const last = gone[drop - 1];
  return last ? { ...shard, gone: gone.slice(drop), horizon: Math.max(shard.horizon, last[1]) } : shard;
}

/** An id may be `__proto__`. */
function setOwn<T>(target: Record<string, T>, id: string, value: T): void {
  Object.defineProperty(target, id, { value, enumerable: true, writable: true, configurable: true });
}

/** How an entry looked when this process first saw it so; `at`: monotonic, ms. */
export type Sighting = { readonly g: number; readonly until: number; readonly at: number };

/**
 * Has a client gone without a word? Its lease must have ended by floor time, and nobody must have renewed it for half a lease by this process's own clock: a
 * floor that a wild clock has put into the future ends no lease. Where the floor stands still, as nobody reads, the own clock alone tells, after the whole time.
 */
export function hasLapsed(seen: Sighting, now: number, F: number, leaseMs: number, graceMs: number): boolean {
  const still = now - seen.at;
  if (still >= leaseMs + graceMs) return true;
  return F > seen.until + graceMs && still >= leaseMs / 2;
}
