import type { Clock } from '../ports/clock.ts';
import { copyOf } from './copy.ts';
import { RefusedError } from './errors.ts';
import { pause } from './timing.ts';
import type { Joined, Transport } from './transport.ts';

export type Said = { readonly name?: string; readonly data?: unknown };

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
  readonly #options: PresenceOptions;
  #name: string | undefined;
  #data: unknown;
  #taken: unknown;
  #unsaid = false;
  #running = false;

  constructor({ name, data }: Said, options: PresenceOptions) {
    this.#name = name;
    this.#data = this.#taken = data === undefined ? undefined : copyOf(data);
    this.#options = options;
  }

  say(data: unknown): void {
    this.#data = data === undefined ? undefined : copyOf(data);
    this.#unsaid = true;
    this.goOn();
  }

  /** Joins with all of it, or without what the server does not take. */
  async join(clientId: string): Promise<Joined | undefined> {
    const { transport, signal, onTrouble } = this.#options;
    const last = this.#data;
    let refusal: unknown;
    for (const name of new Set([this.#name, undefined])) {
      for (const data of new Set([last, this.#taken, undefined])) {
        const said = { ...(name !== undefined && { name }), ...(data !== undefined && { data }) };
        try {
          const joined = await transport.join({ clientId, ...said }, signal);
          this.#name = name;
          this.#taken = data;
          if (this.#data === last) {
            this.#data = data;
            this.#unsaid = false;
          }
          if (refusal !== undefined) onTrouble(refusal);
          return joined;
        } catch (error) {
          if (!(error instanceof RefusedError) || !error.isFaulty) throw error;
          refusal ??= error;
        }
      }
    }
    throw refusal;
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
        const data = this.#data;
        const error = await transport.say(id, data, signal).then(
          () => undefined,
          (cause) => cause,
        );
        if (error === undefined) this.#taken = data;
        else if (error instanceof RefusedError && error.isFaulty) {
          if (this.#data === data) this.#data = this.#taken;
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
