import { openMany, startingPosition } from './fan-out.ts';
import type { Job, Result } from './job.ts';
import { lockStep } from './lock-step.ts';
import { sleep, Times } from './measure.ts';
import { Poster } from './poster.ts';
import { StreamObserver } from './streams.ts';

const SETTLE_MS = 500;
const SPACE = 'fan';

type Phase = Extract<Job, { readonly phase: 'S' }>;

/** As A1, but the observers are told by streams instead of asking again. */
export async function saturateStreams(job: Phase): Promise<Result> {
  return lockStep(await StreamFan.open(job), job);
}

/** One writer, and observers who are told of what it posts. */
class StreamFan {
  times = new Times();
  arrived = 0;
  readonly #poster: Poster;
  #observers: readonly StreamObserver[] = [];
  /** Observers that lack the newest update. */
  #lacking = 0;
  #whenAll: () => void = () => undefined;

  private constructor(poster: Poster) {
    this.#poster = poster;
  }

  static async open({ target, observers, stream }: Phase): Promise<StreamFan> {
    const poster = await Poster.open(target, SPACE, 0);
    poster.post();
    await poster.idle();
    const marker = await startingPosition(target, SPACE);
    const fan = new StreamFan(poster);
    fan.#observers = await openMany(observers, () =>
      StreamObserver.open(target.port, { kind: stream, space: SPACE, marker }, (count) => fan.#take(count)),
    );
    await sleep(SETTLE_MS);
    return fan;
  }

  async step(): Promise<void> {
    this.#lacking = this.#observers.length;
    const all = new Promise<void>((resolve) => {
      this.#whenAll = resolve;
    });
    this.#poster.post();
    await this.#poster.idle();
    await all;
  }

  startOver(): void {
    this.times = new Times();
    this.arrived = 0;
  }

  close(): void {
    for (const one of this.#observers) one.close();
    this.#poster.close();
  }

  #take(count: number): void {
    this.times.add(performance.now() - (this.#poster.dueAt[count] ?? 0));
    this.arrived++;
    if (count === this.#poster.newest && --this.#lacking === 0) this.#whenAll();
  }
}
