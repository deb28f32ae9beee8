import { itemRowKey, type Segment, segmentOf } from '../../model/keys.ts';
import { archiveShard, segmentDue } from '../../model/ops-record.ts';
import { decodeRow, STORE_SHARDS } from '../../model/row.ts';
import type { Decision, StoreKey, StoreRecord } from '../../ports/store.ts';
import { namesResource } from '../resources/named-resources.ts';
import type { SpaceDeps } from '../spaces/settings.ts';
import type { ArchiveFiles } from './archive-files.ts';

/** Segments of one shard that are looked at together. */
const PAGE = 50;
/** Of one sweep; the next one goes on. */
const MOVE_MS = 10_000;

type MoveDeps = Pick<SpaceDeps, 'store' | 'clock' | 'metrics' | 'log'>;
type Moved = 'moved' | 'kept' | 'gone' | 'orphaned';

/**
 * Segments that were written so long ago go to the blobs: first the blob, then the record in the store goes. What dies in between leaves the segment in both places.
 * Returns how many were moved.
 */
export async function moveSegments(deps: MoveDeps, files: ArchiveFiles, afterMs: number): Promise<number> {
  const { store, clock, metrics } = deps;
  const until = clock.monotonic() + MOVE_MS;
  let moved = 0;
  for (let shard = 0; shard < STORE_SHARDS; shard++) {
    // What fails by itself stays where it is, and must not hide what comes after it.
    const left = new Set<string>();
    for (let more = true; more && clock.monotonic() < until; ) {
      const before = segmentDue(shard, clock.now() - afterMs);
      const limit = PAGE + left.size;
      const keys = await store.query('due', `a${shard}/`, before, limit, 'ops');
      for (const key of keys) {
        const name = `${key.space}/${key.id}`;
        if (left.has(name)) continue;
        const outcome = await moveOrLeave(deps, files, key);
        if (outcome === 'moved') moved++;
        if (outcome === 'left') left.add(name);
      }
      more = keys.length === limit;
    }
  }
  if (moved > 0) metrics.count('moved_segments', moved);
  return moved;
}

async function moveOrLeave(deps: MoveDeps, files: ArchiveFiles, key: StoreKey): Promise<Moved | 'left'> {
  try {
    return await moveSegment(deps, files, key);
  } catch (error) {
    await files.requireOthersWork(error);
    deps.metrics.count('segment_failures');
    // What a parser says repeats what it read.
    const why = error instanceof SyntaxError ? 'a record is no JSON' : error;
    deps.log.warn({ space: key.space, segment: key.id, error: why }, 'archived operations stay in the store');
    return 'left';
  }
}

async function moveSegment({ store, clock }: MoveDeps, files: ArchiveFiles, key: StoreKey): Promise<Moved> {
  const segment = segmentOf(key);
  if (!segment) return 'kept';
  const keys = [key, itemRowKey(key.space, segment.item)];
  const [record, row] = await store.read(keys);
  if (!record) return 'gone';
  const later = segmentDue(archiveShard(segment.space, segment.item), clock.now());
  if (!mayMove(segment, record, row)) return store.transact(keys, ([now]) => postpone(key, now, later));
  await files.put(segment, record.data);
  const outcome = await store.transact(keys, ([now, item]) => decideMoved(segment, key, record, now, item));
  // Its life had ended, and everything of it was removed, while the blob was written: nobody else would find it.
  if (outcome === 'orphaned') await files.remove(segment);
  return outcome;
}

/** What still grows, belongs to a life that has ended (all of that goes soon), or names a resource stays: who looks for unused resources reads the store. */
function mayMove(segment: Segment, { data }: StoreRecord, row: StoreRecord | undefined): boolean {
  const ops = opsOf(segment, row);
  return ops !== undefined && segment.first < ops.first && !namesResource(data);
}

/** Looked at again after the same time. */
function postpone(key: StoreKey, record: StoreRecord | undefined, due: string): Decision<Moved> {
  if (!record) return { changes: [], result: 'gone' };
  return { changes: [{ key, record: { data: record.data, indexes: { due } } }], result: 'kept' };
}

function decideMoved(
  segment: Segment,
  key: StoreKey,
  was: StoreRecord,
  record: StoreRecord | undefined,
  row: StoreRecord | undefined,
): Decision<Moved> {
  const lives = opsOf(segment, row) !== undefined;
  // Somebody else has moved it, unless its life has ended.
  if (!record) return { changes: [], result: lives ? 'gone' : 'orphaned' };
  if (!lives || record.data !== was.data) return { changes: [], result: 'kept' };
  return { changes: [{ key, record: 'delete' }], result: 'moved' };
}

/** Where the operations of the item are, if it is in the life that the segment is of. */
export function opsOf({ born }: Segment, record: StoreRecord | undefined) {
  const row = record && decodeRow(record);
  return row && !row.dead && row.born === born ? row.ops : undefined;
}
