import type { Epoch } from '../protocol/ids.ts';
import { decodeRecordText, encodeRecordText } from './record.ts';

/*
 * Shards of the recent index and of the ledger have one form: a header line (a record of its own), then one line per entry,
 * each `<item> <number> <number or word>`. Entries are only ever appended, or the whole shard is rewritten by `cas`.
 */

export type ShardHeader = {
  /** The epoch it was made in; a shard of another epoch says nothing. */
  readonly e: Epoch;
  /** Nothing is missing for markers at or after this floor time; `null` (never) while it is being made. */
  readonly since: number | null;
};

/** Index: item, covered until (floor time), base version. Ledger: item, appended at (server time), unique word. */
export type ShardEntry = { readonly item: string; readonly at: number; readonly word: string };

export type Shard = {
  readonly e: Epoch;
  /** `Infinity` while it is being made. */
  readonly since: number;
  readonly entries: readonly ShardEntry[];
  readonly bytes: number;
};

const NEWLINE = 0x0a;

export function encodeShard(header: ShardHeader, entries: readonly ShardEntry[]): Buffer {
  return Buffer.from(`${encodeRecordText(header)}\n${entries.map(entryLine).join('')}`);
}

export function encodeEntry(entry: ShardEntry): Buffer {
  return Buffer.from(entryLine(entry));
}

function entryLine(entry: ShardEntry): string {
  return `${entry.item} ${entry.at} ${entry.word}\n`;
}

export function decodeShard(bytes: Buffer): Shard {
  const end = bytes.indexOf(NEWLINE);
  const header = decodeRecordText(bytes.toString('utf8', 0, end), 'shard') as unknown as ShardHeader;
  return {
    e: header.e,
    since: header.since ?? Number.POSITIVE_INFINITY,
    entries: decodeEntries(bytes, end + 1),
    bytes: bytes.length,
  };
}

/** The shard that `bytes` holds, given that it begins with the bytes that gave `before`. */
export function extendShard(before: Shard, bytes: Buffer): Shard {
  if (bytes.length === before.bytes) return before;
  return { ...before, entries: before.entries.concat(decodeEntries(bytes, before.bytes)), bytes: bytes.length };
}

function decodeEntries(bytes: Buffer, from: number): ShardEntry[] {
  const entries: ShardEntry[] = [];
  for (const line of bytes.toString('latin1', from).split('\n')) {
    const first = line.indexOf(' ');
    const second = line.indexOf(' ', first + 1);
    if (first > 0 && second > first) {
      entries.push({
        item: line.slice(0, first),
        at: Number(line.slice(first + 1, second)),
        word: line.slice(second + 1),
      });
    }
  }
  return entries;
}
