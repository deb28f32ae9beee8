import type { Json } from '../../base/json.ts';
import { rosterShardOf } from '../../model/roster-record.ts';
import { ProblemError } from '../../protocol/errors.ts';
import { MAX_PATCHES_PER_SECOND } from '../../protocol/limits.ts';
import type { Deps } from '../context.ts';
import type { ClientName } from '../people-types.ts';
import type { SpaceState } from '../space-state.ts';
import { patched } from './roster-changes.ts';
import type { Rosters } from './rosters.ts';

/** What clients say is gathered for this long, ms, and a millisecond more for each client of a large space. */
const GATHER_MS = 100;
/** What could not be written for this long is let go, ms: it is of the moment. */
const KEEP_MS = 5_000;

type Patch = { readonly subject: string; readonly data: Json; readonly at: number };
type Waiting = { readonly space: SpaceState; readonly patches: Map<string, Patch>; scheduled: boolean };

/** Changes of what clients say of themselves: of the moment, never in the store, and the last one counts. One write per record carries those of many clients. */
export class Patches {
  readonly #deps: Deps;
  readonly #rosters: Rosters;
  readonly #waiting = new Map<string, Waiting>();
  /** By client: the second, and how many came in it. */
  readonly #rates = new Map<string, { second: number; count: number }>();

  constructor(deps: Deps, rosters: Rosters) {
    this.#deps = deps;
    this.#rosters = rosters;
  }

  /** Throws `ProblemError` `rateLimited`. */
  admit(space: string, { subject, client }: ClientName): void {
    const second = Math.floor(this.#deps.clock.monotonic() / 1_000);
    if (this.#rates.size > 50_000) this.#rates.clear();
    const key = `${space}/${client}/${subject}`;
    const rate = this.#rates.get(key);
    if (!rate || rate.second !== second) this.#rates.set(key, { second, count: 1 });
    else if (++rate.count > MAX_PATCHES_PER_SECOND) {
      const detail = `a client may change its data at most ${MAX_PATCHES_PER_SECOND} times a second`;
      throw new ProblemError('rateLimited', detail, { retryAfterMs: 1_000 });
    }
  }

  /** `clients`: about how many there are in the space. */
  put(space: SpaceState, { subject, client }: ClientName, data: Json, clients: number): void {
    let waiting = this.#waiting.get(space.id);
    if (!waiting) {
      waiting = { space, patches: new Map(), scheduled: false };
      this.#waiting.set(space.id, waiting);
    }
    waiting.patches.set(client, { subject, data, at: this.#deps.clock.monotonic() });
    this.#schedule(waiting, Math.max(GATHER_MS, clients));
  }

  /** The client has joined anew: what it said before is not to be shown any more. */
  forget(space: string, client: string): void {
    this.#waiting.get(space)?.patches.delete(client);
  }

  #schedule(waiting: Waiting, ms: number): void {
    if (waiting.scheduled) return;
    waiting.scheduled = true;
    this.#deps.clock.after(ms, () => void this.#write(waiting));
  }

  async #write(waiting: Waiting): Promise<void> {
    const { space, patches } = waiting;
    const batch = new Map(patches);
    patches.clear();
    try {
      const places = new Set([...batch.keys()].map(rosterShardOf));
      await this.#rosters.change(space, [...places], (shard, _F, place) => {
        const here = new Map([...batch].filter(([id]) => rosterShardOf(id) === place));
        return { after: patched(shard, here), visible: true };
      });
    } catch (error) {
      this.#deps.log.debug({ space: space.id, error: String(error) }, 'data of clients waits');
      const since = this.#deps.clock.monotonic() - KEEP_MS;
      for (const [id, patch] of batch) if (patch.at >= since && !patches.has(id)) patches.set(id, patch);
    }
    waiting.scheduled = false;
    if (patches.size > 0) this.#schedule(waiting, GATHER_MS);
    else this.#waiting.delete(space.id);
  }
}
