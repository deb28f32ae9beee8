import type { Json } from '../base/json.ts';
import type { Places } from '../kinds/places.ts';
import type { Epoch, Version } from '../protocol/ids.ts';
import { FORMAT_VERSION } from '../protocol/version.ts';
import { DecodedOnce, decodeRecord, encodeRecord } from './record.ts';

/** One accepted operation as it applies to version v - 1 (or to the version before it in the tail), giving v. */
export type Delta = {
  readonly v: Version;
  readonly op: Json;
  /** Index of the last operation in it, for kinds that count. */
  readonly i?: number;
  /** Client and seq that sent it. */
  readonly c?: string;
  readonly s?: number;
  /** Server time, ms. */
  readonly t: number;
  /** What it takes to undo it, where its kind told. Shown to nobody. */
  readonly u?: Json;
  /** Brought back by a restore: its number before it was lost. */
  readonly r?: Version;
};

/** A body kept under its own key: the value at version v. */
export type BodyRef = { readonly key: string; readonly v: Version; readonly bytes: number };
/** Older deltas kept under their own key: they lead from version `from` to version `to`. */
export type Segment = { readonly key: string; readonly from: Version; readonly to: Version; readonly bytes: number };

/** What is remembered of a client's last request on this item: seq, place in the batch, version made, hash of the update. */
export type Remembered = readonly [seq: number, place: number, version: Version, hash: string, extra?: Json];

export type StoredDelta = Pick<Delta, 'v' | 'op' | 'c' | 's' | 'r'>;

export type Gap = readonly [first: Version, last: Version];

/** Set by a rollback, for as long as clients may restore. */
export type RolledBack = {
  /** Version in the store that the item went back to. */
  readonly from: Version;
  /** Reserved ceiling of the lost life: its numbers are never given again. */
  readonly ceil: Version;
  /** Highest lost version restored so far. */
  readonly got: Version;
  /** Numbers up to `got` that no chain has named: what was in there its senders may still have brought back. */
  readonly gaps?: readonly Gap[];
  readonly untilMs: number;
  /** By client id: the first seq used on the item since it was rolled back. What was sent from there on is in the item, or was refused. */
  readonly posted?: { readonly [client: string]: number };
  /**
   * For kinds whose lost operations depend on those before them. Of a row: what the store has got of the life that followed, oldest first. Of an earlier rollback: what leads from the
   * value it left to the one that the last rollback left. Absent where that is too much, or not known, and of the last rollback in a head.
   */
  readonly stored?: readonly StoredDelta[];
  /** Earlier rollbacks of which something may still be restored, newest first. Of each the numbers from `from` to `ceil` are its own. */
  readonly before?: readonly RolledBack[];
  /** While there are earlier ones: `client/seq` of what was restored. One operation may be known under the numbers of several lives. */
  readonly brought?: readonly string[];
};

/** Who brought back what a rollback had taken, and when (server time, ms). Kept for whoever looks into a record; no answer shows it. */
export type RestoredBy = { readonly subject: string; readonly client?: string; readonly t: number };

/** A lineage, and the index of the last operation that it has from the ones before it: what they had after that is not in it. */
export type Fork = readonly [L: number, index: number];

/** Who may write, for as long as nobody has taken it over. That the lease still runs is told by a record of its own (`lockKey`). */
export type Lock = {
  /** Client id. */
  readonly holder: string;
  readonly subject: string;
  /** Random: names this grant in the record that lives as long as the lease. */
  readonly grant: string;
  /** Server time since which the client holds the item without having given it up, ms. */
  readonly sinceMs: number;
};

/** Of a writer, named by `subject/client`: refused so many times in a row at these places, last at `t` (server time, ms). */
export type Refusals = { readonly key: string; readonly times: number; readonly at: Places; readonly t: number };

/** Places that are kept for one writer while the lease of this grant is there. */
export type Reservation = {
  readonly key: string;
  /** Client id. */
  readonly holder: string;
  readonly grant: string;
  readonly at: Places;
  /** Server time, ms: for people, and to forget it some time; the lease ends by the clock of the cache. */
  readonly untilMs: number;
};

/** Who was refused where of late, oldest first, and what is reserved. Places are those of the value at the head's version. */
export type Contest = { readonly rows: readonly Refusals[]; readonly kept?: Reservation };

/** The head of an item: the record that every accepted update replaces by `cas`. */
export type Head = {
  readonly kind: string;
  readonly v: Version;
  /** Lineage: raised by each rollback. */
  readonly L: number;
  /** Being moved: the row is open in the store, numbers up to `ceil` are reserved. */
  readonly open: boolean;
  readonly ceil: Version;
  /** Newest version known to be in the store. */
  readonly pv: Version;
  /** Newest version that is known to have been announced in time: no reader can have missed it. */
  readonly av?: Version;
  /** Coverage: epoch, and the floor time until which readers look at this item. */
  readonly e: Epoch;
  readonly cu: number;
  /** Loaded, not written: may have been delivered until this floor time. */
  readonly ku: number;
  /** Server time of the last update, ms. */
  readonly t: number;
  /** Operations counted so far. */
  readonly index: number;
  /** Tombstone, or nothing yet. */
  readonly dead: boolean;
  /** Never created, or pruned: there is no row. */
  readonly absent: boolean;
  /** Version with which this life (creation) began. */
  readonly born: Version;
  /** The value at v, encoded by its kind; or, for large ones, `ref` and the deltas after it. */
  readonly body?: Json;
  readonly ref?: BodyRef;
  /** The tail (segments, then `tail`) leads from this version to v. */
  readonly tb: Version;
  readonly segs: readonly Segment[];
  readonly tail: readonly Delta[];
  readonly seqs: { readonly [client: string]: Remembered };
  /** Highest seq of a client that is no longer remembered. */
  readonly seqFloor: number;
  /** Ids of the last writes that carried no client. */
  readonly ws: readonly string[];
  /** Version with which the lock was last granted or ended, or life or lineage began. Rises only. */
  readonly fence: number;
  readonly lock?: Lock;
  readonly back?: RolledBack;
  /** Of the last restore. */
  readonly restoredBy?: RestoredBy;
  /** Only where the space wants reservations, and somebody was refused of late. */
  readonly contest?: Contest;
  /** Rollbacks of this life, oldest first, where the kind keeps its history. */
  readonly forks?: readonly Fork[];
};

/** What stands under a head's key while one instance loads it. `id` tells whose. */
export type Placeholder = { readonly loading: string };

export function encodeHead(head: Head): Buffer {
  return encodeRecord(head);
}

export function encodePlaceholder(id: string): Buffer {
  return encodeRecord({ loading: id } satisfies Placeholder);
}

const decoded = new DecodedOnce((bytes: Buffer) => decodeRecord(bytes, 'head') as unknown as Head | Placeholder);

export function decodeHead(bytes: Buffer): Head | Placeholder {
  return decoded.of(bytes);
}

/** How the record of a head begins that was written by an update. */
const BEGINNING = `${FORMAT_VERSION}{"pv":`;
const BETWEEN = ',"av":';
const COMMA = 0x2c;

/** The record of a head that differs from the one written as `bytes` in `pv` and `av` only: they stand at its beginning, the rest is copied. */
export function encodeStored(head: Head, bytes: Buffer): Buffer {
  const between = startsAt(bytes, 0, BEGINNING) ? bytes.indexOf(COMMA, BEGINNING.length) : -1;
  if (between < 0 || !startsAt(bytes, between, BETWEEN)) return encodeHead(head);
  const rest = bytes.indexOf(COMMA, between + BETWEEN.length);
  const beginning = `${BEGINNING}${head.pv}${BETWEEN}${head.av ?? 0}`;
  const copy = Buffer.allocUnsafe(beginning.length + bytes.length - rest);
  copy.write(beginning, 'latin1');
  bytes.copy(copy, beginning.length, rest);
  return copy;
}

function startsAt(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

export function isPlaceholder(head: Head | Placeholder): head is Placeholder {
  return 'loading' in head;
}
