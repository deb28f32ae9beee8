import { z } from 'zod';
import { MAX_OPS_PER_ANSWER } from './limits.ts';

/** `GET …/items/{item}/ops`. */
export type OpsQuery = {
  readonly index: number;
  readonly limit: number;
  /** Seconds. */
  readonly wait: number;
  /** As in the answer that the caller goes on from. */
  readonly lineage?: string;
};

export const LINEAGE = /^\d{1,16}\.\d{1,16}$/;

const opSchema = z.strictObject({
  index: z.int().min(1),
  version: z.int().min(1),
  op: z.unknown(),
  clientId: z.string().optional(),
  seq: z.int().optional(),
  updatedAt: z.string(),
});

export const opsResponseSchema = z.strictObject({
  ops: z.array(opSchema).max(MAX_OPS_PER_ANSWER),
  nextIndex: z.int().min(1),
  lineage: z.string().regex(LINEAGE),
  /** What the caller has from this index on is not in the item any more. */
  replaced: z.int().min(1).optional(),
  /** There was nothing after `nextIndex - 1`. */
  upToDate: z.boolean(),
});

export type OpAnswer = z.infer<typeof opSchema>;
export type OpsResponse = z.infer<typeof opsResponseSchema>;
