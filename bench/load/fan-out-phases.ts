import { FanOut } from './fan-out.ts';
import type { Job, Result, Target } from './job.ts';
import { lockStep } from './lock-step.ts';
import { sleep, startCost } from './measure.ts';

type Phase<Name> = Extract<Job, { readonly phase: Name }>;

function openAt(posts: Target, polls: Target, observers: number, writers: number): Promise<FanOut> {
  return FanOut.open({ posts, polls, observers, writers, space: 'fan' });
}

/** Lock-step: the next post leaves when everybody has the last one. */
export async function saturate(job: Phase<'A1'>): Promise<Result> {
  return lockStep(await openAt(job.target, job.target, job.observers, 1), job);
}

/** A moderate rate: how long from the post until an observer has it. */
export async function moderate({ target, observers, seconds, rate }: Phase<'A2'>): Promise<Result> {
  return latencies(await openAt(target, target, observers, 1), target, seconds, rate);
}

/** The same, from one instance to another. */
export async function crossing({ target, far, observers, seconds, rate }: Phase<'E'>): Promise<Result> {
  if (far === undefined) throw new Error('no other instance');
  return latencies(await openAt(target, far, observers, 1), target, seconds, rate);
}

async function latencies(fan: FanOut, target: Target, seconds: number, rate: number): Promise<Result> {
  const [poster] = fan.posters;
  const post = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      poster?.post();
      // uneven, so that no timer of the server falls into step with it
      await sleep((1_000 / rate) * (0.75 + 0.5 * Math.random()));
    }
  };
  await post(Math.ceil(rate));
  fan.startOver();
  const stop = startCost(target.pids);
  await post(Math.ceil(seconds * rate));
  await sleep(300);
  const cost = stop();
  const { times, arrived } = fan;
  fan.close();
  return {
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    arrived,
    us: cost.server / arrived,
    others: cost.others,
  };
}

const OVERLOAD_WRITERS = 8;
const DRAIN_MS = 3_000;

/** Open loop: posts leave whether or not anybody keeps up; then what is still under way may arrive. */
export async function overload({ target, observers, warmUp, seconds, rate }: Phase<'A3'>): Promise<Result> {
  const fan = await openAt(target, target, observers, OVERLOAD_WRITERS);
  for (const end = performance.now() + warmUp * 1_000; performance.now() < end; ) await fan.step();
  fan.startOver();
  const stop = startCost(target.pids);
  const start = performance.now();
  const posts = rate * seconds;
  for (let posted = 0; posted < posts; ) {
    const due = start + (posted * 1_000) / rate;
    if (due > performance.now()) await sleep(1);
    else fan.posters[posted++ % OVERLOAD_WRITERS]?.post(due);
  }
  await sleep(Math.max(0, start + seconds * 1_000 - performance.now()) + DRAIN_MS);
  const cost = stop();
  const { arrived, answers, times } = fan;
  fan.close();
  return {
    rate: arrived / Math.max(seconds, (fan.lastArrival - start) / 1_000),
    lost: 1 - arrived / (posts * observers),
    perAnswer: arrived / answers,
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    us: cost.server / answers,
    others: cost.others,
  };
}
