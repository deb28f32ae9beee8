import type { Clock } from '../../ports/clock.ts';
import { Failure } from '../../ports/failure.ts';
import type { Painted, Painter, PaintJob } from '../../ports/painters.ts';
import { RetryLater } from '../context.ts';
import { type Urgency, WorkQueue } from './work-queue.ts';

type Work = {
  readonly job: PaintJob;
  readonly resolve: (painted: Painted<PaintJob>) => void;
  readonly reject: (error: unknown) => void;
};

export type PoolParts = {
  readonly clock: Clock;
  /** Called for each painter when it is needed first, and again after one has failed. */
  readonly hire: () => Painter;
  readonly painters: number;
  /** Jobs that may wait. */
  readonly maxWaiting: number;
};

/** A picture that cannot be folded yet may be so in a moment. */
const BUSY_MS = 1_000;

/**
 * A few painters, each with one job at a time, and those that wait in the order of their urgency.
 *
 * States: open -> closed. `close` refuses what waits and what comes, and lets what has begun end.
 */
export class PaintPool {
  readonly #parts: PoolParts;
  readonly #queue: WorkQueue<Work>;
  readonly #idle: Painter[] = [];
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    this.#queue = new WorkQueue(parts.clock, parts.maxWaiting);
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Rejects with `RetryLater` where too many wait, with the reason of `signal` where that takes it back before it has begun, or with what went wrong. */
  run<Job extends PaintJob>(urgency: Urgency, job: Job, signal?: AbortSignal): Promise<Painted<Job>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closed());
      if (signal?.aborted) return reject(signal.reason);
      const take = (): void => {
        if (this.#queue.remove(work)) reject(signal?.reason);
      };
      const done = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener('abort', take);
          settle(value);
        };
      };
      const work: Work = {
        job,
        resolve: done((painted) => resolve(painted as Painted<Job>)),
        reject: done(reject),
      };
      if (!this.#queue.add(urgency, work)) return reject(new RetryLater('overloaded', BUSY_MS));
      signal?.addEventListener('abort', take);
      this.#next();
    });
  }

  /** Has a painter begin where there is none. A thread that starts, and what it loads, take longer than to draw most pictures. */
  prepare(): void {
    if (this.#idle.length + this.#running.size === 0) this.run('broadcast', { task: 'prepare' }).catch(() => undefined); // whoever needs one is told what is wrong
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (let work = this.#queue.take(); work !== undefined; work = this.#queue.take()) work.reject(closed());
    await Promise.all(this.#running);
    await Promise.all(this.#idle.splice(0).map((painter) => painter.end()));
  }

  #next(): void {
    while (this.#running.size < this.#parts.painters) {
      const work = this.#queue.take();
      if (work === undefined) return;
      const running: Promise<void> = this.#do(work).finally(() => {
        this.#running.delete(running);
        this.#next();
      });
      this.#running.add(running);
    }
  }

  /** Never rejects. A painter that failed is not trusted with anything else. */
  async #do({ job, resolve, reject }: Work): Promise<void> {
    let painter: Painter | undefined;
    try {
      painter = this.#idle.pop() ?? this.#parts.hire();
      const painted = await painter.run(job);
      this.#idle.push(painter);
      resolve(painted);
    } catch (error) {
      reject(error);
      await painter?.end().catch(() => undefined);
    }
  }
}

function closed(): Failure {
  return new Failure('closed', 'nothing is painted any more');
}
