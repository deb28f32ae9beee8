import type { Clock } from '../ports/clock.ts';
import type { Copies } from './copies.ts';
import { BEGIN, type Event, type State, statusOf, step } from './machine.ts';
import type { Outbox } from './outbox.ts';
import { Bell } from './timing.ts';
import type { Transport } from './transport.ts';

/** What reader and sender work with. */
export type Parts = {
  readonly clock: Clock;
  readonly fraction: () => number;
  readonly frame: (call: () => void) => void;
  readonly transport: Transport;
  readonly copies: Copies;
  readonly outbox: Outbox;
  readonly connection: Connection;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Whether what this error says may pass. */
  readonly mayPass: (error: unknown) => boolean;
  /** Told of every failure that is tried again. */
  readonly onTrouble: (error: unknown) => void;
};

/** The state of the machine, and who has to hear of it. */
export class Connection {
  /** Rings when something may have become possible to send. */
  readonly bell = new Bell();
  /** Has the reader ask at once. Set by it. */
  lookNow: () => void = () => undefined;
  /** Has the reader, if it pauses after a failure, try again now. Set by it. */
  tryNow: () => void = () => undefined;
  /** Has the reader join again. Set by it. */
  joinAgain: () => void = () => undefined;
  onStatus: () => void = () => undefined;
  #state: State = BEGIN;

  get state(): State {
    return this.#state;
  }

  report(event: Event): void {
    const before = statusOf(this.#state);
    this.#state = step(this.#state, event);
    this.bell.ring();
    if (statusOf(this.#state) !== before) this.onStatus();
  }
}
