import { z } from 'zod';
import { isId } from './ids.ts';
import {
  DEFAULT_ITEMS_PER_ANSWER,
  MAX_IDS_IN_FILTER,
  MAX_ITEMS_PER_ANSWER,
  MAX_KNOWN_IDS,
  MAX_MARKER_CHARS,
  MAX_WAIT_SECONDS,
} from './limits.ts';

const id = z.string().refine(isId, { error: 'badId' });
const pattern = z.string().refine((text) => isId(text.endsWith('*') ? text.slice(0, -1) || 'a' : text), {
  error: 'badId',
});

/** GetUpdates as JSON (`POST …/updates:get`); the query string of the GET form is read into the same shape. */
export const getUpdatesSchema = z.strictObject({
  /** Absent: snapshot. `now`: skip history. */
  marker: z.string().min(1).max(MAX_MARKER_CHARS).optional(),
  /** Seconds. Default 25 with a marker, 0 without. */
  wait: z.int().min(0).max(MAX_WAIT_SECONDS).optional(),
  limit: z.int().min(1).max(MAX_ITEMS_PER_ANSWER).default(DEFAULT_ITEMS_PER_ANSWER),
  kinds: z.array(z.string().min(1).max(32)).min(1).max(16).optional(),
  /** Ids, or prefixes ending in `*`. */
  ids: z.array(pattern).min(1).max(MAX_IDS_IN_FILTER).optional(),
  clientId: id.optional(),
  /** Whether what became durable wakes the poll. */
  durable: z.boolean().default(false),
  /** Versions the caller holds: used only to send less. */
  known: z
    .record(id, z.int().min(0))
    .refine((known) => Object.keys(known).length <= MAX_KNOWN_IDS, { error: `at most ${MAX_KNOWN_IDS} ids` })
    .optional(),
});

export type GetUpdatesQuery = z.infer<typeof getUpdatesSchema>;

const version = z.int().min(0);

export const deltaSchema = z.strictObject({
  version,
  index: z.int().min(1).optional(),
  op: z.unknown(),
  clientId: z.string().optional(),
  seq: z.int().optional(),
  updatedAt: z.string(),
});

const lockSchema = z.strictObject({ holder: z.string(), fence: version, untilMs: z.number().optional() });

const itemBase = {
  id: z.string(),
  kind: z.string(),
  version,
  durableVersion: version,
  updatedAt: z.string(),
  lock: lockSchema.optional(),
};

const itemSchema = z.union([
  z.strictObject({
    ...itemBase,
    value: z.unknown(),
    /** Versions after `from` up to `to` were lost: the item went back to what was stored. Told for ten minutes. */
    rolledBack: z.strictObject({ from: version, to: version }).optional(),
  }),
  z.strictObject({ ...itemBase, from: version, deltas: z.array(deltaSchema) }),
  z.strictObject({ ...itemBase, deleted: z.literal(true) }),
  /** a `known` id that does not exist */
  z.strictObject({ id: z.string(), version: z.literal(0), deleted: z.literal(true) }),
]);

const mustResetSchema = z.strictObject({
  reason: z.enum(['epoch', 'tooOld', 'schema', 'restored']),
  lostBefore: z.string().optional(),
});

const clientSchema = z.strictObject({
  id: z.string(),
  name: z.string().optional(),
  data: z.unknown().optional(),
  state: z.enum(['joined', 'updated', 'left']),
});

export const getUpdatesResponseSchema = z.strictObject({
  marker: z.string().max(MAX_MARKER_CHARS),
  epoch: z.string(),
  upToDate: z.boolean(),
  /** Firm when 0; otherwise at least this many more items follow. */
  changesRemaining: z.int().min(0),
  items: z.array(itemSchema).max(MAX_ITEMS_PER_ANSWER),
  clients: z.array(clientSchema).optional(),
  durable: z.record(z.string(), version).optional(),
  mustReset: mustResetSchema.optional(),
});

export type ItemAnswer = z.infer<typeof itemSchema>;
export type DeltaAnswer = z.infer<typeof deltaSchema>;
export type MustReset = z.infer<typeof mustResetSchema>;
export type GetUpdatesResponse = z.infer<typeof getUpdatesResponseSchema>;
