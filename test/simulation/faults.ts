import type { EngineConfig } from '../../src/core/engine-types.ts';
import type { PauseFault } from './scheduler.ts';

/** Probabilities are per operation, times virtual ms. */
export type CacheFaults = {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMs: number;
  /** No answer: never carried out, carried out, or carried out up to `lateMs` after the caller gave up. */
  readonly unclear: number;
  readonly lateMs: number;
  /** Refused for want of memory. */
  readonly full: number;
};

export type StoreFaults = {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMs: number;
  readonly refused: number;
  /** The answer of a commit is lost: not committed, committed, or committed later unless a record changed before. */
  readonly unclear: number;
  /** A transaction decides once more, on records that are read later. */
  readonly again: number;
};

export type BlobFaults = {
  readonly latencyMs: number;
  readonly slow: number;
  readonly slowMs: number;
  readonly refused: number;
  /** No answer: carried out up to `lateMs` after the caller gave up. */
  readonly unclear: number;
  readonly lateMs: number;
};

export type BusFaults = { readonly lost: number; readonly doubled: number; readonly lateMs: number };

export type HttpFaults = {
  readonly latencyMs: number;
  readonly answerLost: number;
  /** Share of requests whose client gives up early. */
  readonly impatient: number;
};

export type ClockFaults = { readonly skewMs: number; readonly driftPerMille: number };

export type ChaosEvent =
  | 'evictHead'
  | 'evictBody'
  | 'evictIndex'
  | 'evictLedger'
  | 'evictFloor'
  | 'evictSeen'
  | 'evictRoster'
  | 'evictRosterPulse'
  | 'evictLease'
  | 'evictRaster'
  | 'evictTile'
  | 'blobOutage'
  | 'restartCache'
  | 'restartNode'
  | 'cacheOutage'
  | 'nodeOutage'
  | 'cutInstance'
  | 'storeOutage'
  | 'breakConnection'
  | 'kill'
  | 'stop'
  | 'pause'
  | 'clockJump';

export type Chaos = {
  readonly events: number;
  readonly gapMs: number;
  readonly weights: { readonly [event in ChaosEvent]?: number };
};

export type Workload = {
  /** How many spaces; clients are spread over them, and all of them use the same item ids. */
  readonly spaces: number;
  readonly writers: number;
  /** Clients that hold items. */
  readonly lockers: number;
  /** They join the space, poll, lapse and leave: what they hold is in the records that the server keeps of clients. */
  readonly joins: boolean;
  readonly requests: number;
  readonly readers: number;
  readonly polls: number;
  /** Clients that follow the operations of an item. */
  readonly viewers: number;
  /** Clients that draw, where all items are pictures. */
  readonly drawers: number;
  /** The items that are used: the fewer, the more often clients meet. */
  readonly items: readonly string[];
  /** Longest usual pause between two requests of a client, and the rare long one. */
  readonly gapMs: number;
  readonly longGapMs: number;
  readonly deletes: number;
  readonly durables: number;
  readonly releases: number;
  readonly conditionals: number;
  readonly batches: number;
  /** Share of readers that begin at `now`, that filter, that tell what they know. */
  readonly fromNow: number;
  readonly filters: number;
  readonly known: number;
  /** Share of the chances to restore that clients take; of these, the share of chains that are cut short, forged, sent late, sent twice. */
  readonly restores: number;
  readonly badChains: number;
  /** Longest pause before a request is sent again. */
  readonly repeatMs: number;
  /** Bytes by which every operation on a journal is padded; one is chosen for each run. */
  readonly padBytes: readonly number[];
};

export type SimConfig = {
  readonly name: string;
  /** Of the cache. All keys of a space are on one of them. */
  readonly nodes: number;
  readonly cache: CacheFaults;
  readonly store: StoreFaults;
  readonly blobs: BlobFaults;
  /** An instance dies just when something that it wanted of a raster, a tile or the blobs was carried out. */
  readonly crash: number;
  readonly bus: BusFaults;
  readonly http: HttpFaults;
  readonly clock: ClockFaults;
  readonly pauses: PauseFault;
  readonly chaos: Chaos;
  readonly work: Workload;
  readonly engine: Partial<EngineConfig>;
  readonly maxSteps: number;
};
