import { contentOf, opsOf, spotOf } from './history.ts';
import { OpsViewer } from './ops-viewer.ts';
import { readItem } from './reader.ts';
import type { World } from './world.ts';

/**
 * The value of an item names its operations in their order. Everybody who followed them, whoever reads them all anew, and whoever begins somewhere in the
 * middle has just these.
 */
export async function checkHistories(world: World, viewers: readonly OpsViewer[], where: string): Promise<void> {
  if (world.config.work.viewers === 0) return;
  for (const space of world.spaces) {
    for (const item of world.items) {
      const cold = new OpsViewer(`cold viewer of ${item} from ${where}`, world, space, item);
      const following = viewers.filter((viewer) => viewer.space === space && viewer.item === item);
      await checkHistory(world, [...following, cold], cold, where);
    }
  }
}

async function checkHistory(
  world: World,
  viewers: readonly OpsViewer[],
  cold: OpsViewer,
  where: string,
): Promise<void> {
  const { history, random, scheduler } = world;
  const { space, item } = cold;
  const spot = spotOf(space, item);
  for (let turn = 0; turn < 10; turn++) {
    const before = await readItem(world.fleet, space, item);
    for (const viewer of viewers) {
      if (!(await viewer.catchUp())) history.found('C11 stuck', `${viewer.name} does not become up to date`);
    }
    const index = 1 + random.int(cold.ops.length + 1);
    const middle = await cold.ask({ index, limit: 500, wait: 0 });
    const after = await readItem(world.fleet, space, item);
    if (before === 'failed' || after === 'failed' || middle === 'failed' || before?.version !== after?.version) {
      await scheduler.sleep(500, 'compare operations again');
      continue;
    }
    const truth = opsOf(contentOf(after?.value));
    for (const { name, ops } of viewers) {
      if (ops.join() !== truth.join())
        history.found('H1 wrong history', `${name} has ${spot} ${ops.join()}, from ${where} it is ${truth.join()}`);
    }
    const told = middle === 'gone' ? [] : middle.ops.map(({ op }) => String(op).split('~')[0]);
    const rest = truth.slice(index - 1, index - 1 + told.length);
    if (told.join() !== rest.join() || (told.length === 0 && index <= truth.length))
      history.found('H1 wrong history', `${spot} from ${index} on is ${told.join()}, not ${rest.join()} (${where})`);
    history.count('histories checked');
    return;
  }
  history.found('C11 stuck', `${spot} keeps changing while its operations are compared`);
}
