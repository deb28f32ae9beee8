import type { Json } from '../base/json.ts';
import { shardOf } from './keys.ts';
import { DecodedOnce, decodeRecord, encodeRecord } from './record.ts';

/*
 * Who is here, in cache records of its own: nothing of it raises a version of an item or enters the ledger. Times are floor times, ms.
 */

/** Records per space. Every instance must agree. */
export const ROSTER_SHARDS = 8;

export type RosterClient = {
  /** Generation: one more with each join of this id. */
  readonly g: number;
  /** The subject that joined. */
  readonly s: string;
  readonly name?: string;
  readonly data?: Json;
  /** The shard's `n` at the last change that readers see, and at the join. */
  readonly at: number;
  readonly joinedAt: number;
  /** The lease ends. */
  readonly until: number;
  /** Items it holds a lock on, with the grant. */
  readonly held: Readonly<Record<string, string>>;
};

export type RosterShard = {
  /** Names this life of the record: one made anew after a loss has another, so that its numbers are not taken for those of the lost one. */
  readonly life: string;
  /** Counts the changes that readers must see. */
  readonly n: number;
  readonly clients: Readonly<Record<string, RosterClient>>;
  /** Who left: id, `n` then, time. Ascending by `n`. */
  readonly gone: readonly (readonly [id: string, at: number, time: number])[];
  /** Whoever knows less than this number missed somebody who left. */
  readonly horizon: number;
};

/** One word per shard, replaced after the shard changed. */
export type RosterPulse = { readonly words: readonly string[] };

export function rosterShardOf(client: string): number {
  return shardOf(client, ROSTER_SHARDS);
}

export function clientIn({ clients }: RosterShard, id: string): RosterClient | undefined {
  return Object.hasOwn(clients, id) ? clients[id] : undefined;
}

export function encodeRosterShard(shard: RosterShard): Buffer {
  return encodeRecord(shard);
}

const shards = new DecodedOnce((bytes: Buffer) => decodeRecord(bytes, 'roster') as unknown as RosterShard);

export function decodeRosterShard(bytes: Buffer): RosterShard {
  return shards.of(bytes);
}

export function encodeRosterPulse(pulse: RosterPulse): Buffer {
  return encodeRecord(pulse);
}

const pulses = new DecodedOnce((bytes: Buffer) => decodeRecord(bytes, 'roster pulse') as unknown as RosterPulse);

export function decodeRosterPulse(bytes: Buffer): RosterPulse {
  return pulses.of(bytes);
}
