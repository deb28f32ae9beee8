import { createHistogram } from 'node:perf_hooks';
import type { Act, Tag } from './work.ts';

/** `unknown`: sent, and no answer ever came. */
export type Fate = 'waiting' | 'ok' | 'refused' | 'unknown';

/** One update of one monkey, from when it was made. */
export type Entry = Act & {
  readonly monkey: number;
  readonly item: string;
  /** When it was first sent, ms of a clock that only rises; absent where its way to the viewers is not measured. */
  sentAt?: number;
  fate: Fate;
};

/** Ticks of the histogram in a millisecond. */
const TICKS = 100;
const LONGEST_MS = 10 * 60_000;

/** What the monkeys did, and what they were told of it. */
export class Ledger {
  /** How often updates were refused, and how often they were to wait, by the code. */
  readonly refusals = new Map<string, number>();
  readonly waits = new Map<string, number>();
  acknowledged = 0;
  /** How often a viewer has seen a tag for the first time. */
  views = 0;
  readonly #entries: Entry[] = [];
  readonly #latencies = createHistogram({ lowest: 1, highest: LONGEST_MS * TICKS, figures: 3 });

  get posted(): number {
    return this.#entries.length;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  unanswered(): number {
    return this.#entries.filter(({ fate }) => fate === 'unknown' || fate === 'waiting').length;
  }

  make(monkey: number, item: string, removes: Tag | undefined): Entry {
    const tag = this.#entries.length + 1;
    const entry: Entry = { tag, monkey, item, fate: 'waiting', ...(removes !== undefined && { removes }) };
    this.#entries.push(entry);
    return entry;
  }

  of(tag: Tag): Entry | undefined {
    return this.#entries[tag - 1];
  }

  accepted(entry: Entry): void {
    entry.fate = 'ok';
    this.acknowledged++;
  }

  refused(entry: Entry, why: string): void {
    entry.fate = 'refused';
    count(this.refusals, why);
  }

  toldToWait(why: string): void {
    count(this.waits, why);
  }

  /** Whether there is such a tag in this item. */
  seen(item: string, tag: Tag, now: number): boolean {
    const entry = this.of(tag);
    if (entry?.item !== item) return false;
    this.views++;
    if (entry.sentAt === undefined) return true;
    const ticks = Math.round((now - entry.sentAt) * TICKS);
    this.#latencies.record(Math.min(Math.max(ticks, 1), LONGEST_MS * TICKS));
    return true;
  }

  /** Of the time from post to view, ms; `undefined` where nothing was measured. */
  latency(percent: number): number | undefined {
    return this.#latencies.count === 0 ? undefined : this.#latencies.percentile(percent) / TICKS;
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
