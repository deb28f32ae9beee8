import type { CacheKey } from '../../src/ports/cache.ts';
import type { ChaosEvent } from './faults.ts';
import { spotOf } from './history.ts';
import { CLOCK_JUMP_MS } from './loss-bound.ts';
import type { World } from './world.ts';

/** What each event does; `place` is one of the instances. */
const EVENTS: { readonly [event in ChaosEvent]: (world: World, place: number) => void } = {
  evictHead: (world) => evict(world, 'i'),
  evictBody: (world) => evict(world, 'b'),
  evictIndex: (world) => evict(world, 'x'),
  evictLedger: (world) => evict(world, 'd'),
  evictFloor: (world) => evict(world, 'f'),
  evictSeen: (world) => evict(world, 's'),
  evictRoster: (world) => evict(world, 'r'),
  evictRosterPulse: (world) => evict(world, 'q'),
  evictLease: (world) => evict(world, 'l'),
  evictRaster: (world) => evict(world, 'a'),
  evictTile: (world) => evict(world, 'g'),
  blobOutage({ fleet, random, scheduler }) {
    fleet.blobs.downUntil = scheduler.now + random.int(40_000);
  },
  restartCache({ fleet, history, scheduler }) {
    history.losses.push({ at: scheduler.now });
    fleet.cache.restart();
  },
  restartNode(world) {
    const { fleet, history, scheduler, random } = world;
    const node = random.int(fleet.cache.nodes.length);
    for (const space of world.spaces)
      if (fleet.cache.nodeOf(space) === node) history.losses.push({ at: scheduler.now, space });
    fleet.cache.restartNode(node);
  },
  cacheOutage: ({ fleet, random }) => fleet.cache.takeDown(random.int(2_500)),
  nodeOutage: ({ fleet, random }) => fleet.cache.takeDown(random.int(2_500), [random.int(fleet.cache.nodes.length)]),
  cutInstance({ fleet, random, scheduler }, place) {
    fleet.at(place).cache.cutUntil = scheduler.now + random.int(4_000);
  },
  storeOutage({ fleet, random, scheduler, history }) {
    const until = scheduler.now + random.int(8_000);
    history.outages.push({ from: scheduler.now, until });
    fleet.store.downUntil = until;
  },
  breakConnection: ({ fleet }, place) => fleet.at(place).cache.reconnect(),
  kill: ({ fleet }, place) => fleet.kill(place),
  stop,
  pause({ fleet, random, scheduler }, place) {
    fleet.at(place).process.pausedUntil = scheduler.now + random.int(9_000);
  },
  clockJump: ({ fleet, random }, place) =>
    fleet.at(place).clock.jump(Math.floor((random.fraction() * 2 - 1) * CLOCK_JUMP_MS)),
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

function evict(world: World, letter: string): void {
  const { fleet, random } = world;
  const keys = fleet.cache.keys(letter);
  if (keys.length === 0) return;
  evictKey(world, random.pick(keys));
}

export function evictKey({ fleet, scheduler, history }: World, key: CacheKey): void {
  scheduler.note(`chaos: evicts ${key}`);
  fleet.cache.remove(key);
  const [letter, space = '', item = ''] = key.split('/');
  if (letter === 'i') history.losses.push({ at: scheduler.now, space, item: spotOf(space, item) });
  if (letter === 'b') history.losses.push({ at: scheduler.now, space });
}
