import type { GetUpdatesResponse } from '../protocol/get-updates.ts';
import { pauseMs } from './backoff.ts';
import type { Parts } from './connection.ts';
import type { Intake } from './copies.ts';
import { RefusedError } from './errors.ts';
import { mayWait } from './machine.ts';
import { ResetGuard } from './reset-guard.ts';
import { pause } from './timing.ts';
import type { Joined } from './transport.ts';

export type ReaderOptions = {
  /** Missing: it does not join. */
  readonly join?: (clientId: string) => Promise<Joined | undefined>;
  /** News of what is stored wake a parked poll. */
  readonly durable: boolean;
  readonly onAnswer: (answer: GetUpdatesResponse, intake: Intake, first: boolean) => void;
};

const WAIT_SECONDS = 25;
/** Of two that go by one name, whoever has joined within this time gives way, at the second meeting within 30 s; */
const NEW_MS = 30_000;
/** the other at the third: it keeps quiet for longer than this before. */
const NEW_GIVES_WAY_MS = 200;
const SUPERSEDED = new Error('another question takes its place');
const TRY_NOW = new Error('there is a reason to try again');

/** Follows the space along one chain of markers: joins, polls, begins again where the server asks for it. */
export class Reader {
  readonly #parts: Parts;
  readonly #options: ReaderOptions;
  readonly #resets: ResetGuard;
  readonly #others: ResetGuard;
  #marker: string | undefined;
  #joined: { readonly clientId: string; readonly generation: number } | undefined;
  #joinedAt: number | undefined;
  #knowsClients = true;
  #poll: AbortController | undefined;
  #rest: AbortController | undefined;

  constructor(parts: Parts, options: ReaderOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#resets = new ResetGuard(parts.clock);
    this.#others = new ResetGuard(parts.clock);
    parts.connection.lookNow = () => this.#poll?.abort(SUPERSEDED);
    parts.connection.tryNow = () => this.#rest?.abort(TRY_NOW);
    parts.connection.joinAgain = () => this.#leftOut();
  }

  /** The client's life on the server, where there is one. */
  get joined(): { readonly clientId: string; readonly generation: number } | undefined {
    return this.#joined;
  }

  /** Ends with what `signal` aborts with, or with a failure that will not pass. */
  async run(): Promise<never> {
    const { clock, connection, fraction, signal, onTrouble } = this.#parts;
    for (let failures = 0; ; ) {
      try {
        const calm = await this.#turn();
        failures = 0;
        if (calm > 0) await pause(clock, calm, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error === SUPERSEDED) continue;
        const calm = this.#judge(error);
        connection.report('readFailed');
        onTrouble(error);
        const asked = error instanceof RefusedError ? error.retryAfterMs : undefined;
        await this.#pause(Math.max(calm, pauseMs(failures++, asked, fraction())));
      }
    }
  }

  /** Returns how long to keep quiet for it, ms. Throws what will not pass. */
  #judge(error: unknown): number {
    const { outbox, clock, mayPass } = this.#parts;
    const code = error instanceof RefusedError ? error.code : '';
    if ((code === 'badMarker' || code === 'filterChanged') && this.#marker !== undefined) {
      this.#marker = undefined;
      return this.#resets.note();
    }
    // By an older request of this client that the network brought late, or by somebody else under its name.
    if (code === 'superseded') {
      const calm = this.#others.note();
      const isNew = clock.monotonic() - (this.#joinedAt ?? 0) < NEW_MS;
      if (this.#joined && calm > (isNew ? 0 : NEW_GIVES_WAY_MS) && outbox.rename()) this.#leftOut();
      return calm;
    }
    if (!(code === 'clientIdTaken' && outbox.rename()) && !mayPass(error)) throw error;
    return 0;
  }

  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#parts;
    this.#rest = new AbortController();
    await pause(clock, ms, AbortSignal.any([signal, this.#rest.signal])).catch((error) => {
      if (error !== TRY_NOW) throw error;
    });
    this.#rest = undefined;
  }

  /** One answer; returns how long to keep quiet after it, ms. */
  async #turn(): Promise<number> {
    const { transport, connection, outbox, signal } = this.#parts;
    const { join } = this.#options;
    if (join && this.#knowsClients && this.#joined === undefined) {
      const joined = await join(outbox.clientId);
      if (joined !== undefined) return this.#begin(joined);
      this.#knowsClients = false;
    }
    const first = this.#marker === undefined;
    const wait = mayWait(connection.state) && !first ? WAIT_SECONDS : 0;
    this.#poll = new AbortController();
    const question = {
      wait,
      ...(this.#marker !== undefined && { marker: this.#marker }),
      ...(this.#options.durable && { durable: true }),
      ...(this.#joined && { clientId: this.#joined.clientId }),
    };
    const answer = await transport.next(question, AbortSignal.any([signal, this.#poll.signal]));
    return this.#take(answer, first);
  }

  #begin(joined: Joined): Promise<number> {
    const { outbox, connection, clock } = this.#parts;
    this.#joinedAt ??= clock.monotonic();
    this.#joined = { clientId: joined.clientId, generation: joined.generation };
    outbox.clientId = joined.clientId;
    outbox.startAt(joined.nextSeq);
    connection.report('joined');
    return this.#take(joined, true);
  }

  async #take(answer: GetUpdatesResponse, first: boolean): Promise<number> {
    const { copies, connection } = this.#parts;
    const intake = copies.take(answer, first);
    this.#marker = answer.marker;
    if (answer.mustReset) connection.report('reset');
    this.#options.onAnswer(answer, intake, first);
    if (intake.misfits.length > 0) await this.#repair(intake.misfits);
    if (this.#isLeftOut(answer, first)) this.#leftOut();
    else connection.report(answer.upToDate ? 'upToDate' : 'page');
    return answer.mustReset || connection.state.link === 'joining' ? this.#resets.note() : 0;
  }

  /** Asks for items whose deltas did not fit: once as the server likes to send them, then as values. */
  async #repair(misfits: readonly string[]): Promise<void> {
    const { copies, transport, signal } = this.#parts;
    const known = Object.fromEntries(
      misfits.flatMap((id) => (copies.of(id).knowsKind ? [[id, copies.of(id).held?.version ?? 0]] : [])),
    );
    let ids = misfits;
    for (const more of Object.keys(known).length > 0 ? [{ known }, {}] : [{}]) {
      const left: string[] = [];
      for (let i = 0; i < ids.length; i += MAX_IDS) {
        const question = { wait: 0, ids: ids.slice(i, i + MAX_IDS), ...more };
        let marker: string | undefined;
        for (let ended = false; !ended; ) {
          const answer = await transport.next({ ...question, ...(marker !== undefined && { marker }) }, signal);
          const intake = copies.repair(answer.items, answer.epoch);
          this.#options.onAnswer(answer, intake, false);
          left.push(...intake.misfits);
          ({ marker, upToDate: ended } = answer);
          if (answer.epoch !== copies.epoch) ended = true; // the chain of markers will tell
        }
      }
      if (left.length === 0) return;
      ids = left;
    }
  }

  #isLeftOut({ clients, mustReset }: GetUpdatesResponse, first: boolean): boolean {
    const me = this.#joined?.clientId;
    if (me === undefined || clients === undefined) return false;
    const mine = clients.findLast(({ id }) => id === me);
    return mine ? mine.state === 'left' : first || mustReset !== undefined;
  }

  #leftOut(): void {
    this.#joined = undefined;
    this.#parts.connection.report('leftOut');
    this.#poll?.abort(SUPERSEDED);
  }
}

/** The server takes so many in one filter. */
const MAX_IDS = 100;
