import { resourceRowKey, usageRowKey } from '../../model/keys.ts';
import {
  decodeResourceRow,
  decodeUsageRow,
  encodeResourceRow,
  encodeUsageRow,
  type ResourceRow,
  type UsageRow,
} from '../../model/resource-row.ts';
import type { Change, Decision, StoreRecord } from '../../ports/store.ts';
import { MAX_RESOURCES } from '../../protocol/limits.ts';
import type { Resource } from '../../protocol/resources.ts';
import { livingSpace } from '../rows.ts';

/*
 * What becomes of the records of resources, decided inside transactions of the store: pure, safe to run again.
 */

type Records = readonly (StoreRecord | undefined)[];
type Place = { readonly space: string; readonly hash: string };

type Bounds = { readonly quotaBytes: number; readonly now: number };

export type Over = { readonly over: 'bytes' | 'count'; readonly usage: UsageRow };
export type Arrival = 'new' | 'known' | Over;

/** Of the records of the resource, the usage and the space. A space begins, or goes on in spite of being deleted, with a resource. */
export function decideArrival(
  space: string,
  resource: Resource,
  { quotaBytes, now }: Bounds,
): (records: Records) => Decision<Arrival> {
  const { hash, ...described } = resource;
  const key = resourceRowKey(space, hash);
  return ([record, usageRecord, spaceRecord]) => {
    const living = livingSpace(space, spaceRecord, now);
    const arriving: ResourceRow = { ...described, state: 'arriving', putAt: now };
    if (record !== undefined) {
      const { state } = decodeResourceRow(record);
      const row = state === 'here' ? { ...arriving, state } : arriving;
      return { changes: [{ key, record: encodeResourceRow(row) }, ...living], result: 'known' };
    }
    const counted = count(space, usageRecord, resource.size, quotaBytes);
    if ('over' in counted) return { changes: [], result: counted };
    return { changes: [{ key, record: encodeResourceRow(arriving) }, counted, ...living], result: 'new' };
  };
}

/** Makes room for an upload of at most `size` bytes. Of the records of the upload, the usage and the space. */
export function decideUpload(
  space: string,
  upload: string,
  size: number,
  { quotaBytes, now }: Bounds,
): (records: Records) => Decision<'new' | Over> {
  return ([, usageRecord, spaceRecord]) => {
    const counted = count(space, usageRecord, size, quotaBytes);
    if ('over' in counted) return { changes: [], result: counted };
    const row: ResourceRow = { type: '', size, state: 'arriving', putAt: now };
    const change = { key: resourceRowKey(space, upload), record: encodeResourceRow(row) };
    return { changes: [change, counted, ...livingSpace(space, spaceRecord, now)], result: 'new' };
  };
}

function count(space: string, record: StoreRecord | undefined, size: number, quotaBytes: number): Change | Over {
  const usage = decodeUsageRow(record);
  if (usage.bytes + size > quotaBytes) return { over: 'bytes', usage };
  if (usage.count >= MAX_RESOURCES) return { over: 'count', usage };
  const after = { ...usage, count: usage.count + 1, bytes: usage.bytes + size };
  return { key: usageRowKey(space), record: encodeUsageRow(after) };
}

/** The blob is there. `false`: a sweep came between, and the bytes have to be put again. */
export function decideHere({ space, hash }: Place): (records: Records) => Decision<boolean> {
  return ([record]) => {
    const row = record && decodeResourceRow(record);
    if (row === undefined || row.state === 'going') return { changes: [], result: false };
    if (row.state === 'here') return { changes: [], result: true };
    return {
      changes: [{ key: resourceRowKey(space, hash), record: encodeResourceRow({ ...row, state: 'here' }) }],
      result: true,
    };
  };
}

/** What a sweep saw: `since` is when nothing named the resource any more; `undefined` where something does. Counts only for the resource as it was before the look. */
export function decideSeen(
  { space, hash }: Place,
  before: ResourceRow,
  since: number | undefined,
): (records: Records) => Decision<void> {
  return ([record]) => {
    if (record === undefined || !isSame(decodeResourceRow(record), before)) return { changes: [], result: undefined };
    const { unusedSince: _unusedSince, ...row } = before;
    const after = since === undefined ? row : { ...row, unusedSince: since };
    return { changes: [{ key: resourceRowKey(space, hash), record: encodeResourceRow(after) }], result: undefined };
  };
}

/** Whether the resource, if it still is as it was looked at, is to go: from here on its blob may be deleted. */
export function decideGoing({ space, hash }: Place, before: ResourceRow): (records: Records) => Decision<boolean> {
  return ([record]) => {
    if (record === undefined || !isSame(decodeResourceRow(record), before)) return { changes: [], result: false };
    const row: ResourceRow = { ...before, state: 'going' };
    return { changes: [{ key: resourceRowKey(space, hash), record: encodeResourceRow(row) }], result: true };
  };
}

/** The blob is gone: so is the record, unless the bytes were put again meanwhile; `arriving` is for an upload that was taken up. Of the records of the resource and the usage. */
export function decideGone(
  { space, hash }: Place,
  state: 'going' | 'arriving' = 'going',
): (records: Records) => Decision<boolean> {
  return ([record, usageRecord]) => {
    const row = record && decodeResourceRow(record);
    if (row?.state !== state) return { changes: [], result: false };
    const usage = decodeUsageRow(usageRecord);
    const after = { ...usage, count: Math.max(0, usage.count - 1), bytes: Math.max(0, usage.bytes - row.size) };
    const changes: Change[] = [
      { key: resourceRowKey(space, hash), record: 'delete' },
      { key: usageRowKey(space), record: encodeUsageRow(after) },
    ];
    return { changes, result: true };
  };
}

/** One sweep of a space in `everyMs`, whichever instance comes first. Nothing to look at is nothing to sweep. */
export function decideSweep(space: string, now: number, everyMs: number): (records: Records) => Decision<boolean> {
  return ([record]) => {
    const usage = decodeUsageRow(record);
    if (usage.count === 0 || now - (usage.sweptAt ?? 0) < everyMs) return { changes: [], result: false };
    return {
      changes: [{ key: usageRowKey(space), record: encodeUsageRow({ ...usage, sweptAt: now }) }],
      result: true,
    };
  };
}

function isSame(row: ResourceRow, before: ResourceRow): boolean {
  return row.state === before.state && row.putAt === before.putAt && row.unusedSince === before.unusedSince;
}
