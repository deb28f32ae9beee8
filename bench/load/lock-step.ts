import type { Job, Result } from './job.ts';
import { costOfEach, startCost, type Times } from './measure.ts';

type Fan = {
  /** Posts one update; settles when it is answered and everybody has it. */
  step(): Promise<void>;
  startOver(): void;
  close(): void;
  /** Updates that arrived, over all observers. */
  readonly arrived: number;
  readonly times: Times;
};

/** The next post leaves when everybody has the last one. */
export async function lockStep(
  fan: Fan,
  { target, warmUp, seconds }: Pick<Job, 'target' | 'warmUp' | 'seconds'>,
): Promise<Result> {
  await stepsFor(fan, warmUp);
  fan.startOver();
  const stop = startCost(target.pids);
  await stepsFor(fan, seconds);
  const cost = stop();
  const { arrived, times } = fan;
  fan.close();
  return costOfEach(cost, arrived, times);
}

async function stepsFor(fan: Fan, seconds: number): Promise<void> {
  for (const end = performance.now() + seconds * 1_000; performance.now() < end; ) await fan.step();
}
