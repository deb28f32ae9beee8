import { itemRowKey, opsRowKey, type Segment } from '../../model/keys.ts';
import { archiveShard, segmentDue } from '../../model/ops-record.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Decision, Store, StoreRecord } from '../../ports/store.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { opsOf } from './move-segments.ts';

/** `ended`: segments of lives that have ended, which nobody can read any more. */
export type RestoredSegments = { readonly restored: number; readonly present: number; readonly ended: number };

type RestoreParts = { readonly store: Store; readonly files: ArchiveFiles; readonly clock: Clock };

/** Puts archived operations from the blobs back into the store, of everything, of a space or of an item. The blobs stay. */
export async function restoreSegments(
  { store, files, clock }: RestoreParts,
  only: { readonly space?: string; readonly item?: string } = {},
): Promise<RestoredSegments> {
  const counts = { restored: 0, present: 0, ended: 0 };
  for await (const { data, ...segment } of files.all(only.space, only.item)) {
    const { space, item, born, first } = segment;
    const key = opsRowKey(space, item, born, first);
    const due = segmentDue(archiveShard(space, item), clock.now());
    const decide = ([record, row]: readonly (StoreRecord | undefined)[]): Decision<keyof RestoredSegments> => {
      if (!isKnown(segment, row)) return { changes: [], result: 'ended' };
      if (record) return { changes: [], result: 'present' };
      return { changes: [{ key, record: { data, indexes: { due } } }], result: 'restored' };
    };
    counts[await store.transact([key, itemRowKey(space, item)], decide)]++;
  }
  return counts;
}

function isKnown(segment: Segment, row: StoreRecord | undefined): boolean {
  return segment.first < (opsOf(segment, row)?.first ?? 0);
}
