import type { Json } from '../base/json.ts';
import type { UpdateResult } from '../protocol/post-update.ts';

/**
 * What became of an update: the server's answer, or `problem` (the whole request was refused), or `withdrawn`
 * (never sent), or `closed` (the space was closed before the answer; from a storage it is sent again).
 */
export type Outcome =
  | Exclude<UpdateResult, { readonly result: 'retry' }>
  | {
      readonly item: string;
      readonly result: 'problem';
      readonly status: number;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly item: string; readonly result: 'withdrawn' | 'closed' };

export type UpdateOptions = {
  /** Only over this version; 0: only where there is nothing. */
  readonly ifVersion?: number;
  /** Stored before it is acknowledged. */
  readonly durable?: boolean;
  /** The last one of a series: stored before it is acknowledged, and frees the lock. */
  readonly release?: boolean;
};

export type Acked = {
  readonly version: number;
  readonly epoch: string;
  readonly clientId: string;
  readonly seq: number;
};

export type SentAs = { readonly clientId: string; readonly seq: number };

/** An update made here, from the moment it was made until the server's state shows it. */
export type Local = {
  readonly item: string;
  readonly kind: string | undefined;
  op: Json;
  options: UpdateOptions;
  /** The lock it was made under. */
  readonly fence: number | undefined;
  /** Sent in a request of its own, since one that it was in was refused as a whole. */
  alone: boolean;
  /** The number of the request that it was sent in. */
  sentAs?: SentAs;
  /** The answer came; the state that shows it not yet. */
  acked?: Acked;
  /** It was acknowledged as this version and then lost; the store had `from`. */
  readonly lost?: { readonly version: number; readonly from: number };
  /** It may be taken back. */
  readonly apart?: true;
  /** Who waits for the outcome; empty for what an earlier page left. */
  readonly settle: ((outcome: Outcome) => void)[];
};

/** `later` made part of `earlier` where one request would do the same; whether it was. */
export function foldInto(earlier: Local, later: Local, fold: (a: Json, b: Json) => Json | undefined): boolean {
  if (earlier.alone || earlier.apart || later.apart || earlier.options.release) return false;
  // What has a condition may be refused by itself.
  if (earlier.options.ifVersion !== undefined || later.options.ifVersion !== undefined) return false;
  if (earlier.fence !== later.fence || earlier.kind !== later.kind) return false;
  let op: Json | undefined;
  try {
    op = fold(earlier.op, later.op);
  } catch {} // what is no operation of its kind is for the server to refuse
  if (op === undefined) return false;
  earlier.op = op;
  const durable = earlier.options.durable || later.options.durable;
  earlier.options = { ...earlier.options, ...later.options, ...(durable && { durable }) };
  earlier.settle.push(...later.settle);
  return true;
}

/**
 * To be sent again under its own number, after a loss: known there, it changes nothing, else it is applied again. What it had to find
 * was there the first time; it may not be now.
 */
export function repeatOf(local: Local, version: number, from: number): Local {
  const { ifVersion: _ifVersion, ...options } = local.options;
  const { item, kind, op } = local;
  return { item, kind, op, options, fence: undefined, alone: false, lost: { version, from }, settle: [] };
}

export function isDelete(op: Json): boolean {
  return typeof op === 'object' && op !== null && 'delete' in op && op.delete === true;
}
