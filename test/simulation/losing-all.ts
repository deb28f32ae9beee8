import type { SpaceId } from '../../src/protocol/ids.ts';
import type { Truth } from './checkers.ts';
import { type CheckName, contentOf, DELETED, spotOf } from './history.ts';
import { storedAfterMs } from './loss-bound.ts';
import { readItem } from './reader.ts';
import type { World } from './world.ts';

type Stored = Truth & { readonly stored: number };

/** C10: once the promised time has passed since the last fault, nothing is lost with the cache and every instance; nobody has asked for a sweep. */
export async function checkBound(world: World): Promise<void> {
  world.history.count('bounds checked');
  await world.scheduler.sleep(storedAfterMs(world), 'until all must be stored');
  await loseAll(world, 'C10 lost too much');
}

/** C6, C9: after everything was stored, an empty cache and new instances tell the same content. */
export async function checkStore(world: World): Promise<void> {
  for (const [spot, { version, stored }] of await loseAll(world, 'C6 diverged')) {
    if (stored < version)
      world.history.found('C11 stuck', `in the quiet end ${spot} v${version} is stored only up to v${stored}`);
  }
}

/** Returns how everything stood before. */
async function loseAll(world: World, check: CheckName): Promise<Map<string, Stored>> {
  const { fleet, history } = world;
  const before = await readAll(world, 'the cache');
  fleet.instances.forEach((_, place) => {
    fleet.kill(place);
  });
  fleet.cache.restart();
  const after = await readAll(world, 'the store');
  for (const [spot, was] of before) {
    const is = after.get(spot);
    if (was.content === is?.content && is.version >= was.version) continue;
    if (was.content === DELETED && is?.content === DELETED) continue;
    history.found(check, `${spot} in the cache ${JSON.stringify(was)}, in the store ${JSON.stringify(is)}`);
  }
  return before;
}

export async function readAll(world: World, where: string): Promise<Map<string, Stored>> {
  const { fleet, history, scheduler } = world;
  const truth = new Map<string, Stored>();
  for (const space of world.spaces)
    for (const item of world.items) truth.set(spotOf(space, item), await readOne(space, item));
  return truth;

  async function readOne(space: SpaceId, item: string): Promise<Stored> {
    const spot = spotOf(space, item);
    let state = await readItem(fleet, space, item);
    for (let turn = 0; turn < 10 && state === 'failed'; turn++) {
      await scheduler.sleep(500, 'read again');
      state = await readItem(fleet, space, item);
    }
    if (state === 'failed') history.found('C11 stuck', `${spot} cannot be read in the calm from ${where}`);
    const whole = state === 'failed' ? undefined : state;
    const content = contentOf(whole?.value);
    if (whole) history.saw(spot, whole.version, whole.durableVersion, content, where);
    return { version: whole?.version ?? 0, content, stored: whole?.durableVersion ?? 0 };
  }
}
