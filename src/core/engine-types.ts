import type { Json } from '../base/json.ts';
import type { Kind } from '../kinds/kind.ts';
import type { Head } from '../model/head.ts';
import type { StoredPicture } from '../model/raster-record.ts';
import type { JoinRequest } from '../protocol/clients.ts';
import type { Problem } from '../protocol/errors.ts';
import type { GetUpdatesQuery } from '../protocol/get-updates.ts';
import type { ClientId, ItemId, SpaceId } from '../protocol/ids.ts';
import type { LockRequest } from '../protocol/locks.ts';
import type { OpsQuery, OpsResponse } from '../protocol/ops.ts';
import type { PostUpdateRequest, PostUpdateResponse, Update, UpdateResult } from '../protocol/post-update.ts';

/** Who asks. `subject` is the authenticated identity; `anonymous` in mode `none`. */
export type Caller = {
  readonly subject: string;
};

/** `overLocks`: for admins; the updates pass locks and end them. Nothing that a client sends sets it. */
export type PostOptions = { readonly overLocks?: true };

/** One answer of GetUpdates. The same object goes to every poll that asked the same question: never change it. */
export type Answer = {
  /** The body, JSON in UTF-8. */
  readonly body: Buffer;
  /** The marker in it. */
  readonly marker: string;
  /** Nothing in it but a fresh marker. */
  readonly empty: boolean;
  /** The first page of a snapshot that nobody asked for: the marker could not be gone on from. */
  readonly reset?: boolean;
  /** What it tells stays true: for whoever asks this, or as long as the item is in this life. */
  readonly fixed?: 'for ever' | 'in this life';
};

export type PollOutcome = { readonly answer: Answer } | { readonly problem: Problem };

/** The current state of one item, for `GET …/items/{id}`. */
export type ItemState = {
  readonly kind: string;
  readonly version: number;
  readonly durableVersion: number;
  readonly updatedAt: string;
  readonly deleted: boolean;
  /** Of the kind's public form; absent when deleted or never there. */
  readonly value?: Json;
};

/** An item as it stands, for the server itself. */
export type Standing = { readonly head: Head; readonly kind: Kind; readonly state: unknown };

/** Who is in the spaces. Throws `ProblemError`, or what kept cache or store from answering. */
export interface Clients {
  /** The body of the answer: the client, and the first page of a snapshot that it is in. */
  join(space: SpaceId, request: JoinRequest, caller: Caller): Promise<Buffer>;
  /** What a client says of itself; shown to the others a moment later. */
  patch(space: SpaceId, client: ClientId, data: Json, caller: Caller): Promise<void>;
  /** Generations up to this one leave; without one, whichever is here. */
  leave(space: SpaceId, client: ClientId, generation: number | undefined, caller: Caller): Promise<void>;
  /** Calls when a space has been empty for a lease: at least once each time, on some instance. */
  onEmpty(handler: EmptyHandler): void;
}

/** Work for when everybody has left. May be done more than once, and by several instances; a rejection means: not done, come again. Whoever takes long looks again before it takes away what people who came back would use. */
export type EmptyHandler = (space: string, isStillEmpty: () => Promise<boolean>) => Promise<void>;

/** A picture as it is sent. */
export type PictureFile = StoredPicture & { readonly png: Uint8Array };

/** Throws `ProblemError`. */
export interface PictureAnswers {
  /** With all that is accepted, as PNG; of a version as it is stored, `undefined` where it is not. */
  file(space: SpaceId, item: ItemId, version?: number): Promise<PictureFile | undefined>;

  /** What is stored after a version, oldest first. */
  stored(space: SpaceId, item: ItemId, after: number): Promise<readonly StoredPicture[]>;
}

/** What became of a request for a lock. */
export type LockAnswer =
  | { readonly result: 'granted'; readonly fence: number; readonly ttlMs: number }
  | { readonly result: 'locked'; readonly holder: string; readonly ttlMs: number };

/** The flows of the product, as the HTTP side and the tests see them. Made by `createEngine` in `core/engine.ts`. */
export interface Engine {
  /** Resolves for every usable request; throws `ProblemError` only where the whole request is unusable. */
  postUpdate(
    space: SpaceId,
    request: PostUpdateRequest,
    caller: Caller,
    how?: PostOptions,
  ): Promise<PostUpdateResponse>;

  /** One update outside a batch; what `PUT/PATCH/DELETE …/items/{id}` stands on. */
  update(space: SpaceId, update: Update, caller: Caller): Promise<UpdateResult>;

  /**
   * GetUpdates. Calls `deliver` exactly once unless cancelled first, at the latest when the wait has run out.
   * Returns the cancellation (the client went away): frees the waiter at once. `caller` tells whose the `clientId` is.
   */
  poll(space: SpaceId, query: GetUpdatesQuery, deliver: (outcome: PollOutcome) => void, caller?: Caller): () => void;

  /** The operations of an item from an index on; without any, waits for one. `deliver` and what is returned as for `poll`. */
  ops(space: SpaceId, item: ItemId, query: OpsQuery, deliver: (outcome: PollOutcome) => void): () => void;

  /** Pictures as files. */
  readonly pictures: PictureAnswers;

  /** Who is in the spaces. */
  readonly clients: Clients;

  /** Grabs an item for a client, or renews its lease. `admin`: the caller may take it from its holder where only admins may. Throws `ProblemError`. */
  lock(space: SpaceId, item: ItemId, ask: LockRequest, caller: Caller, admin: boolean): Promise<LockAnswer>;

  /** Whatever comes before: afterwards the client does not hold the item. `admin`: also where it is somebody else's client. */
  unlock(space: SpaceId, item: ItemId, client: string, caller: Caller, admin: boolean): Promise<void>;

  /** A client has left: each item that it holds under the grant named is released. */
  freeLocks(
    space: SpaceId,
    name: Caller & { readonly client: string },
    held: Readonly<Record<string, string>>,
  ): Promise<void>;

  /** `undefined` when the item never existed. Throws `ProblemError` when cache or store do not answer. */
  readItem(space: SpaceId, item: ItemId): Promise<ItemState | undefined>;

  /** The same with what only the server itself has to know. */
  readStanding(space: SpaceId, item: ItemId): Promise<Standing | undefined>;

  /** The operations of an item from an index on, as they are now. Throws `ProblemError`, or what kept cache or store from answering. */
  readOps(space: SpaceId, item: ItemId, query: OpsQuery): Promise<OpsResponse>;

  /** Stores and closes what other, dead instances left. Bounded in time. */
  sweep(): Promise<{ readonly swept: number; readonly pruned: number }>;

  /** What the operator looks at. */
  stats(): EngineStats;

  /** Answers parked polls with a retry hint and refuses new work; then flushes, released items first, until `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

export type EngineStats = {
  readonly parkedPolls: number;
  readonly coldReads: number;
  /** Spaces of which a snapshot is being read for a `mustReset`. */
  readonly resyncs: number;
  readonly dirtyItems: number;
  readonly oldestDirtyMs: number;
  readonly watchedSpaces: number;
};

export type EngineConfig = {
  /** Shards of the recent index of each space; every instance must agree. */
  readonly indexShards: number;
  readonly ledgerShards: number;
  /** N: the longest an unreleased item goes unstored, and the length of a coverage, in milliseconds. */
  readonly persistMs: number;
  /** Every update is in the store before its answer (embedded mode: the cache dies with the process). */
  readonly durableAlways: boolean;
  /** How often each instance looks for what dead ones left. */
  readonly sweepMs: number;
  /** Tombstones are kept at least this long. */
  readonly tombstoneMs: number;
  /** A shard of the recent index is kept below this size by forgetting its oldest entries. */
  readonly indexShardBytes: number;
  /** Entries of the recent index are kept at least this long, in floor time. */
  readonly indexRetentionMs: number;
  /** The sealing keys of markers: the first seals, all open. */
  readonly secrets: readonly string[];
  /** Oldest unstored change beyond which first updates are refused, and beyond which all are. */
  readonly refuseFirstAfterMs: number;
  readonly refuseAllAfterMs: number;
  readonly maxDirtyItems: number;
  readonly maxParkedPolls: number;
  /** Spaces of which a snapshot is being read at once. */
  readonly maxColdReads: number;
  /** Answers whose items have so many characters are kept for a while, for who asks the same. */
  readonly keepAnswersFrom: number;
  /** Of which one is being read for readers that have to begin anew (`mustReset`). */
  readonly maxResyncs: number;
  /** Stored pictures that are younger are all kept; then one an hour while they are younger than the second; then one a day. */
  readonly pictureAllMs: number;
  readonly pictureHourlyMs: number;
};

export const DEFAULT_ENGINE_CONFIG: Omit<EngineConfig, 'secrets'> = {
  indexShards: 4,
  ledgerShards: 4,
  persistMs: 5_000,
  durableAlways: false,
  sweepMs: 10_000,
  tombstoneMs: 24 * 3_600_000,
  indexRetentionMs: 300_000,
  indexShardBytes: 512 * 1024,
  refuseFirstAfterMs: 60_000,
  refuseAllAfterMs: 300_000,
  maxDirtyItems: 100_000,
  maxParkedPolls: 20_000,
  maxColdReads: 200,
  keepAnswersFrom: 1_024,
  maxResyncs: 50,
  pictureAllMs: 3_600_000,
  pictureHourlyMs: 24 * 3_600_000,
};
