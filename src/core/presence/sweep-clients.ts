import type { LRUCache } from 'lru-cache';
import type { ClientRow } from '../../model/client-row.ts';
import { clientIn, rosterShardOf } from '../../model/roster-record.ts';
import { coarse, STORE_SHARDS } from '../../model/row.ts';
import { LEASE_GRACE_MS } from '../../protocol/limits.ts';
import type { EmptyHandler } from '../engine-types.ts';
import type { SpaceSettings } from '../people-types.ts';
import type { SpaceState } from '../space-state.ts';
import { nextLook } from './client-rows.ts';
import { depart } from './depart.ts';
import { tidyEmpty } from './empty-space.ts';
import type { Keeper } from './keeper.ts';
import { type PresenceParts, settingsOf } from './presence-parts.ts';
import type { RosterRead } from './rosters.ts';

export type ClientSweep = PresenceParts & {
  readonly keeper: Keeper;
  readonly handlers: readonly EmptyHandler[];
  /** Clients that their row says are here and the roster does not have: since when this process sees it so, monotonic, ms. */
  readonly missing: LRUCache<string, { readonly generation: number; readonly at: number }>;
};

/** Rows of one sweep; the next one goes on. */
const MAX_SWEPT = 200;

/**
 * Clients that nobody answers for any more, found by an index of the store: so a process that has never heard of the space finds them. Those who went without a
 * word leave; a space that everybody has left is tidied; rows of clients that left long ago are forgotten.
 */
export async function sweepClients(sweep: ClientSweep): Promise<void> {
  const { deps } = sweep;
  const before = coarse(deps.clock.now());
  const due = new Map<string, string[]>();
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    for (const { space, id } of await deps.store.query('due', `${shard}/`, `${shard}/${before}`, MAX_SWEPT, 'client')) {
      due.set(space, [...(due.get(space) ?? []), id]);
    }
  }
  for (const [space, ids] of due) {
    try {
      await sweepSpace(sweep, sweep.space(space), ids);
    } catch (error) {
      deps.log.warn({ space, error: String(error) }, 'a sweep of clients failed; it comes again');
    }
  }
}

async function sweepSpace(sweep: ClientSweep, space: SpaceState, ids: readonly string[]): Promise<void> {
  const settings = await settingsOf(sweep, space);
  const rows = await sweep.rows.read(space.id, ids);
  const roster = await sweep.rosters.read(space);
  const alive: string[] = [];
  const old: string[] = [];
  let empties = false;
  for (const [i, id] of ids.entries()) {
    const row = rows[i];
    if (!row) continue;
    if (row.left === undefined) {
      if (await isHere(sweep, space, roster, settings, id, row)) alive.push(id);
    } else if (isHalfGone(roster, id, row)) {
      await depart(sweep, space, { client: id, subject: row.subject, g: row.generation, held: row.held });
      empties = true;
    } else if (row.tidied) old.push(id);
    else empties = true;
  }
  const now = sweep.deps.clock.now();
  await sweep.rows.change(space.id, alive, (row) =>
    row.left === undefined ? { ...row, lookAt: nextLook(now, settings.leaseMs) } : undefined,
  );
  await sweep.rows.change(space.id, old, (row) => (row.tidied && row.lookAt <= now ? 'delete' : undefined));
  if (empties) await tidyEmpty(sweep, space, sweep.handlers);
}

/** Whoever took it out died before the end. */
function isHalfGone(roster: RosterRead, id: string, row: ClientRow): boolean {
  const shard = roster.shards[rosterShardOf(id)];
  const entry = shard && clientIn(shard, id);
  return (entry !== undefined && entry.g <= row.generation) || Object.keys(row.held).length > 0;
}

/** Whether its lease runs. Of one whose lease has ended the rounds take care; one that the roster does not have leaves when it has not come back for a lease. */
async function isHere(
  sweep: ClientSweep,
  space: SpaceState,
  roster: RosterRead,
  { leaseMs }: SpaceSettings,
  id: string,
  row: ClientRow,
): Promise<boolean> {
  const shard = roster.shards[rosterShardOf(id)];
  const entry = shard && clientIn(shard, id);
  if (entry) {
    sweep.keeper.of(space.id);
    return entry.until > roster.F;
  }
  const now = sweep.deps.clock.monotonic();
  const key = `${space.id}/${id}`;
  const before = sweep.missing.get(key);
  if (before?.generation !== row.generation) sweep.missing.set(key, { generation: row.generation, at: now });
  else if (now - before.at >= leaseMs + LEASE_GRACE_MS) {
    sweep.missing.delete(key);
    await depart(sweep, space, { client: id, subject: row.subject, g: row.generation, held: row.held });
  }
  return false;
}
