import type { Json } from '../base/json.ts';
import type { ItemAnswer } from '../protocol/get-updates.ts';
import type { UpdateResult } from '../protocol/post-update.ts';
import type { Outcome } from './local.ts';
import type { Status } from './machine.ts';

export type Change = {
  readonly item: string;
  /** `undefined`: deleted, or not there. */
  readonly value: Json | undefined;
  readonly before: Json | undefined;
  /** Of the server's state below; 0 where there is none. */
  readonly version: number;
  /** It was made here. */
  readonly mine: boolean;
};

/** Both sides of what did not go together. */
export type Conflict = {
  readonly item: string;
  readonly mine: { readonly op: Json; readonly ifVersion: number | undefined };
  /** `value`: `undefined` with a version above 0 where the answer had no room for it; a `change` tells it. */
  readonly theirs: { readonly version: number; readonly value: Json | undefined };
};

/** An update that the server has not taken, and why. It is no longer part of the item's value. */
export type Refusal = { readonly item: string; readonly op: Json; readonly outcome: Outcome };

/** As it was told; `undefined`: it is not there any more. */
export type News = { readonly answer: ItemAnswer | undefined; readonly epoch: string };

export type Person = { readonly id: string; readonly name?: string; readonly data?: unknown };

export type ItemEvents = {
  change: Change;
  conflict: Conflict;
  refused: Refusal;
  /** The server has told something new of it; for those who keep a copy of their own. */
  news: News;
  /** The lock came or went; `false` without a call of `release`: it was lost. */
  lock: boolean;
};

export type SpaceEvents = {
  change: Change;
  conflict: Conflict;
  refused: Refusal;
  status: Status;
  clients: readonly Person[];
  /** The server has told something of these items: their value, what is stored of them, who holds them, or what became of an update made here. */
  told: readonly string[];
  /** The server has lost what it had in memory, or cannot go on from where this client was. */
  reset: { readonly reason: string };
  /** What was lost there and known here was sent back. */
  restored: { readonly item: string; readonly result: UpdateResult };
  /** A failure; those that will not pass also close the space. */
  error: unknown;
};
