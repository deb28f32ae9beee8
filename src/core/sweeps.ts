import type { Places } from './due-pages.ts';
import { dropEndedLives, type LifeEnds } from './history/drop-ended.ts';
import { pruneTombstones } from './prune.ts';
import { Recurring } from './recurring.ts';
import type { IdleSpaces } from './spaces/idle-spaces.ts';
import type { SpaceDeps } from './spaces/settings.ts';
import type { SpacesHere } from './spaces-here.ts';
import { type SweepParts, sweepItems } from './sweeper.ts';

export type Swept = { readonly swept: number; readonly pruned: number };

/** `failed`: for the log. */
export type SweepPart = { readonly run: () => Promise<unknown>; readonly failed: string };

type SweepsParts = {
  readonly deps: SpaceDeps;
  readonly items: SweepParts;
  readonly clients: { sweep(): Promise<void> };
  readonly idle: IdleSpaces;
  readonly spaces: SpacesHere;
  readonly lifeEnds: readonly LifeEnds[];
  /** What else is done with each pruning. */
  readonly rest: readonly SweepPart[];
};

/** Of the sweeps that go by time, one in so many looks for old tombstones. */
const SWEEPS_PER_PRUNING = 30;

/** All that is done for whoever is not here any more, one sweep at a time. */
export class Sweeps {
  readonly #parts: SweepsParts;
  readonly #prunePlaces: Places = new Map();
  readonly #endedPlaces: Places = new Map();
  readonly rounds: Recurring<Swept>;
  #begun = 0;

  constructor(parts: SweepsParts) {
    this.#parts = parts;
    this.rounds = new Recurring(parts.deps, {
      name: 'the sweep of what others left',
      everyMs: parts.deps.config.sweepMs,
      once: (asked) => this.#sweep(asked || this.#begun++ % SWEEPS_PER_PRUNING === 0),
    });
  }

  /** `prune`: also what may be forgotten by now. */
  async #sweep(prune: boolean): Promise<Swept> {
    const { deps, items, clients, idle, spaces, lifeEnds, rest } = this.#parts;
    const swept = await sweepItems(items, this.rounds);
    await clients.sweep();
    const used = spaces.ids;
    await idle.note(used);
    if (!prune || this.rounds.isStopped) return { swept, pruned: 0 };
    const pruned = await pruneTombstones(deps, this.#prunePlaces);
    await idle.end(new Set(used));
    const ended = {
      run: () => dropEndedLives(deps, this.#endedPlaces, lifeEnds),
      failed: 'ended lives could not be removed',
    };
    for (const { run, failed } of [ended, ...rest])
      await run().catch((error: unknown) => deps.log.warn({ error: String(error) }, failed));
    return { swept, pruned };
  }
}
