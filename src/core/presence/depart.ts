import { rosterShardOf } from '../../model/roster-record.ts';
import { LEASE_GRACE_MS } from '../../protocol/limits.ts';
import type { SpaceState } from '../space-state.ts';
import { type PresenceParts, settingsOf } from './presence-parts.ts';
import { left } from './roster-changes.ts';

/** A client that goes; a later generation of it stays. */
export type Departure = {
  readonly client: string;
  readonly subject: string;
  readonly g: number;
  /** Only if its lease has not been renewed beyond this floor time. */
  readonly until?: number;
  readonly held: Readonly<Record<string, string>>;
};

/**
 * A client leaves or has lapsed: its locks are free before it is gone for others, and its row says so last. Whoever dies in between leaves a row that says
 * the client is here, which brings a sweeper.
 */
export async function depart(parts: PresenceParts, space: SpaceState, departure: Departure): Promise<void> {
  const { client, subject, g, until } = departure;
  await parts.locks.release(space, { subject, client }, departure.held);
  let stays = false;
  const bound = until === undefined ? { g } : { g, until };
  await parts.rosters.change(space, [rosterShardOf(client)], (shard, F) => {
    const after = left(shard, client, bound, F);
    stays = !after && Object.hasOwn(shard.clients, client);
    return { after, visible: true };
  });
  if (stays) return;
  const { leaseMs } = await settingsOf(parts, space);
  const now = parts.deps.clock.now();
  await parts.rows.change(space.id, [client], (row) => {
    if (row.generation > g || row.left !== undefined) return undefined;
    const { tidied: _before, ...rest } = row;
    return { ...rest, held: {}, lastSeen: now, left: now, lookAt: now + leaseMs + LEASE_GRACE_MS };
  });
}
