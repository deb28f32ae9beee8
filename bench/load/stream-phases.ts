import { Connection } from './connection.ts';
import type { Job, Result } from './job.ts';
import { sleep, startCost, Times } from './measure.ts';
import { Poster } from './poster.ts';
import { PROTOCOLS } from './protocols.ts';
import { StreamObserver } from './streams.ts';

const CONNECT_AT_ONCE = 100;
const SETTLE_MS = 500;
const SPACE = 'fan';

type Phase = Extract<Job, { readonly phase: 'S' }>;

/** As A1, lock-step, but the observers are told by streams instead of asking again. */
export async function saturateStreams({ target, observers, stream, warmUp, seconds }: Phase): Promise<Result> {
  const poster = await Poster.open(target, SPACE, 0);
  poster.post();
  await poster.idle();
  const asking = await Connection.open(target.port);
  const protocol = PROTOCOLS.longshore;
  const marker = protocol.readPosition(await asking.ask(protocol.begin(SPACE)));
  asking.close();

  let times = new Times();
  let arrived = 0;
  let lacking = 0;
  let whenAll: () => void = () => undefined;
  const onCount = (count: number): void => {
    times.add(performance.now() - (poster.dueAt[count] ?? 0));
    arrived++;
    if (count === poster.newest && --lacking === 0) whenAll();
  };
  const open: StreamObserver[] = [];
  for (let at = 0; at < observers; at += CONNECT_AT_ONCE) {
    const batch = Array.from({ length: Math.min(CONNECT_AT_ONCE, observers - at) }, () =>
      StreamObserver.open(target.port, { kind: stream, space: SPACE, marker }, onCount),
    );
    open.push(...(await Promise.all(batch)));
  }
  await sleep(SETTLE_MS);

  const step = async (): Promise<void> => {
    lacking = observers;
    const all = new Promise<void>((resolve) => {
      whenAll = resolve;
    });
    poster.post();
    await poster.idle();
    await all;
  };
  for (const end = performance.now() + warmUp * 1_000; performance.now() < end; ) await step();
  times = new Times();
  arrived = 0;
  const stop = startCost(target.pids);
  for (const end = performance.now() + seconds * 1_000; performance.now() < end; ) await step();
  const cost = stop();
  for (const one of open) one.close();
  poster.close();
  return {
    rate: arrived / cost.seconds,
    us: cost.server / arrived,
    cacheUs: cost.memcached / arrived,
    generatorUs: cost.generator / arrived,
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    others: cost.others,
  };
}
