import { z } from 'zod';
import { deltaSchema } from './get-updates.ts';
import { MAX_TEXT_EDITS } from './limits.ts';

/*
 * For the description of the interface, and for tests that hold answers against it: what comes in is read by the kind itself, which every update passes.
 */

const count = z.int().min(0);
const editSchema = z.tuple([count, count, z.string()]);
const editsSchema = z.strictObject({ edits: z.array(editSchema).max(MAX_TEXT_EDITS) });

export const textOperationSchema = z.union([
  z.strictObject({ base: count, edits: editsSchema.shape.edits }),
  z.strictObject({ base: count, text: z.string() }),
  z.strictObject({
    create: z.strictObject({ granularity: z.enum(['touch', 'line']).optional(), text: z.string().optional() }),
  }),
  z.strictObject({ delete: z.literal(true) }),
]);

/** In the answer to an operation that others came before. `missed: null`: what they did is not known any more. */
export const missedFields = {
  missed: z.array(deltaSchema).nullable().optional(),
  op: z.unknown().optional(),
};

/** Why an edit is refused that nobody's edit is in the way of; or, to the holder, what it was given. */
export const reservedSchema = z.strictObject({ holder: z.string(), ttlMs: count });

/** Edits that are in the way, where they are in the text as it stands. */
export const withSchema = z.array(
  z.strictObject({ version: count, clientId: z.string().optional(), from: count, to: count }),
);
