import { rasterKey } from '../../src/model/keys.ts';
import { LEASE_GRACE_MS } from '../../src/protocol/limits.ts';
import { liveChaos } from './chaos.ts';
import { checkFinal, type Truth } from './checkers.ts';
import { Drawer } from './drawer.ts';
import { PICTURE_SIZE } from './drawing.ts';
import { SIM_SETTINGS } from './fleet.ts';
import { spotOf } from './history.ts';
import type { ListedPicture } from './listing-painter.ts';
import { lossDeadline } from './loss-bound.ts';
import { PictureOracle } from './picture-oracle.ts';
import { CALLER, type World } from './world.ts';

const ROUNDS = 4;
/** Until the last one has left in the eyes of everybody, and what that brings is done, ms. */
const LEFT_MS = 60_000 + 6 * (SIM_SETTINGS.leaseMs + LEASE_GRACE_MS) + 60_000;

/** One run of people who draw: they come and go in rounds, and come back while the pictures are still being put away. */
export async function livePictures(world: World): Promise<void> {
  const { scheduler, fleet, random, history } = world;
  const oracle = new PictureOracle(world);
  await createAll(world);
  const drawers = Array.from({ length: world.config.work.drawers }, (_, n) => new Drawer(`d${n}`, world, oracle));
  oracle.here = () =>
    drawers.flatMap(({ client: { id }, leaseSince: since }) => (since === undefined ? [] : [{ id, since }]));
  const rounds = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(drawers.map((drawer) => (random.chance(0.75) ? drawer.visit() : undefined)));
      await scheduler.sleep(random.int(random.chance(0.3) ? 60_000 : 25_000), 'nobody is here');
    }
  };
  await Promise.all([rounds(), liveChaos(world)]);
  scheduler.note('--- calm');
  fleet.calm();
  if (random.chance(0.3)) for (const place of [0, 1, 2]) fleet.kill(place);
  await scheduler.sleep(30_000, 'the last late words arrive');
  const [judge] = drawers;
  if (!judge) return;
  for (const item of world.items) await judge.draw(item);
  const before = await checkAll(world, oracle, judge, 'the cache');
  for (const { client } of drawers) if (client.hereSince !== undefined) await client.leave(client.generation);
  await judge.client.join();
  await judge.client.leave(judge.client.generation);
  await scheduler.sleep(LEFT_MS, 'until all have left');
  for (const [spot, { index }] of before) checkPutAway(world, oracle, spot, index);
  for (const place of [0, 1, 2]) fleet.kill(place);
  fleet.cache.restart();
  for (const [spot, { index }] of await checkAll(world, oracle, judge, 'the store'))
    if (before.get(spot)?.index !== index)
      history.found('C6 diverged', `${spot} had ${before.get(spot)?.index} operations, the store has ${index}`);
}

async function createAll({ fleet, items, spaces, scheduler }: World): Promise<void> {
  for (const space of spaces) {
    for (const item of items) {
      const update = { item, kind: 'picture', op: { create: PICTURE_SIZE } };
      for (let made = false; !made; ) {
        const reply = await fleet.call(fleet.any(), {
          label: `create ${item}`,
          patienceMs: 12_000,
          send: (engine) =>
            engine.postUpdate(space, { clientId: `creator of ${item}`, seq: 1, updates: [update] }, CALLER),
        });
        made = reply.kind === 'answered' && reply.value.results.every(({ result }) => result === 'ok');
        if (!made) await scheduler.sleep(300, 'create again');
      }
    }
  }
}

/** Every instance sends the same picture, of all operations that there are; nothing acknowledged is missing, and nothing is there twice. */
async function checkAll(
  world: World,
  oracle: PictureOracle,
  judge: Drawer,
  where: string,
): Promise<Map<string, ListedPicture>> {
  const { history, fleet, drawing, spaces, items } = world;
  const truth = new Map<string, Truth>();
  const seen = new Map<string, ListedPicture>();
  for (const space of spaces) {
    for (const item of items) {
      const spot = spotOf(space, item);
      const pictures = [];
      for (const instance of fleet.instances) pictures.push(await lookUntil(world, judge, item, instance));
      const [picture] = pictures;
      const told = pictures.map((one) => one && [one.lineage, one.index, [...one.tiles].sort()]);
      if (!picture || told.some((one) => JSON.stringify(one) !== JSON.stringify(told[0])))
        history.found('C6 diverged', `${spot} in ${where} is ${JSON.stringify(told)}`);
      if (!picture) continue;
      if (!(await judge.join(item))) history.found('C11 stuck', `nobody can follow ${spot} in the calm`);
      seen.set(spot, picture);
      const ops = oracle.opsOf(spot, picture.lineage, picture.index);
      if (!ops) history.found('P1 wrong picture', `${spot} at ${picture.index} of ${picture.lineage} is of nothing`);
      const content = `+${(ops ?? []).map((op) => drawing.nameOf(op)).join()}`;
      truth.set(spot, { version: oracle.versionOf(spot), content });
      history.count('pictures judged');
    }
  }
  checkFinal(history, { truth, mayBeLostUntil: (ackedAt) => lossDeadline(world, ackedAt) });
  return seen;
}

async function lookUntil(world: World, judge: Drawer, item: string, instance: World['fleet']['instances'][number]) {
  for (let turn = 0; turn < 20; turn++) {
    const picture = await judge.look(item, undefined, instance);
    if (picture) return picture;
    await world.scheduler.sleep(1_000, 'look again');
  }
  world.history.found('C11 stuck', `${item} cannot be looked at in the calm`);
  return undefined;
}

/** The last picture is stored, and its raster is not in the cache any more. */
function checkPutAway({ history, fleet }: World, oracle: PictureOracle, spot: string, index: number): void {
  const [space = '', item = ''] = spot.split('/');
  const stored = oracle.pointer(spot);
  if (stored?.index !== index)
    history.found('C11 stuck', `all have left, ${spot} has ${index} operations, stored are ${stored?.index}`);
  if (fleet.cache.read(rasterKey(space, item)))
    history.found('C11 stuck', `all have left, and the raster of ${spot} is still in the cache`);
}
