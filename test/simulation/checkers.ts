import { checkRestores } from './check-restores.ts';
import { DELETED, type History, hits, opsOf, type Write } from './history.ts';

/** How the item stands in the end. `version` 0: there is no such item. */
export type Truth = { readonly version: number; readonly content: string };

export type Final = {
  readonly truth: ReadonlyMap<string, Truth>;
  /** Until when an update acknowledged at this time and not yet stored may be lost. */
  readonly mayBeLostUntil: (ackedAt: number) => number;
};

/** What can be judged from the end of a run and its history. Each check adds what it finds. */
export function checkFinal(history: History, final: Final): void {
  for (const [item, truth] of final.truth) {
    const writes = history.writes.filter((write) => write.item === item);
    checkLost(history, item, truth, writes, final);
    checkTwice(history, item, truth);
    checkGhosts(history, item, truth, writes);
    checkChain(history, item, writes);
  }
  checkRestores(history, final);
}

/** C4, C9, C10: an acknowledged operation is in the final value, or a delete or a loss explains why not. */
function checkLost(history: History, item: string, truth: Truth, writes: readonly Write[], final: Final): void {
  const present = new Set(opsOf(truth.content));
  for (const write of writes) {
    if (write.outcome !== 'ok' || write.deletes || present.has(write.op) || deletedAfter(history, write, writes))
      continue;
    const what = `${item}: ${write.op} acknowledged as v${write.version} at ${write.endedAt}; now v${truth.version} ${truth.content}`;
    if (write.durable || write.stored || history.stored.has(`${item}/${write.op}`))
      history.found('C9 lost durable', what);
    else checkLoss(history, write, what, final);
  }
  if (truth.version < highestAcked(writes) && truth.version > 0) {
    history.found('C4 lost', `${item} is at v${truth.version}, acknowledged was v${highestAcked(writes)}`);
  }
}

function checkLoss(history: History, write: Write, what: string, final: Final): void {
  const first = history.losses.find((loss) => loss.at >= write.invokedAt && hits(loss, write.item));
  if (!first) history.found('C4 lost', what);
  else if (first.at > final.mayBeLostUntil(write.endedAt)) {
    history.found('C10 lost too much', `${what}; the loss came ${first.at - write.endedAt} ms later`);
  } else history.count('lost moves');
}

/** An accepted delete came after it, or one of which nobody knows when it was carried out may have. */
function deletedAfter({ counters }: History, write: Write, writes: readonly Write[]): boolean {
  return writes.some((other) => {
    if (!other.deletes || other.outcome === 'fail') return false;
    if (other.outcome === 'ok' && other.version > write.version) return true;
    // One whose tombstone was pruned before its answer finds nothing to delete.
    const pruned = other.outcome === 'ok' && other.version === 0 && counters.has('pruned');
    const open = other.outcome === 'info' || pruned ? other.endedAt : Number.POSITIVE_INFINITY;
    return (other.outcome === 'info' || other.sent > 1 || pruned) && open > write.invokedAt;
  });
}

function checkTwice(history: History, item: string, truth: Truth): void {
  const ops = opsOf(truth.content);
  if (new Set(ops).size !== ops.length) history.found('twice', `${item} v${truth.version}: ${truth.content}`);
}

/** What was refused for good is not there, and what was there before an accepted delete neither. */
function checkGhosts(history: History, item: string, truth: Truth, writes: readonly Write[]): void {
  const present = new Set(opsOf(truth.content));
  const deleted = Math.max(0, ...writes.filter((w) => w.deletes && w.outcome === 'ok').map((w) => w.version));
  for (const write of writes) {
    if (!present.has(write.op)) continue;
    if (write.outcome === 'fail')
      history.found('ghost', `${item}: ${write.op} was refused, yet is in ${truth.content}`);
    // A late copy of a request whose memory went with a rollback, or with a pruned tombstone, is an update like any other.
    const lost = history.losses.some((loss) => loss.at >= write.invokedAt && hits(loss, item));
    const again = write.sent > 1 && (lost || history.counters.has('pruned'));
    if (write.outcome === 'ok' && write.version < deleted && !again) {
      history.found('ghost', `${item}: ${write.op} (v${write.version}) outlived the delete v${deleted}`);
    }
  }
}

/** C7: every accepted conditional write follows the version it names, with nothing accepted between. */
function checkChain(history: History, item: string, writes: readonly Write[]): void {
  const accepted = writes.filter((write) => write.outcome === 'ok');
  for (const write of accepted) {
    const { ifVersion } = write;
    // 0 names no version: absent, or deleted whenever that was.
    if (ifVersion === undefined || ifVersion === 0 || write.version === ifVersion) continue;
    if (isRestored(history, write)) continue; // it followed the version when it was first accepted, and has another number now
    for (const other of accepted) {
      if (other === write || other.version <= ifVersion || other.version > write.version) continue;
      history.found(
        'C7 chain broken',
        `${item}: ${write.op} v${write.version} on v${ifVersion}, ${other.op} is v${other.version}`,
      );
    }
  }
}

function isRestored({ restores }: History, { item, op }: Write): boolean {
  return restores.some((restored) => restored.item === item && restored.ops.includes(op));
}

export type Reader = {
  readonly name: string;
  readonly space: string;
  /** Saw only what changed after this time. */
  readonly partialSince: number | undefined;
  version(item: string): number | undefined;
  content(item: string): string;
};

/** C3, C6: what a reader holds in the end is how things stand. */
export function checkReader(history: History, reader: Reader, final: Final): void {
  for (const [spot, truth] of final.truth) {
    const [space, item = ''] = spot.split('/');
    if (space !== reader.space) continue;
    const version = reader.version(item);
    const held = reader.content(item);
    const writes = history.writes.filter((write) => write.item === spot);
    if (version === undefined && unknownToPartial(reader, writes)) continue;
    if (held === DELETED && truth.content === DELETED) continue;
    if ((version ?? 0) < highestAcked(writes)) {
      history.found(
        'C3 skipped',
        `${reader.name} has ${spot} v${version ?? 0}, acknowledged was v${highestAcked(writes)}`,
      );
    }
    if (version !== truth.version || held !== truth.content) {
      history.found(
        'C6 diverged',
        `${reader.name} has ${spot} v${version ?? 0} ${held}, it is v${truth.version} ${truth.content}`,
      );
    }
  }
}

function unknownToPartial(reader: Reader, writes: readonly Write[]): boolean {
  const since = reader.partialSince;
  return since !== undefined && !writes.some((write) => write.outcome === 'ok' && write.invokedAt > since);
}

function highestAcked(writes: readonly Write[]): number {
  return Math.max(0, ...writes.filter((write) => write.outcome === 'ok').map((write) => write.version));
}
