import type { Cache } from '../../src/ports/cache.ts';
import { cacheContract } from '../contracts/cache.ts';
import { CacheWorld } from './cache-world.ts';
import { CALM } from './config-base.ts';
import { Scheduler, SimProcess } from './scheduler.ts';
import { Seeded } from './seeded.ts';
import { SimCache } from './sim-cache.ts';

const MAX_STEPS = 100_000;

/** Carries out what each call needs, so that it settles as with any other backend. */
function driven(cache: SimCache, scheduler: Scheduler): Cache {
  return new Proxy<Cache>(cache, {
    get(_target, name: keyof Cache) {
      const call = cache[name].bind(cache) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => scheduler.drive(call(...args), MAX_STEPS);
    },
  });
}

describe('the simulated cache without faults', () => {
  cacheContract(async () => {
    const scheduler = new Scheduler(new Seeded(1));
    const world = new CacheWorld(scheduler, new Seeded(2), CALM.cache);
    const [cache, other] = ['a', 'b'].map((name) => driven(new SimCache(world, new SimProcess(name)), scheduler)) as [
      Cache,
      Cache,
    ];
    return {
      cache,
      other,
      outliveOneSecond: () => scheduler.drive(scheduler.sleep(3_100), MAX_STEPS),
      close: () => Promise.all([cache.close(), other.close()]).then(() => undefined),
    };
  });
});
