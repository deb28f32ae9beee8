import { z } from 'zod';
import { getUpdatesResponseSchema } from './get-updates.ts';
import { isId } from './ids.ts';
import { MAX_CLIENT_DATA_BYTES, MAX_CLIENT_NAME_CHARS } from './limits.ts';

const data = z.unknown().refine((value) => Buffer.byteLength(JSON.stringify(value) ?? '') <= MAX_CLIENT_DATA_BYTES, {
  error: `at most ${MAX_CLIENT_DATA_BYTES} bytes as JSON`,
});

/** `POST …/clients`. */
export const joinSchema = z.strictObject({
  /** Made by the server where absent. */
  clientId: z.string().refine(isId, { error: 'badId' }).optional(),
  name: z.string().min(1).max(MAX_CLIENT_NAME_CHARS).optional(),
  data: data.optional(),
});

export type JoinRequest = z.infer<typeof joinSchema>;

/** `PATCH …/clients/{id}`. */
export const patchClientSchema = z.strictObject({
  data: data.refine((value) => value !== undefined, { error: 'must be there; null where there is nothing' }),
});

/** The answer to a join: the client, and the first page of a snapshot that it is already in. */
export const joinResponseSchema = getUpdatesResponseSchema.extend({
  clientId: z.string(),
  generation: z.int().min(1),
  leaseMs: z.int().min(1),
  /** The number of this client's first request. */
  nextSeq: z.int().min(1),
});
