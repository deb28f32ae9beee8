import type { Json } from '../../base/json.ts';
import { type Problem, ProblemError } from '../../protocol/errors.ts';
import type { PollOutcome } from '../engine-types.ts';
import type { ClientName } from '../people-types.ts';

export function superseded(): Problem {
  return new ProblemError('superseded', 'a newer poll of this client has taken its place').problem;
}

export type ClientPoll = {
  readonly end: (problem: Problem) => void;
  /** Its client is claimed for this instance: a later claim of another one ends it. */
  settled: boolean;
};

/** A client that this process has heard of, by a join, a poll or a change of its data. */
export type Seen = ClientName & {
  /** Monotonic, ms. */
  at: number;
  /** Its poll that waits here: as long as it does, the client is seen. */
  poll: ClientPoll | undefined;
  /** The last claim of it that is known here, by whatever instance. */
  claim: { readonly number: number; readonly mine: boolean };
  /** Once it was needed. */
  claimName?: string;
  /** Whether it is in the roster, as far as is known here. */
  state: 'unknown' | 'here' | 'notHere';
  /** What it said of itself, should the roster be lost. */
  said: { readonly name?: string; readonly data?: Json };
  /** When its row was last written by this process, monotonic, ms. */
  rowAt: number;
};

/** The clients of one space as this process has seen them. Ids that never joined are told apart by subject. */
export class SeenClients {
  readonly #clients = new Map<string, Seen>();

  get size(): number {
    return this.#clients.size;
  }

  all(): Iterable<Seen> {
    return this.#clients.values();
  }

  of({ subject, client }: ClientName): Seen | undefined {
    return this.#clients.get(`${client}/${subject}`);
  }

  /** Returns whether it had not been heard of for `longMs`: its lease may be about to end. */
  touch(name: ClientName, now: number, longMs: number): { readonly seen: Seen; readonly late: boolean } {
    const before = this.of(name);
    if (before) {
      const late = !before.poll && now - before.at > longMs;
      before.at = now;
      return { seen: before, late };
    }
    const { subject, client } = name;
    const claim = { number: 0, mine: false };
    const seen: Seen = { subject, client, at: now, poll: undefined, claim, state: 'unknown', said: {}, rowAt: now };
    this.#clients.set(`${client}/${subject}`, seen);
    return { seen, late: true };
  }

  forget({ subject, client }: ClientName): void {
    this.#clients.delete(`${client}/${subject}`);
  }

  /** When it was last seen: a poll that waits is seen all the time. */
  static lastSeen(seen: Seen, now: number): number {
    return seen.poll ? now : seen.at;
  }
}

/**
 * Parks a poll of a client in place of its older one, which is told so. Returns the cancellation. `ended`: called once, when the poll is not parked any more.
 */
export function parkFor(
  seen: Seen,
  deliver: (outcome: PollOutcome) => void,
  park: (deliver: (outcome: PollOutcome) => void) => () => void,
  ended: (seen: Seen) => void,
): () => void {
  const older = seen.poll;
  let open = true;
  let cancel: () => void = () => undefined;
  const finish = () => {
    if (!open) return;
    open = false;
    if (seen.poll === poll) seen.poll = undefined;
    ended(seen);
  };
  const poll: ClientPoll = {
    settled: false,
    end(problem: Problem) {
      cancel();
      finish();
      deliver({ problem });
    },
  };
  seen.poll = poll;
  cancel = park((outcome) => {
    finish();
    deliver(outcome);
  });
  older?.end(superseded());
  return () => {
    finish();
    cancel();
  };
}
