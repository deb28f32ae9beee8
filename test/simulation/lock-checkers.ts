import type { History, Write } from './history.ts';

type Accepted = Write & { readonly outcome: 'ok' };

/** C8, from what was answered: the fences of accepted writes, in the order of their versions, and what came between them. */
export function checkLocks(history: History): void {
  checkTakings(history);
  const items = new Set(history.writes.map(({ item }) => item));
  for (const item of items) {
    const accepted = history.writes.filter((write): write is Accepted => write.item === item && write.outcome === 'ok');
    const fenced = [
      ...accepted.flatMap(({ version, fence, op }) => (fence === undefined ? [] : [{ version, fence, what: op }])),
      ...history.grants
        .filter((grant) => grant.item === item)
        .map(({ fence, client }) => ({ version: fence, fence, what: client })),
    ].sort((a, b) => a.version - b.version || a.fence - b.fence);
    checkOrder(history, item, fenced);
    for (const write of accepted) checkPassing(history, item, write, fenced);
  }
}

/** Only who asked to take an item was granted it while somebody's lease was running. */
function checkTakings(history: History): void {
  for (const { item, from, by } of history.takings)
    if (!history.steals.has(`${item}/${by}`))
      history.found('C8 lock broken', `${item}: ${by} was granted it while the lease of ${from} was running`);
}

type Fenced = { readonly version: number; readonly fence: number; readonly what: string };

/** No write with an old fence comes after a newer one was granted. */
function checkOrder(history: History, item: string, fenced: readonly Fenced[]): void {
  let highest: Fenced | undefined;
  for (const each of fenced) {
    if (highest && each.fence < highest.fence)
      history.found(
        'C8 lock broken',
        `${item}: ${each.what} at v${each.version} has fence ${each.fence}, ${highest.what} before it ${highest.fence}`,
      );
    else highest = each;
  }
}

/** A write of somebody who is not the holder ends the lock: it was not held, and its fence is not good afterwards. */
function checkPassing(history: History, item: string, write: Accepted, fenced: readonly Fenced[]): void {
  const ended = history.ends.find((end) => end.item === item && end.version === write.version);
  if (ended && ended.holder !== write.client && !unchanged(write))
    history.found(
      'C8 lock broken',
      `${item}: ${write.op} of ${write.client} at v${write.version} ended the live lock of ${ended.holder}`,
    );
  if (write.fence !== undefined || unchanged(write)) return;
  const survivor = fenced.find(({ version, fence }) => fence < write.version && version > write.version);
  if (survivor)
    history.found(
      'C8 lock broken',
      `${item}: ${write.op} at v${write.version} passed the lock with fence ${survivor.fence}, which wrote v${survivor.version} after it`,
    );
}

/** The delete of something dead changes nothing: its version is somebody else's. */
function unchanged(write: Write): boolean {
  return write.deletes;
}
