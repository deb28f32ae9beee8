import type { Clock } from '../ports/clock.ts';
import { pause } from './timing.ts';
import type { Transport } from './transport.ts';

export type PresenceOptions = {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** By which name others see this client just now; `undefined` while they do not. */
  readonly me: () => string | undefined;
};

/** The server takes ten a second. */
const BETWEEN_MS = 110;
const AFTER_FAILURE_MS = 1_000;

/** What this client says of itself: the last word counts, at most so often, and where it does not get through the next one does. */
export class Presence {
  /** Also said with each join. */
  data: unknown;
  readonly #options: PresenceOptions;
  #unsaid = false;
  #running = false;

  constructor(data: unknown, options: PresenceOptions) {
    this.data = data;
    this.#options = options;
  }

  say(data: unknown): void {
    this.data = data;
    this.#unsaid = true;
    this.goOn();
  }

  /** The connection is better than it was. */
  goOn(): void {
    if (this.#unsaid && !this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    const { clock, transport, signal, me } = this.#options;
    this.#running = true;
    try {
      for (let id = me(); this.#unsaid && id !== undefined; id = me()) {
        this.#unsaid = false;
        const done = await transport.say(id, this.data, signal).then(
          () => true,
          () => false,
        );
        if (!done) this.#unsaid = true;
        await pause(clock, done ? BETWEEN_MS : AFTER_FAILURE_MS, signal);
      }
    } catch {
      // the space was closed
    } finally {
      this.#running = false;
    }
  }
}
