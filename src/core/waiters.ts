import { type Problem, ProblemError } from '../protocol/errors.ts';
import type { Deps } from './context.ts';
import type { PollOutcome } from './engine-types.ts';
import { type Evaluated, newLook, type Question, questionKey } from './question.ts';
import type { UpdateReader } from './read-updates.ts';
import type { SpaceState } from './space-state.ts';
import { troubleOf, troubleProblem } from './trouble.ts';

/** One poll that has not been answered. */
type Waiter = { readonly deliver: (outcome: PollOutcome) => void; readonly until: number; group: Group };

/** Polls that asked the same question. */
type Group = {
  key: string;
  question: Question;
  readonly waiters: Set<Waiter>;
  /** A look at the space that begins after the poll came has to be awaited. */
  due: boolean;
};

/** What goes on in this process, over all spaces. */
export type Parked = {
  /** Polls that wait. */
  polls: number;
  /** Looks at a space that read a snapshot. */
  coldReads: number;
};

/** Without any hint, parked polls look again after this long. */
const SAFETY_MS = 2_000;

/**
 * The polls of one space. States of a group: *due* (waits for the next look at the space), *read* (being evaluated; polls that come now form a new group), *parked*
 * (nothing new as of the last look).
 *
 * Guarantees: one look at a time; a poll is answered only from a look that began after it came, or by the very answer that its marker came from; all polls with one
 * question get one answer, serialised once; a hint wakes everybody once per turn of the event loop, however many hints come.
 */
export class SpaceWaiters {
  readonly space: SpaceState;
  readonly #deps: Deps;
  readonly #reader: UpdateReader;
  readonly #total: Parked;
  readonly #groups = new Map<string, Group>();
  #looking = false;
  #scheduled = false;
  #hints = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #hintsAtLook = -1;
  /** What the last look told: whoever comes with just that marker has nothing to look for. */
  readonly #told = new Map<string, Question>();
  #nowGroups = 0;
  /** Nothing parks here any more. */
  #refusal: Problem | undefined;
  count = 0;

  constructor(deps: Deps, reader: UpdateReader, space: SpaceState, total: Parked) {
    this.#deps = deps;
    this.#reader = reader;
    this.#total = total;
    this.space = space;
  }

  /** `key` names the question; `question` is called only if nobody asks it yet. `until`: monotonic, ms. Returns the cancellation. */
  add(key: string, question: () => Question, deliver: (outcome: PollOutcome) => void, until: number): () => void {
    const group = this.#groups.get(key) ?? this.#newGroup(key, question);
    const waiter: Waiter = { deliver, until, group };
    group.waiters.add(waiter);
    this.count++;
    this.#total.polls++;
    if (until <= this.#deps.clock.monotonic()) group.due = true;
    if (group.due) this.#schedule();
    return () => this.#remove(waiter);
  }

  #newGroup(key: string, question: () => Question): Group {
    const told = this.#hintsAtLook === this.#hints ? this.#told.get(key) : undefined;
    const group: Group = { key, question: told ?? question(), waiters: new Set(), due: !told };
    this.#groups.set(key, group);
    return group;
  }

  /** Something may have changed. */
  hint(): void {
    this.#hints++;
    if (this.#groups.size === 0) return;
    for (const group of this.#groups.values()) group.due = true;
    this.#schedule();
  }

  /** Looks again for polls whose time is up, and for everybody when no hint has come for long. Called every so often. */
  sweep(now: number): void {
    const stale = now - this.#lookedAt >= SAFETY_MS;
    let due = false;
    for (const group of this.#groups.values()) {
      if (!group.due && (stale || hasExpired(group, now))) group.due = true;
      due ||= group.due;
    }
    if (due) this.#schedule();
  }

  /** Answers everybody with the problem, those that are just being read for as soon as it is known that there is nothing for them. */
  refuse(problem: Problem): void {
    this.#refusal = problem;
    for (const group of [...this.#groups.values()]) {
      this.#groups.delete(group.key);
      this.#deliver(group, [...group.waiters], { problem });
    }
  }

  #remove(waiter: Waiter): void {
    const { group } = waiter;
    if (!group.waiters.delete(waiter)) return;
    this.count--;
    this.#total.polls--;
    if (group.waiters.size === 0 && this.#groups.get(group.key) === group) this.#groups.delete(group.key);
  }

  /** Once per turn of the event loop: what comes in the same turn is seen by the same look. */
  #schedule(): void {
    if (this.#scheduled || this.#looking) return;
    this.#scheduled = true;
    this.#deps.clock.after(0, () => {
      this.#scheduled = false;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#hintsAtLook = this.#hints;
    this.#told.clear();
    this.#lookedAt = this.#deps.clock.monotonic();
    const due = [...this.#groups.values()].filter((group) => group.due);
    for (const group of due) this.#groups.delete(group.key);
    const groups = this.#total.coldReads < this.#deps.config.maxColdReads ? due : this.#refuseCold(due);
    const cold = groups.some(({ question }) => isCold(question));
    if (cold) this.#total.coldReads++;
    try {
      await this.#answer(groups);
    } catch (error) {
      const problem = problemOf(error, this.#deps);
      for (const group of groups) this.#deliver(group, [...group.waiters], { problem });
    } finally {
      this.#looking = false;
      if (cold) this.#total.coldReads--;
      if ([...this.#groups.values()].some((group) => group.due)) this.#schedule();
    }
  }

  /** Too many snapshots are being read: those that want one more are told so before anything is read for them. Returns the others. */
  #refuseCold(groups: readonly Group[]): readonly Group[] {
    const retryAfterMs = Math.round(1_000 * (1 + this.#deps.random.fraction()));
    const detail = 'too many snapshots are being read here just now';
    const { problem } = new ProblemError('overloaded', detail, { retryAfterMs });
    return groups.filter((group) => {
      if (!isCold(group.question)) return true;
      this.#deliver(group, [...group.waiters], { problem });
      return false;
    });
  }

  async #answer(groups: readonly Group[]): Promise<void> {
    if (groups.length === 0) return;
    const started = this.#deps.clock.monotonic();
    const seen = await this.#reader.observe(
      this.space,
      groups.map((group) => group.question),
    );
    const look = newLook();
    for (const group of groups) {
      try {
        const evaluated = await this.#reader.evaluate(this.space, seen, group.question, look);
        await this.#settle(group, evaluated);
      } catch (error) {
        this.#deliver(group, [...group.waiters], { problem: problemOf(error, this.#deps) });
      }
    }
    this.#deps.metrics.observe('read_ms', this.#deps.clock.monotonic() - started);
  }

  /** News for all; without news, a fresh marker for those whose time is up, and the others park. */
  async #settle(group: Group, evaluated: Evaluated): Promise<void> {
    const now = this.#deps.clock.monotonic();
    const done = [...group.waiters].filter((waiter) => evaluated.news || waiter.until <= now);
    if (done.length > 0) {
      const { answer, marker } = await evaluated.answer(group.key);
      this.#deliver(group, done, { answer });
      const question: Question = {
        ...group.question,
        marker,
        spill: undefined,
        reset: undefined,
        known: undefined,
      };
      if (!evaluated.more) this.#told.set(questionKey(answer.marker, question), question);
    }
    if (group.waiters.size > 0) this.#park(group, evaluated);
  }

  #park(group: Group, evaluated: Evaluated): void {
    if (this.#refusal) {
      this.#deliver(group, [...group.waiters], { problem: this.#refusal });
      return;
    }
    if (group.question.marker === 'now') {
      // From here on it asks for what comes after this look; a later poll for "now" must not join it.
      group.question = { ...group.question, marker: evaluated.marker };
      group.key = `now ${this.#nowGroups++}`;
    }
    group.due = this.#hintsAtLook !== this.#hints;
    const same = this.#groups.get(group.key);
    if (!same) {
      this.#groups.set(group.key, group);
      return;
    }
    for (const waiter of group.waiters) {
      waiter.group = same;
      same.waiters.add(waiter);
    }
  }

  #deliver(group: Group, waiters: readonly Waiter[], outcome: PollOutcome): void {
    for (const waiter of waiters) {
      if (!group.waiters.delete(waiter)) continue;
      this.count--;
      this.#total.polls--;
      waiter.deliver(outcome);
    }
  }
}

/** It takes a page of everything to answer. */
function isCold({ marker }: Question): boolean {
  return marker === undefined || (marker !== 'now' && marker.cycle?.snap === true);
}

function hasExpired(group: Group, now: number): boolean {
  for (const waiter of group.waiters) if (waiter.until <= now) return true;
  return false;
}

export function problemOf(error: unknown, deps: Pick<Deps, 'log'>): Problem {
  if (error instanceof ProblemError) return error.problem;
  const trouble = troubleOf(error);
  if (trouble) return troubleProblem(trouble).problem;
  deps.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a read failed');
  return new ProblemError('internal', 'the server failed; the error was logged').problem;
}
