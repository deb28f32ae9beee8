import fc from 'fast-check';
import { sharedDatastoreEmulator } from '../support/datastore-emulator.ts';
import { findMemcached, MEMCACHED_MISSING, startMemcached } from '../support/memcached.ts';
import { skipFor } from '../support/need.ts';
import { Folder } from '../support/server-process.ts';
import { play } from './play.ts';
import { type Step, stepsOf } from './steps.ts';
import { type ApiWorld, embeddedWorld, outsideWorld } from './worlds.ts';

/** How many times as many sequences as usual, and from which seed on: always the same unless another is asked for. */
const MORE = Number(process.env.LONGSHORE_MODEL_RUNS ?? 1);
const SEED = Number(process.env.LONGSHORE_MODEL_SEED ?? 1);
const STEPS = 40;

async function holds(
  steps: fc.Arbitrary<readonly Step[]>,
  runs: number,
  check: (steps: readonly Step[]) => Promise<void>,
): Promise<void> {
  // Shrinking may not take longer than anybody waits for it.
  const interruptAfterTimeLimit = Math.max(60_000, runs * MORE * 2_000);
  await fc.assert(fc.asyncProperty(steps, check), {
    numRuns: Math.ceil(runs * MORE),
    seed: SEED,
    interruptAfterTimeLimit,
  });
}

async function playOn(world: ApiWorld, steps: readonly Step[]): Promise<void> {
  try {
    await play(world, steps);
  } finally {
    await world.close();
  }
}

describe('the HTTP API against its model', function () {
  this.timeout(Math.max(120_000, 240_000 * MORE));

  it('[AM1] one server, everything embedded', async () => {
    await holds(stepsOf(1, true, STEPS), 30, async (steps) => {
      await playOn(await embeddedWorld({ instances: 1, store: 'sqlite' }), steps);
    });
  });

  it('[AM2] two servers over one cache and one store', async () => {
    await holds(stepsOf(2, true, STEPS), 40, async (steps) => {
      await playOn(await embeddedWorld({ instances: 2, store: 'memory' }), steps);
    });
  });

  it('[AM3] two servers over memcached and the emulator of Datastore', async function () {
    if (findMemcached() === undefined) skipFor(this, MEMCACHED_MISSING);
    const emulator = await sharedDatastoreEmulator();
    if ('missing' in emulator) return skipFor(this, emulator.missing);
    const memcached = await startMemcached();
    const folders = [new Folder(), new Folder()];
    const paths = folders.map(({ path }) => path);
    const world = await outsideWorld({ memcachedPort: memcached.port, emulatorHost: emulator.host, folders: paths });
    try {
      await holds(stepsOf(2, false, STEPS), 15, (steps) => play(world, steps));
    } finally {
      await world.close();
      await memcached.stop();
      for (const folder of folders) folder.remove();
    }
  });
});
