import { z } from 'zod';
import type { Json } from '../base/json.ts';
import { ProblemError } from './errors.ts';
import type { DeltaAnswer } from './get-updates.ts';
import { isId } from './ids.ts';
import { MAX_UPDATES_PER_REQUEST } from './limits.ts';
import { missedFields, reservedSchema, withSchema } from './text.ts';

const id = z.string().refine(isId, { error: 'badId' });
const count = z.int().min(0);

/** One accepted operation of a chain that a client kept, for `restore`. */
const restoredDelta = z.strictObject({
  version: z.int().min(1),
  op: z.unknown(),
  clientId: id.optional(),
  seq: z.int().min(1).optional(),
});

/** Exactly one of `op` and `restore` must be there. */
const updateSchema = z.strictObject({
  item: id,
  kind: z.string().optional(),
  op: z.unknown().optional(),
  restore: z.strictObject({ from: count, deltas: z.array(restoredDelta).min(1).max(1000) }).optional(),
  ifVersion: count.optional(),
  durable: z.boolean().optional(),
  grab: z.boolean().optional(),
  release: z.boolean().optional(),
  fence: count.optional(),
});

export const postUpdateSchema = z.strictObject({
  clientId: id.optional(),
  seq: z.int().min(1).optional(),
  updates: z.array(updateSchema).min(1).max(MAX_UPDATES_PER_REQUEST),
});

export type Update = z.infer<typeof updateSchema>;
export type PostUpdateRequest = z.infer<typeof postUpdateSchema>;

/** Unusable as a whole: refused before anything is touched. Throws `ProblemError`. */
export function checkPostUpdate({ clientId, seq, updates }: PostUpdateRequest): void {
  const items = new Set<string>();
  for (const [i, { item, op, restore, grab, release }] of updates.entries()) {
    if ((op === undefined) === (restore === undefined))
      throw new ProblemError('badRequest', `updates[${i}]: exactly one of op and restore must be there`);
    if (grab && clientId === undefined)
      throw new ProblemError('badRequest', `updates[${i}].grab: needs the clientId that is to hold the item`);
    if (grab && release)
      throw new ProblemError('badRequest', `updates[${i}]: grab and release in one update exclude each other`);
    if (items.has(item)) throw new ProblemError('duplicateItem', `updates[${i}].item: ${item} is named more than once`);
    items.add(item);
  }
  if (seq !== undefined && clientId === undefined)
    throw new ProblemError('badRequest', 'seq needs the clientId whose requests it numbers');
}

/** Why an update can never be accepted as it is. */
export type InvalidCode =
  | 'badOp'
  | 'badElement'
  | 'badTime'
  | 'createMissing'
  | 'kindMismatch'
  | 'kindUnknown'
  | 'seqTooOld'
  | 'seqReused'
  | 'notRolledBack'
  /** Items of this kind are changed by the holder of their lock only. */
  | 'lockRequired'
  /** Items of this kind are not locked here. */
  | 'notLockable'
  | 'notJoined'
  | 'tooManyLocks'
  | 'holdTooLong';

/** Why an update cannot be taken just now. */
export type RetryCode =
  | 'storeUnavailable'
  | 'cacheUnavailable'
  | 'recovering'
  | 'contention'
  | 'overloaded'
  | 'folding'
  | 'stopping';

type At = { readonly item: string; readonly version: number; readonly durableVersion: number };

export type UpdateResult =
  | (At & {
      readonly result: 'ok';
      /** What others did since the base of the operation; null: not known any more. */
      readonly missed?: readonly DeltaAnswer[] | null;
      readonly fence?: number;
      readonly ttlMs?: number;
      readonly [extra: string]: unknown;
    })
  | (At & { readonly result: 'conflict'; readonly value?: Json; readonly [extra: string]: unknown })
  | (At & { readonly result: 'locked'; readonly holder: string; readonly ttlMs: number })
  | (At & { readonly result: 'fenced' })
  /** `value`: null where the item was deleted, absent where the answer has no more room for it. */
  | (At & { readonly result: 'resync'; readonly value?: Json })
  | { readonly item: string; readonly result: 'invalid'; readonly code: InvalidCode; readonly detail: string }
  | { readonly item: string; readonly result: 'tooLarge'; readonly limit: number }
  | { readonly item: string; readonly result: 'retry'; readonly code: RetryCode; readonly retryAfterMs: number };

export type PostUpdateResponse = { readonly epoch: string; readonly results: readonly UpdateResult[] };

const version = z.int().min(0);
const at = { item: z.string(), version, durableVersion: version };

/** The answer's schema, for OpenAPI and for the tests that hold every live answer against it. */
const updateResultSchema = z.discriminatedUnion('result', [
  z.looseObject({
    ...at,
    result: z.literal('ok'),
    fence: version.optional(),
    ttlMs: z.number().optional(),
    ...missedFields,
  }),
  z.looseObject({
    ...at,
    result: z.literal('conflict'),
    value: z.unknown().optional(),
    with: withSchema.optional(),
    reserved: reservedSchema.optional(),
    ...missedFields,
  }),
  z.strictObject({ ...at, result: z.literal('locked'), holder: z.string(), ttlMs: z.number() }),
  z.strictObject({ ...at, result: z.literal('fenced') }),
  z.strictObject({ ...at, result: z.literal('resync'), value: z.unknown().optional() }),
  z.strictObject({ item: z.string(), result: z.literal('invalid'), code: z.string(), detail: z.string() }),
  z.strictObject({ item: z.string(), result: z.literal('tooLarge'), limit: z.int() }),
  z.strictObject({ item: z.string(), result: z.literal('retry'), code: z.string(), retryAfterMs: z.int() }),
]);

export const postUpdateResponseSchema = z.strictObject({
  epoch: z.string(),
  results: z.array(updateResultSchema).min(1).max(MAX_UPDATES_PER_REQUEST),
});
