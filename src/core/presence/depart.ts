import { clientIn, rosterShardOf } from '../../model/roster-record.ts';
import { LEASE_GRACE_MS } from '../../protocol/limits.ts';
import { grantsIn, withoutGrant } from '../people-types.ts';
import { endReservation } from '../reservations.ts';
import type { SpaceState } from '../space-state.ts';
import { type PresenceParts, settingsOf } from './presence-parts.ts';
import { left } from './roster-changes.ts';

type Held = Readonly<Record<string, string>>;

/** A client that goes; a later generation of it stays. */
export type Departure = {
  readonly client: string;
  readonly subject: string;
  readonly g: number;
  readonly held: Held;
};

/**
 * A client leaves or has lapsed. Its row says so first: from then on nobody puts it back into a roster that was lost. Then its locks are freed, and only
 * then it is gone for the others. Whoever dies in between leaves a row that still has to be looked at, and the sweeper goes through all of it again.
 */
export async function depart(parts: PresenceParts, space: SpaceState, departure: Departure): Promise<void> {
  const { client, g } = departure;
  const { leaseMs, textReservations } = await settingsOf(parts, space);
  const now = parts.deps.clock.now();
  let rowHeld: Held = {};
  let newer = false;
  await parts.rows.change(space.id, [client], (row) => {
    rowHeld = row.held;
    newer = row.generation > g;
    if (newer || row.left !== undefined) return undefined;
    const { tidied: _before, ...rest } = row;
    return { ...rest, left: now, lookAt: now + leaseMs + LEASE_GRACE_MS };
  });
  // What the client holds belongs to its later generation.
  const held = newer ? {} : { ...departure.held, ...rowHeld };
  await release(parts, space, departure, held);
  if (textReservations && !newer) await endReservation(parts.deps, space.id, departure);
  let last: Held = {};
  await parts.rosters.change(space, [rosterShardOf(client)], (shard, F) => {
    const after = left(shard, client, g, F);
    last = after ? (clientIn(shard, client)?.held ?? {}) : {};
    return { after, visible: true };
  });
  // Taken while it was leaving.
  const late = Object.entries(last).filter(([item, grant]) => !newer && held[item] !== grant);
  await release(parts, space, departure, Object.fromEntries(late));
  const freed = [...Object.entries(held), ...late];
  await parts.rows.change(space.id, [client], (row) => {
    if (row.left === undefined || row.generation > g || Object.keys(row.held).length === 0) return undefined;
    // What was entered since is for the sweeper.
    return { ...row, held: freed.reduce(without, row.held) };
  });
}

function without(row: Held, [item, entry]: readonly [string, string]): Held {
  return grantsIn(entry).reduce((left, grant) => withoutGrant(left, item, grant) ?? left, row);
}

async function release(
  { locks }: PresenceParts,
  space: SpaceState,
  { subject, client }: Departure,
  held: Held,
): Promise<void> {
  if (Object.keys(held).length > 0) await locks.release(space, { subject, client }, held);
}
