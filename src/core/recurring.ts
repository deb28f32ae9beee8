import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

type RecurringParts = { readonly clock: Clock; readonly log: Log };
type Work<T> = {
  /** For the log. */
  readonly name: string;
  readonly everyMs: number;
  /** One round. `asked`: somebody wants it now, it is not only its time. */
  readonly once: (asked: boolean) => T | Promise<T>;
};

/**
 * Work that is done every so often, and when somebody asks for it. Who asks while a round runs gets that round; when its time comes meanwhile, it is left out.
 * What rejects in a round that went by time is logged, and the next round comes as ever; what throws at once is a bug, and nothing catches it here.
 */
export class Recurring<T = void> {
  readonly #parts: RecurringParts;
  readonly #work: Work<T>;
  #running: Promise<T> | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(parts: RecurringParts, work: Work<T>) {
    this.#parts = parts;
    this.#work = work;
  }

  /** Long work looks, and ends early. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    this.#cancel = this.#parts.clock.after(this.#work.everyMs, () => {
      if (this.#stopped) return;
      this.start();
      const round = this.#round(false);
      if (round instanceof Promise) round.catch((error: unknown) => this.#failed(error));
    });
  }

  /** Settles when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running?.catch(() => undefined);
  }

  run(): Promise<T> {
    return Promise.resolve(this.#round(true));
  }

  #round(asked: boolean): T | Promise<T> {
    if (this.#running !== undefined) return this.#running;
    const round = this.#work.once(asked);
    if (!(round instanceof Promise)) return round;
    this.#running = round.finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  #failed(error: unknown): void {
    this.#parts.log.warn({ error: String(error) }, `${this.#work.name} failed`);
  }
}
