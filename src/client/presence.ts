import type { Clock } from '../ports/clock.ts';
import { RefusedError } from './errors.ts';
import { pause } from './timing.ts';
import type { Transport } from './transport.ts';

export type PresenceOptions = {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** By which name others see this client just now; `undefined` while they do not. */
  readonly me: () => string | undefined;
  readonly onTrouble: (error: unknown) => void;
};

/** The server takes ten a second. */
const BETWEEN_MS = 110;
const AFTER_FAILURE_MS = 1_000;

/**
 * What this client says of itself: the last word counts, at most so often, and where it does not get through the next one does. What the server does
 * not take is forgotten: it would refuse a join that says it, too.
 */
export class Presence {
  /** Also said with each join. */
  data: unknown;
  readonly #options: PresenceOptions;
  #taken: unknown;
  #unsaid = false;
  #running = false;

  constructor(data: unknown, options: PresenceOptions) {
    this.data = data;
    this.#taken = data;
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
    const { clock, transport, signal, me, onTrouble } = this.#options;
    this.#running = true;
    try {
      for (let id = me(); this.#unsaid && id !== undefined; id = me()) {
        this.#unsaid = false;
        const { data } = this;
        const error = await transport.say(id, data, signal).then(
          () => undefined,
          (cause) => cause,
        );
        if (error === undefined) this.#taken = data;
        else if (error instanceof RefusedError && error.isFaulty) {
          if (this.data === data) this.data = this.#taken;
          onTrouble(error);
        } else this.#unsaid = true;
        await pause(clock, error === undefined ? BETWEEN_MS : AFTER_FAILURE_MS, signal);
      }
    } catch {
      // the space was closed
    } finally {
      this.#running = false;
    }
  }
}
