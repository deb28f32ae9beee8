import type { Json } from '../../src/base/json.ts';
import { isObject } from '../../src/base/json.ts';

/** A rule that a run has broken: which check noticed it, and what it saw. */
export type Finding = { readonly check: CheckName; readonly detail: string };

export type CheckName =
  /** One version has two contents. */
  | 'C1 two contents'
  /** A chain was given an older version than it had. */
  | 'C2 went back'
  /** A reader is behind an acknowledged version. */
  | 'C3 skipped'
  /** An acknowledged operation is gone without a loss that explains it. */
  | 'C4 lost'
  /** A writer did not read its own write. */
  | 'C5 own write unread'
  /** A reader, the cache and the store do not agree in the end. */
  | 'C6 diverged'
  /** Two accepted conditional writes name one predecessor, or something came between. */
  | 'C7 chain broken'
  /** Somebody wrote past a lock, with an old fence, or was granted what was held. */
  | 'C8 lock broken'
  /** The operations of an item are not told in order, once each, to everybody the same. */
  | 'H1 wrong history'
  /** An operation whose answer called it durable is gone. */
  | 'C9 lost durable'
  /** A raster or a picture does not have just its operations, in their order. */
  | 'P1 wrong picture'
  /** A stored picture was replaced by an older one, or has changed. */
  | 'P2 pointer back'
  /** What is not stored, or somebody looks at, was taken out of the cache. */
  | 'P3 dropped too soon'
  /** A stored picture has operations that the store has not. */
  | 'P4 not in the store'
  /** More than the promised time was lost. */
  | 'C10 lost too much'
  /** Without faults something does not end. */
  | 'C11 stuck'
  | 'twice'
  /** What was written into one item is in another, perhaps of another space. */
  | 'leak'
  /** A client was told that its lost operations are back, and they are not; or not in their order; or over something newer. */
  | 'restore'
  /** Refused, yet applied; or deleted, yet there. */
  | 'ghost'
  | 'starved'
  /** `upToDate` was said, yet there was more. */
  | 'not firm'
  /** An answer that is not of the documented form, or that no fault explains. */
  | 'answer';

export type Write = {
  /** Names the operation wherever it appears in a value. */
  readonly op: string;
  /** As `spotOf` tells it. */
  readonly item: string;
  readonly client: string;
  readonly seq: number;
  readonly deletes: boolean;
  readonly durable: boolean;
  readonly ifVersion?: number;
  /** It was sent, or accepted, as the holder's. */
  fence?: number;
  readonly invokedAt: number;
  /** `info`: it may or may not have been applied, now or later. */
  outcome: 'ok' | 'fail' | 'info';
  endedAt: number;
  version: number;
  /** The answer claimed that it was in the store. */
  stored: boolean;
  /** How often it was sent. Of an earlier sending nobody knows what becomes of it, if the answer that came was of a no-op or a refusal. */
  sent: number;
};

/** Something that may cost content: which space, which item of it (undefined: any), when. */
export type Loss = { readonly at: number; readonly space?: string; readonly item?: string };

/** The store took an item back: to this version, above this ceiling. */
export type Rollback = { readonly item: string; readonly at: number; readonly from: number; readonly ceil: number };

/** Operations in their order that a client was told to be in the item again. */
export type Restored = {
  readonly item: string;
  readonly from: number;
  readonly ops: readonly string[];
  readonly invokedAt: number;
  readonly endedAt: number;
};

/** Names an item among those of all spaces. */
export function spotOf(space: string, item: string): string {
  return `${space}/${item}`;
}

/** Does it concern this item? */
export function hits(loss: Loss, spot: string): boolean {
  if (loss.item !== undefined) return loss.item === spot;
  return loss.space === undefined || spot.startsWith(`${loss.space}/`);
}

/** A lock that was answered. */
export type Grant = { readonly item: string; readonly client: string; readonly fence: number };

/** A lock that ended with this version while its lease was running: its holder gave it up. */
export type End = { readonly item: string; readonly version: number; readonly holder: string };

/** A running lease that was replaced by another client's. */
export type Taking = { readonly item: string; readonly from: string; readonly by: string };

/** What was done and seen in one run, by whom it was seen last. */
export class History {
  readonly writes: Write[] = [];
  readonly losses: Loss[] = [];
  /** Times in which the store took nothing. */
  readonly outages: { readonly from: number; readonly until: number }[] = [];
  readonly rollbacks: Rollback[] = [];
  readonly restores: Restored[] = [];
  readonly grants: Grant[] = [];
  readonly ends: End[] = [];
  readonly takings: Taking[] = [];
  /** Who asked to take what from its holder, as `item/client`. */
  readonly steals = new Set<string>();
  readonly findings: Finding[] = [];
  readonly counters = new Map<string, number>();
  /** Operations that an answer showed to be durable, as `item/op`. */
  readonly stored = new Set<string>();
  readonly #spots = new Map<string, string>();
  readonly #ops = new Map<string, string>();
  readonly #contents = new Map<string, Map<number, string>>();

  found(check: CheckName, detail: string): void {
    if (this.findings.length < 20) this.findings.push({ check, detail });
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  lastRollback(spot: string): Rollback | undefined {
    return this.rollbacks.findLast(({ item }) => item === spot);
  }

  wrote(write: Write): void {
    this.writes.push(write);
    this.#spots.set(write.op, write.item);
  }

  /** Somebody was told that this is the operation at this index. */
  sawOp(item: string, lineage: string, index: number, op: string, where: string): void {
    const key = `${item} ${lineage} ${index}`;
    const before = this.#ops.get(key);
    if (before === undefined) this.#ops.set(key, op);
    else if (before !== op) this.found('H1 wrong history', `${key} is "${before}", then "${op}" (${where})`);
  }

  /** Somebody holds this content for this version. */
  saw(item: string, version: number, durableVersion: number, content: string, where: string): void {
    const versions = this.#contents.get(item) ?? new Map<number, string>();
    this.#contents.set(item, versions);
    const before = versions.get(version);
    if (before === undefined) {
      versions.set(version, content);
      for (const op of opsOf(content)) {
        const spot = this.#spots.get(op);
        if (spot !== undefined && spot !== item)
          this.found('leak', `${op} of ${spot} is in ${item} v${version} (${where})`);
      }
    } else if (before !== content) {
      this.found('C1 two contents', `${item} v${version}: "${before}", then "${content}" (${where})`);
    }
    if (durableVersion >= version) for (const op of opsOf(content)) this.stored.add(`${item}/${op}`);
  }
}

export const DELETED = '-';

/** A value as a short text that names the operations in it. */
export function contentOf(value: Json | undefined): string {
  if (value === undefined) return DELETED;
  if (Array.isArray(value)) return `+${value.map((text) => String(text).split('~')[0]).join(',')}`;
  return isObject(value) ? `+${Object.keys(value).sort().join(',')}` : '+';
}

export function opsOf(content: string): string[] {
  return content.length <= 1 ? [] : content.slice(1).split(',');
}
