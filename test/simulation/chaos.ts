import type { ChaosEvent } from './faults.ts';
import type { World } from './world.ts';

/** What each event does; `place` is one of the instances. */
const EVENTS: { readonly [event in ChaosEvent]: (world: World, place: number) => void } = {
  evictHead: (world) => evict(world, 'i'),
  evictBody: (world) => evict(world, 'b'),
  evictIndex: (world) => evict(world, 'x'),
  evictLedger: (world) => evict(world, 'd'),
  evictFloor: (world) => evict(world, 'f'),
  evictSeen: (world) => evict(world, 's'),
  evictLease: (world) => evict(world, 'l'),
  restartCache({ fleet, history, scheduler }) {
    history.losses.push({ at: scheduler.now });
    fleet.cache.restart();
  },
  cacheOutage({ fleet, random, scheduler }) {
    fleet.cache.downUntil = scheduler.now + random.int(2_500);
  },
  cutInstance({ fleet, random, scheduler }, place) {
    fleet.at(place).cache.cutUntil = scheduler.now + random.int(4_000);
  },
  storeOutage({ fleet, random, scheduler }) {
    fleet.store.downUntil = scheduler.now + random.int(8_000);
  },
  breakConnection: ({ fleet }, place) => fleet.at(place).cache.reconnect(),
  kill: ({ fleet }, place) => fleet.kill(place),
  stop,
  pause({ fleet, random, scheduler }, place) {
    fleet.at(place).process.pausedUntil = scheduler.now + random.int(9_000);
  },
  clockJump: ({ fleet, random }, place) => fleet.at(place).clock.jump(Math.floor((random.fraction() * 2 - 1) * 20_000)),
};

/** What goes wrong in a run beside single operations. */
export async function liveChaos(world: World): Promise<void> {
  const { scheduler, random, fleet, history, config } = world;
  for (let n = 0; n < config.chaos.events; n++) {
    await scheduler.sleep(random.int(config.chaos.gapMs), 'chaos waits');
    const event = random.weighted<ChaosEvent>(config.chaos.weights);
    const place = random.int(fleet.instances.length);
    history.count(event);
    scheduler.note(`chaos: ${event} ${place}`);
    EVENTS[event](world, place);
  }
}

/** SIGTERM: the instance finishes in its own time and is replaced. */
function stop({ fleet, scheduler }: World, place: number): void {
  const { engine, process } = fleet.at(place);
  const replace = () => {
    if (fleet.at(place).process === process) fleet.kill(place);
  };
  engine.stop(2_000).then(replace, (error: unknown) => scheduler.note(`stop failed: ${String(error)}`));
}

function evict({ fleet, random, scheduler, history }: World, letter: string): void {
  const keys = fleet.cache.keys(letter);
  if (keys.length === 0) return;
  const key = random.pick(keys);
  scheduler.note(`chaos: evicts ${key}`);
  fleet.cache.remove(key);
  if (letter === 'i') history.losses.push({ at: scheduler.now, item: key.split('/')[2] ?? '' });
  if (letter === 'b') history.losses.push({ at: scheduler.now });
}
