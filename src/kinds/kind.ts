import type { Json } from '../base/json.ts';
import type { InvalidCode } from '../protocol/post-update.ts';
import type { Places } from './places.ts';

/** One accepted operation, as it led to version `v`. */
export type Since = {
  readonly v: number;
  readonly op: Json;
  /** Client that sent it. */
  readonly c?: string;
  /** What it takes to undo it, where its kind told. */
  readonly u?: Json;
  /** It was brought back by a restore; its number before it was lost. */
  readonly r?: number;
};

/** Edits that make one text of another: at `from`, so many units go, and this comes. */
export type Difference = readonly (readonly [from: number, del: number, ins: string])[];
export type Compare = (before: string, after: string) => Promise<Difference>;

export type ApplyContext = {
  /** Server time, milliseconds since 1970. The same for every retry of one update. */
  readonly now: number;
  /** Version the operation is applied to; 0 on a new item. */
  readonly version: number;
  /** Names the life of the item that the operation is applied to. */
  readonly born?: number | undefined;
  /** Client id of the sender. */
  readonly client?: string | undefined;
  /** What was accepted after the version that `baseOf` names, oldest first; `lost`: it is not known any more. */
  readonly since?: readonly Since[] | 'lost' | undefined;
};

/** For kinds in which a place can be kept for one writer. */
export interface PlacesOf<State> {
  /** Where an operation that was refused would have changed what others have since; at most so many places of this state. */
  contested(state: State, op: unknown, since: readonly Since[], max: number): Places;
  /** Does an accepted delta, which led to the state `after`, change anything there? */
  touched(places: Places, delta: Json, after: State): boolean;
  /** Where they are after that delta. */
  moved(places: Places, delta: Json, after: State): Places;
}

export type Applied<State> =
  | {
      readonly result: 'ok';
      readonly state: State;
      /** The operation as it applies to exactly this state: `replay(state, delta)` gives the new one. */
      readonly delta: Json;
      /** Kept with the delta, shown to nobody: `undo` needs it. */
      readonly undo?: Json;
      /** Length of `encode(state)` as JSON, UTF-16 units, where it is known anyway. */
      readonly chars?: number;
      /** The delta says the whole value, so it is not kept. */
      readonly whole?: true;
      /** Operations counted by `index`: 0 for kinds that do not count. */
      readonly count: number;
      /** The store has to have it before the answer, whatever the update says. */
      readonly durable?: boolean;
      /** More fields of the answer. */
      readonly extra?: { readonly [field: string]: Json };
    }
  | { readonly result: 'unchanged'; readonly extra?: { readonly [field: string]: Json } }
  | { readonly result: 'conflict'; readonly extra?: { readonly [field: string]: Json } }
  | { readonly result: 'resync' }
  | { readonly result: 'invalid'; readonly code: InvalidCode; readonly detail: string }
  | { readonly result: 'tooLarge'; readonly limit: number };

/** One operation of a chain to be restored. */
export type Lost = {
  readonly version: number;
  readonly op: Json;
  /** Not to be applied: it is in the item already, or was refused since. */
  readonly skip: boolean;
};

/**
 * The state machine of one kind of item. Pure: no clock, no random, no I/O; states are never changed in place, so a step
 * can be tried again when somebody else's write came first. Laws:
 *
 * - `apply` looks at untrusted input and never throws on it; so do `baseOf` and `bringBack`. Everything else only sees what `apply` has accepted.
 * - `apply(s, op) = {state, delta}` implies `replay(s, delta)` equals `state`.
 * - `decode(encode(s))` equals `s`.
 */
export interface Kind<State = unknown> {
  readonly name: string;
  /** Deltas of at most this many bytes are kept even where the value is smaller than they are. */
  readonly keepDeltaBytes: number;
  /** A value of at most this many bytes lives in the head, instead of `MAX_INLINE_BYTES`. */
  readonly inlineBytes?: number;
  /** Deltas of a value of so many bytes that the head holds itself, instead of `MAX_TAIL_BYTES`. Every update writes them again. */
  tailBytes?(valueBytes: number): number;
  /** A value of more bytes is stored apart from its row, which then holds the deltas that lead on from it. Absent: it never is. */
  readonly apartBytes?: number;
  /** A later update makes lost ones before it pointless: they are not restored over it. */
  readonly lastWins: boolean;
  /** The state of an item that has just come into being. */
  empty(): State;
  /**
   * The version that an operation was made on, for kinds that have to know what came since. What did is then in `ApplyContext.since`, and in the answer as `missed`;
   * `undefined` for operations to which that does not matter.
   */
  baseOf?(op: unknown): number | undefined;
  apply(state: State, op: unknown, context: ApplyContext): Applied<State>;
  replay(state: State, delta: Json): State;
  /** The state before a delta; `undefined` where the delta does not tell. */
  undo?(state: State, delta: Since): State | undefined;
  /** Of an operation that says a whole value: the ordinary one that does the same to the state it was made on. Others stay as they are. */
  unfold?(op: unknown, state: State, compare: Compare): Promise<unknown | 'tooLarge'>;
  /**
   * For kinds whose operations make sense only after those that they followed: what a chain of lost ones does to an item in which `since` came about instead. An
   * operation for each, `undefined` where it is left out; `undefined` altogether where they are none that were ever accepted.
   */
  bringBack?(
    state: State,
    chain: readonly Lost[],
    since: readonly Since[],
  ): { readonly state: State; readonly ops: readonly (Json | undefined)[] } | undefined;
  readonly places?: PlacesOf<State>;
  /** As kept in cache and store. */
  encode(state: State): Json;
  decode(encoded: Json): State;
  /**
   * Only kinds that keep their history have it: the single operations of a delta, `count` of them. Each of them stays readable by its index.
   * Their deltas have at most `MAX_DELTA_BYTES`, and are never `whole`.
   */
  ops?(delta: Json): readonly Json[];
  /** As clients see it. */
  value(state: State): Json;
}

export type Kinds = ReadonlyMap<string, Kind>;
