import { itemRowKey, opsRowKey, type Segment } from '../../model/keys.ts';
import { archiveShard, segmentDue } from '../../model/ops-record.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Decision, Store, StoreRecord } from '../../ports/store.ts';
import type { ArchiveFile, ArchiveFiles } from './archive-files.ts';
import { opsOf } from './move-segments.ts';

/** `ended`: segments of lives that have ended, which nobody can read any more. `unreadable`: blobs that were passed over. */
export type RestoredSegments = {
  readonly restored: number;
  readonly present: number;
  readonly ended: number;
  readonly unreadable: number;
};

type RestoreParts = {
  readonly store: Store;
  readonly files: ArchiveFiles;
  readonly clock: Clock;
  /** Told each blob that cannot be read, and why. */
  readonly unreadable: (name: string, error: unknown) => void;
};

type Outcome = Exclude<keyof RestoredSegments, 'unreadable'>;

/** Puts archived operations from the blobs back into the store, of everything, of a space or of an item. The blobs stay. */
export async function restoreSegments(
  parts: RestoreParts,
  only: { readonly space?: string; readonly item?: string } = {},
): Promise<RestoredSegments> {
  const { files } = parts;
  const counts = { restored: 0, present: 0, ended: 0, unreadable: 0 };
  for await (const { name, read } of files.all(only.space, only.item)) {
    try {
      const file = await read();
      if (file) counts[await restoreSegment(parts, file)]++;
    } catch (error) {
      await files.requireOthersWork(error);
      counts.unreadable++;
      parts.unreadable(name, error);
    }
  }
  return counts;
}

function restoreSegment({ store, clock }: RestoreParts, { data, ...segment }: ArchiveFile): Promise<Outcome> {
  const { space, item, born, first } = segment;
  const key = opsRowKey(space, item, born, first);
  const due = segmentDue(archiveShard(space, item), clock.now());
  const decide = ([record, row]: readonly (StoreRecord | undefined)[]): Decision<Outcome> => {
    if (!isKnown(segment, row)) return { changes: [], result: 'ended' };
    if (record) return { changes: [], result: 'present' };
    return { changes: [{ key, record: { data, indexes: { due } } }], result: 'restored' };
  };
  return store.transact([key, itemRowKey(space, item)], decide);
}

function isKnown(segment: Segment, row: StoreRecord | undefined): boolean {
  return segment.first < (opsOf(segment, row)?.first ?? 0);
}
