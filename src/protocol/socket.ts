import { z } from 'zod';
import { getUpdatesResponseSchema, getUpdatesSchema } from './get-updates.ts';
import { MAX_MARKER_CHARS } from './limits.ts';
import { postUpdateResponseSchema, postUpdateSchema } from './post-update.ts';

/** Chosen by the client; the answer repeats it. */
const id = z.int().min(0);

/** GetUpdates, going on by itself until another one takes its place. A socket waits as long as it is open. */
const watchSchema = getUpdatesSchema.omit({ wait: true }).extend({ type: z.literal('watch'), id });

const postSchema = postUpdateSchema.extend({ type: z.literal('post'), id });

/** Answered `alive` at once: whether anybody is there. */
const pingSchema = z.strictObject({ type: z.literal('ping') });

/** What a client may send over a socket: one JSON text each. */
export const clientMessageSchema = z.discriminatedUnion('type', [watchSchema, postSchema, pingSchema]);

/** Of `Problem`, for messages and the description of the API. */
export const problemSchema = z.looseObject({
  status: z.int(),
  code: z.string(),
  title: z.string(),
  detail: z.string(),
  retryAfterMs: z.int().optional(),
});

/** What a server sends over a socket: one JSON text each. */
export const serverMessageSchema = z.discriminatedUnion('type', [
  /** From here on `updates` belong to this `watch`. */
  z.strictObject({ type: z.literal('watching'), id }),
  z.strictObject({ type: z.literal('updates'), answer: getUpdatesResponseSchema }),
  /** The client was too slow: it has everything up to here, and of what came since it gets newest states only. */
  z.strictObject({ type: z.literal('resync'), marker: z.string().max(MAX_MARKER_CHARS) }),
  z.strictObject({ type: z.literal('posted'), id, answer: postUpdateResponseSchema }),
  /** With `id`: of that message. Without: the watch has ended, or the message could not be read. */
  z.strictObject({ type: z.literal('problem'), id: id.optional(), problem: problemSchema }),
  z.strictObject({ type: z.literal('alive') }),
]);

export type ClientMessage = z.infer<typeof clientMessageSchema>;
export type WatchMessage = Extract<ClientMessage, { type: 'watch' }>;
export type PostMessage = Extract<ClientMessage, { type: 'post' }>;
export type ServerMessage = z.infer<typeof serverMessageSchema>;

/** Offered by a client that wants to be sure whom it speaks to; none is needed. */
export const SOCKET_PROTOCOL = 'longshore.v1';

/** Why the server closes a socket. RFC 6455 leaves 4000 to 4999 to applications. */
export const CLOSE = {
  /** The instance stops; another one goes on. */
  goingAway: 1001,
  /** Only text is taken. */
  unsupported: 1003,
  /** The right to read was taken back, or the token behind the connection has ended. */
  forbidden: 4403,
  /** The client does not take what it is sent: begin again from the last marker. */
  tooSlow: 4408,
} as const;
