import type { Json } from '../base/json.ts';
import type { InvalidCode } from '../protocol/post-update.ts';

export type ApplyContext = {
  /** Server time, milliseconds since 1970. The same for every retry of one update. */
  readonly now: number;
  /** Version the operation is applied to; 0 on a new item. */
  readonly version: number;
};

export type Applied<State> =
  | {
      readonly result: 'ok';
      readonly state: State;
      /** The operation as it applies to exactly this state: `replay(state, delta)` gives the new one. */
      readonly delta: Json;
      /** Length of `encode(state)` as JSON, UTF-16 units, where it is known anyway. */
      readonly chars?: number;
      /** The delta says the whole value, so it is not kept. */
      readonly whole?: true;
      /** Operations counted by `index`: 0 for kinds that do not count. */
      readonly count: number;
      /** More fields of the answer. */
      readonly extra?: { readonly [field: string]: Json };
    }
  | { readonly result: 'unchanged'; readonly extra?: { readonly [field: string]: Json } }
  | { readonly result: 'conflict'; readonly extra?: { readonly [field: string]: Json } }
  | { readonly result: 'resync' }
  | { readonly result: 'invalid'; readonly code: InvalidCode; readonly detail: string }
  | { readonly result: 'tooLarge'; readonly limit: number };

/**
 * The state machine of one kind of item. Pure: no clock, no random, no I/O; states are never changed in place, so a step
 * can be tried again when somebody else's write came first. Laws:
 *
 * - `apply` looks at untrusted input and never throws on it; everything else only sees what `apply` has accepted.
 * - `apply(s, op) = {state, delta}` implies `replay(s, delta)` equals `state`.
 * - `decode(encode(s))` equals `s`.
 */
export interface Kind<State = unknown> {
  readonly name: string;
  /** Deltas of at most this many bytes are kept even where the value is smaller than they are. */
  readonly keepDeltaBytes: number;
  /** A later update makes lost ones before it pointless: they are not restored over it. */
  readonly lastWins: boolean;
  /** The state of an item that has just come into being. */
  empty(): State;
  apply(state: State, op: unknown, context: ApplyContext): Applied<State>;
  replay(state: State, delta: Json): State;
  /** As kept in cache and store. */
  encode(state: State): Json;
  decode(encoded: Json): State;
  /**
   * Only kinds that keep their history have it: the single operations of a delta, `count` of them and at least one. Each of them stays readable by its index.
   * Their deltas have at most `MAX_DELTA_BYTES`, and are never `whole`.
   */
  ops?(delta: Json): readonly Json[];
  /** As clients see it. */
  value(state: State): Json;
}

export type Kinds = ReadonlyMap<string, Kind>;
