import type { Final } from './checkers.ts';
import { type History, opsOf, type Restored, type Rollback, type Write } from './history.ts';

/**
 * What a client was told to be back is back: every operation of its chain, in their order, after what was there and never over anything newer; unless a
 * delete came, a newer value made it pointless, its sender has sent it again, or another loss took it.
 */
export function checkRestores(history: History, final: Final): void {
  for (const restored of history.restores) {
    const truth = final.truth.get(restored.item);
    const rollback = theRollback(history, restored);
    if (!truth || !rollback) continue;
    const writes = history.writes.filter((write) => write.item === restored.item);
    const present = opsOf(truth.content);
    if (isDeleted(rollback, writes)) continue;
    if (isRegister(restored.item)) checkNotOver(history, restored, rollback, writes, present);
    if (isRegister(restored.item) && isOverwritten(restored, rollback, writes)) continue;
    history.count('restores checked');
    for (const op of restored.ops) {
      const write = writes.find((other) => other.op === op);
      if (present.includes(op) || !write || isSentAgain(write, writes)) continue;
      history.found('restore', `${restored.item}: ${op} was restored from v${restored.from}; now ${truth.content}`);
    }
    checkOrder(history, restored, writes, present);
  }
}

/** The rollback that the chain begins at, where it is the last one: nothing of the item was lost since the chain was sent. */
function theRollback(history: History, { item, from, invokedAt }: Restored): Rollback | undefined {
  const last = history.lastRollback(item);
  return last && last.from === from && last.at <= invokedAt ? last : undefined;
}

function isDeleted(rollback: Rollback, writes: readonly Write[]): boolean {
  return writes.some((write) => write.deletes && write.outcome !== 'fail' && write.endedAt >= rollback.at);
}

function isRegister(spot: string): boolean {
  return spot.split('/')[1]?.startsWith('r') === true;
}

/** Somebody may have written the register between its rollback and the end of the restore. */
function isOverwritten(restored: Restored, rollback: Rollback, writes: readonly Write[]): boolean {
  return writes.some(
    (write) => write.outcome !== 'fail' && write.endedAt >= rollback.at && write.invokedAt <= restored.endedAt,
  );
}

/** Where the last write wins, nothing lost comes back once something newer was acknowledged. */
function checkNotOver(
  history: History,
  restored: Restored,
  rollback: Rollback,
  writes: readonly Write[],
  present: readonly string[],
): void {
  const newer = writes.find(
    (write) =>
      write.outcome === 'ok' &&
      write.version > rollback.ceil &&
      write.endedAt < restored.invokedAt &&
      !history.restores.some((other) => other.item === restored.item && other.invokedAt <= write.endedAt),
  );
  if (!newer) return;
  for (const op of restored.ops) {
    const write = writes.find((other) => other.op === op);
    if (write?.outcome !== 'ok' || write.sent > 1 || !present.includes(op)) continue;
    history.found('restore', `${restored.item}: ${op} was restored over ${newer.op} v${newer.version}`);
  }
}

/** What is sent again is judged anew; and a late copy of an earlier request of the same client may look as if it had been. */
function isSentAgain(write: Write, writes: readonly Write[]): boolean {
  if (write.outcome === 'fail' || (write.outcome === 'info' && write.ifVersion !== undefined)) return true;
  return writes.some((other) => other.client === write.client && other.seq < write.seq && other.sent > 1);
}

function checkOrder(history: History, restored: Restored, writes: readonly Write[], present: readonly string[]): void {
  const once = restored.ops.filter((op) => writes.some((write) => write.op === op && write.sent === 1));
  const places = once.map((op) => present.indexOf(op)).filter((place) => place >= 0);
  // A register names its operations in alphabetical order.
  if (isRegister(restored.item) || places.every((place, i) => i === 0 || place > (places[i - 1] ?? 0))) return;
  history.found('restore', `${restored.item}: ${restored.ops} came back as ${present}`);
}
