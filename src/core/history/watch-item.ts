import type { Clock } from '../../ports/clock.ts';
import type { GetUpdatesQuery } from '../../protocol/get-updates.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import type { Engine, PollOutcome } from '../engine-types.ts';

/** A wait that may be ended from outside. */
export type Watch = { cancelled: boolean; unpark: () => void };

type Problem = Extract<PollOutcome, { readonly problem: unknown }>;
/** `until`: of the monotonic clock. */
type Watched = { readonly space: SpaceId; readonly item: string; readonly until: number };

/**
 * Waits until a look at an item finds news, as polls wait for changes: takes a marker, looks, and parks with that marker until the item changes. What is accepted
 * after the marker wakes it, and what was before it is seen by the look.
 */
export async function watchItem<Look extends { readonly news: boolean }>(
  { clock, poll }: { readonly clock: Clock; readonly poll: Engine['poll'] },
  { space, item, until }: Watched,
  look: () => Promise<Look>,
  run: Watch,
): Promise<Look | Problem> {
  const changes = (ask: Partial<GetUpdatesQuery>) =>
    new Promise<PollOutcome>((resolve) => {
      run.unpark = poll(space, { limit: 1, durable: false, ids: [item], ...ask }, resolve);
    });
  let seen = await look();
  while (!seen.news && !run.cancelled && clock.monotonic() < until) {
    const now = await changes({ marker: 'now', wait: 0 });
    if ('problem' in now) return now;
    seen = await look();
    if (seen.news || run.cancelled) break;
    const changed = await changes({
      marker: now.answer.marker,
      wait: Math.max(0, until - clock.monotonic()) / 1_000,
    });
    if ('problem' in changed) return changed;
    seen = await look();
    if (changed.answer.empty) break; // the wait is over
  }
  return seen;
}
