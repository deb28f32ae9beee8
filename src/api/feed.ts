import type { Caller } from '../auth/caller.ts';
import type { Answer, PollOutcome } from '../core/engine-types.ts';
import type { Budget } from '../core/limits/limits-config.ts';
import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { MAX_WAIT_SECONDS } from '../protocol/limits.ts';
import type { Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { refuseReset, takenAway } from './get-updates.ts';
import { problemFrom } from './to-response.ts';

export type FeedDeps = Pick<AppDeps, 'access' | 'engine' | 'limits' | 'log' | 'meter' | 'refusal'>;

/** Where the answers of a feed go. */
export interface Outlet {
  /** So much is on its way to the client that nothing should be added. `Feed.resume` says that it has left. */
  readonly isFull: boolean;
  /** Throws where too much waits for slow readers. */
  send(answer: Answer): void;
  /** The feed has ended by this. */
  fail(problem: Problem): void;
}

type State = 'asking' | 'held' | 'ended';

/**
 * One chain of polls, each with the marker that the one before brought: what a client of long-polls does, done for the client of a
 * stream.
 *
 *   asking -- answer --> asking, or held while the outlet is full -- resume --> asking
 *      any -- problem, stop --> ended
 *
 * - Nothing is asked ahead: of what has not been sent there is only a marker, however slow the client. What changes while it is held
 *   comes with the answer after that, as newest states.
 * - While it waits it is a parked poll, and counts as one. Feeds with one question share one read and one answer.
 * - Each answer is reviewed before it is sent; one that makes the client begin anew uses up its budget for that.
 */
export class Feed {
  readonly #deps: FeedDeps;
  readonly #asked: Paying;
  readonly #outlet: Outlet;
  #query: GetUpdatesQuery;
  #state: State = 'asking';
  #cancel: () => void = () => undefined;

  constructor(deps: FeedDeps, asked: Paying, query: GetUpdatesQuery, outlet: Outlet) {
    this.#deps = deps;
    this.#asked = asked;
    this.#query = query.marker === undefined ? query : { ...query, wait: MAX_WAIT_SECONDS };
    this.#outlet = outlet;
  }

  /** What the next poll goes on from. */
  get marker(): string | undefined {
    return this.#query.marker;
  }

  get isHeld(): boolean {
    return this.#state === 'held';
  }

  /** Once. What is wrong with the query itself is told before this returns. */
  start(): void {
    this.#ask();
  }

  /** The outlet has room again. */
  resume(): void {
    if (this.#state !== 'held') return;
    this.#state = 'asking';
    this.#deps.meter.count('streams_resynced');
    this.#ask();
  }

  /** Frees its place at once; nothing more is sent. */
  stop(): void {
    this.#state = 'ended';
    this.#cancel();
  }

  #ask(): void {
    if (this.#state !== 'asking') return;
    const { engine, log } = this.#deps;
    try {
      const { space, caller } = this.#asked;
      this.#cancel = engine.poll(space, this.#query, (outcome) => this.#take(outcome), caller);
    } catch (error) {
      this.#end(problemFrom(log, error));
    }
  }

  #take(outcome: PollOutcome): void {
    if (this.#state !== 'asking') return;
    if ('problem' in outcome) this.#end(outcome.problem);
    else review(this.#deps, this.#asked, (problem) => this.#conclude(problem, outcome.answer));
  }

  #conclude(problem: Problem | undefined, answer: Answer): void {
    if (this.#state !== 'asking') return;
    const refused = problem ?? refuseReset(this.#deps, this.#asked.account, answer);
    if (refused !== undefined) {
      this.#end(refused);
      return;
    }
    const { known: _, ...query } = this.#query;
    this.#query = { ...query, marker: answer.marker, wait: MAX_WAIT_SECONDS };
    this.#deps.meter.count('stream_answers');
    try {
      this.#outlet.send(answer);
    } catch (error) {
      this.#end(problemFrom(this.#deps.log, error));
    }
    if (this.#state !== 'asking') return;
    if (this.#outlet.isFull) this.#state = 'held';
    // Not at once: the reader knows what it has told only when it has told everybody.
    else queueMicrotask(() => this.#ask());
  }

  #end(problem: Problem): void {
    this.stop();
    this.#outlet.fail(problem);
  }
}

/** What it costs to begin a watch: without a marker all of the space is read. */
export function watchBudget({ marker }: Pick<GetUpdatesQuery, 'marker'>): Budget {
  return marker === undefined ? 'snapshot' : 'poll';
}

/** Why this caller must not be told anything more; asked before each answer, and now and then while there is none. */
export function review(
  { access, log, refusal }: Pick<AppDeps, 'access' | 'log' | 'refusal'>,
  { space, caller }: { readonly space: SpaceId; readonly caller: Caller },
  tell: (problem: Problem | undefined) => void,
): void {
  const refused = refusal();
  const denied = refused ?? access.review(caller, space, 'read');
  if (denied instanceof Promise) {
    void denied
      .then((known) => known && takenAway(known))
      .catch((error) => problemFrom(log, error))
      .then(tell);
  } else tell(denied && takenAway(denied));
}
