import { z } from 'zod';
import { isId } from './ids.ts';
import { MAX_LOCK_TTL_MS, MIN_LOCK_TTL_MS } from './limits.ts';

const clientId = z.string().refine(isId, { error: 'badId' });

/** `POST …/items/{id}/lock`. */
export const lockRequestSchema = z.strictObject({
  clientId,
  /** How long a lease is wished; the space may give a shorter one. */
  ttlMs: z.int().min(MIN_LOCK_TTL_MS).max(MAX_LOCK_TTL_MS).optional(),
  /** Take it from whoever holds it. */
  steal: z.boolean().optional(),
});

/** `DELETE …/items/{id}/lock`, where the client is not named in the query. */
export const unlockRequestSchema = z.strictObject({ clientId });

export const lockGrantedSchema = z.strictObject({ fence: z.int().min(1), ttlMs: z.int().min(0) });

export type LockRequest = z.infer<typeof lockRequestSchema>;
