import type { GetUpdatesQuery } from '../../protocol/get-updates.ts';
import type { SpaceId } from '../../protocol/ids.ts';
import { WAIT_JITTER } from '../../protocol/limits.ts';
import type { OpsQuery, OpsResponse } from '../../protocol/ops.ts';
import type { Deps } from '../context.ts';
import type { Answer, PollOutcome } from '../engine-types.ts';
import type { SpaceState } from '../space-state.ts';
import { problemOf } from '../waiters.ts';
import type { OpsReader } from './read-ops.ts';
import { type Watch, watchItem } from './watch-item.ts';

type Deliver = (outcome: PollOutcome) => void;
type Read = { readonly answer: Answer; readonly news: boolean };

export type FollowParts = {
  readonly deps: Deps;
  readonly reader: OpsReader;
  readonly space: (id: SpaceId) => SpaceState;
  /** GetUpdates of the engine. */
  readonly poll: (space: SpaceId, query: GetUpdatesQuery, deliver: Deliver) => () => void;
};

/**
 * Waits for operations (`watchItem`). All who ask the same in one turn of the event loop share one look and one answer.
 */
export class OpsFollower {
  readonly #parts: FollowParts;
  readonly #pending = new Map<string, Promise<Read>>();

  constructor(parts: FollowParts) {
    this.#parts = parts;
  }

  /** Calls `deliver` once unless cancelled first. Returns the cancellation. */
  follow(space: SpaceId, item: string, query: OpsQuery, deliver: Deliver): () => void {
    const run = { cancelled: false, unpark: () => {} };
    const tell: Deliver = (outcome) => {
      if (!run.cancelled) deliver(outcome);
    };
    this.#run(space, item, query, run).then(tell, (error) => tell({ problem: problemOf(error, this.#parts.deps) }));
    return () => {
      run.cancelled = true;
      run.unpark();
    };
  }

  async #run(space: SpaceId, item: string, query: OpsQuery, run: Watch): Promise<PollOutcome> {
    const { deps, poll } = this.#parts;
    const { clock, random } = deps;
    const until = clock.monotonic() + query.wait * 1_000 * (1 - WAIT_JITTER * random.fraction());
    const read = await watchItem({ clock, poll }, { space, item, until }, () => this.#read(space, item, query), run);
    return 'problem' in read ? read : { answer: read.answer };
  }

  /** Begins at the end of the turn: whoever joins has come before it began. */
  #read(space: SpaceId, item: string, query: OpsQuery): Promise<Read> {
    const { deps, reader, space: stateOf } = this.#parts;
    const key = `${space}/${item}/${query.index}/${query.limit}/${query.lineage ?? ''}`;
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = new Promise<void>((resolve) => deps.clock.after(0, () => resolve())).then(async () => {
        this.#pending.delete(key);
        const { answer, news, fixed } = await reader.read(stateOf(space), item, query);
        // Who tells no lineage may mean another life next time.
        const lasts = query.lineage === undefined ? 'in this life' : 'for ever';
        return { answer: { ...encode(answer), ...(fixed && { fixed: lasts }) }, news };
      });
      this.#pending.set(key, pending);
    }
    return pending;
  }
}

function encode(answer: OpsResponse): Answer {
  return { body: Buffer.from(JSON.stringify(answer)), marker: '', empty: answer.ops.length === 0 };
}
