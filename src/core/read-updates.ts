import { seenKey } from '../model/keys.ts';
import type { MustReset } from '../protocol/get-updates.ts';
import { Permits } from './limits/permits.ts';
import { decodeSeen } from './marker.ts';
import type { Observation } from './observe.ts';
import { type RosterMark, tellRoster } from './presence/tell-roster.ts';
import { type Evaluated, type Look, type Question, questionKey } from './question.ts';
import { Reading, type ReadingParts } from './reading.ts';
import type { ShardReader } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { scanStore } from './store-scan.ts';

/** Who is to begin anew and is not taken just now comes back between once and three times this much later, ms. */
const RESYNC_AGAIN_MS = 1_000;

/** The reader's flow, from one observation to the answers to several questions. */
export class UpdateReader {
  readonly #parts: ReadingParts;
  readonly #shards: ShardReader;
  /** Spaces of which a snapshot is being read for readers that have to begin anew. */
  readonly resyncs: Permits;

  constructor(parts: ReadingParts, shards: ShardReader) {
    const { deps } = parts;
    this.#parts = parts;
    this.#shards = shards;
    const soon = () => Math.round(RESYNC_AGAIN_MS * (1 + 2 * deps.random.fraction()));
    this.resyncs = new Permits('snapshots for readers that begin anew', deps.config.maxResyncs, soon);
  }

  observe(space: SpaceState, questions: readonly Question[]): Promise<Observation> {
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    const rosters: RosterMark[] = [];
    for (const { marker } of questions) {
      if (!marker || marker === 'now') continue;
      min = Math.min(min, marker.T);
      max = Math.max(max, marker.T);
      if (marker.roster.n.length > 0) rosters.push(marker.roster);
    }
    return this.#parts.observer.observe(space, min, max, rosters);
  }

  async evaluate(space: SpaceState, seen: Observation, question: Question, look: Look): Promise<Evaluated> {
    const reading = new Reading(this.#parts, { space, seen, question, heads: look.heads });
    const again = (reason: MustReset['reason']) => this.#reset(reading, question, look, reason);
    const marker = await this.#withSpill(space, question);
    if (marker === 'now') return reading.fromNow();
    if (!marker && question.reset) return again(question.reset);
    if (!marker) return reading.snapshot(undefined);
    if (marker.e !== seen.epoch || marker.T > seen.T) return again('epoch');
    const told = tellRoster(seen.roster, marker.roster);
    if (told.lost) return again('tooOld');
    if (marker.cycle?.snap) return reading.snapshot(marker);
    const scan = marker.T < seen.since ? await scanStore(this.#parts.deps, this.#shards, space.id, marker) : [];
    return scan ? reading.changes(marker, scan, told) : again('tooOld');
  }

  /** Page 1 of a snapshot, within the bounds of resyncs. It does not depend on the marker: all that ask the same in one look get the same. */
  #reset(reading: Reading, question: Question, { resets }: Look, reason: MustReset['reason']): Promise<Evaluated> {
    this.#parts.deps.metrics.count('resyncs');
    const key = `${reason}|${questionKey('', question)}|${JSON.stringify(question.known ?? {})}`;
    let reset = resets.get(key);
    if (!reset) {
      reset = this.resyncs.run(() => reading.snapshot(undefined, reason));
      resets.set(key, reset);
    }
    return reset;
  }

  async #withSpill(space: SpaceState, question: Question): Promise<Question['marker']> {
    const { marker, spill } = question;
    if (!spill || !marker || marker === 'now') return marker;
    const [entry] = await this.#parts.deps.cache.get([seenKey(space.id, spill)]);
    return entry ? { ...marker, seen: decodeSeen(entry.value) } : marker;
  }
}
