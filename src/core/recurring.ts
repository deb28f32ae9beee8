import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';

type RecurringParts = { readonly clock: Clock; readonly log: Log };
type Work<T> = {
  /** For the log. */
  readonly name: string;
  readonly everyMs: number;
  readonly once: () => Promise<T>;
};

/** Work that is done every so often, and when somebody asks for it; never twice at once in a process. */
export class Recurring<T> {
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
    const { clock, log } = this.#parts;
    this.#cancel = clock.after(this.#work.everyMs, () => {
      if (this.#stopped) return;
      this.start();
      void this.run().catch((error: unknown) => log.warn({ error: String(error) }, `${this.#work.name} failed`));
    });
  }

  /** Settles when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running?.catch(() => undefined);
  }

  run(): Promise<T> {
    this.#running ??= this.#work.once().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
