import { z } from 'zod';
import { MAX_DIRECT_RESOURCE_BYTES, MAX_RESOURCES } from './limits.ts';

/** SHA-256 of a resource's bytes, hexadecimal: its name within its space. */
export type ResourceHash = string & { readonly resourceHash: true };

const HASH = /^[0-9a-f]{64}$/;

export function parseResourceHash(text: string): ResourceHash | undefined {
  return HASH.test(text) ? (text as ResourceHash) : undefined;
}

const hash = z.string().regex(HASH);
const bytes = z.int().min(0);
const url = z.string();
const expiresInMs = z.int();

export const resourceSchema = z.strictObject({
  hash,
  /** What its first bytes say: an image that browsers show, or `application/octet-stream`. */
  type: z.string(),
  size: bytes,
  /** Of images, in pixels. */
  width: z.int().min(1).optional(),
  height: z.int().min(1).optional(),
});
export type Resource = z.infer<typeof resourceSchema>;

export const resourceUsageSchema = z.strictObject({
  count: z.int().min(0),
  bytes,
  quotaBytes: bytes,
  maxCount: z.literal(MAX_RESOURCES),
});
export type ResourceUsage = z.infer<typeof resourceUsageSchema>;

/** `POST …/uploads`: a resource that is to go past the server. */
export const uploadRequestSchema = z.strictObject({ size: z.int().min(1).max(MAX_DIRECT_RESOURCE_BYTES) });

/** Where the bytes go: `PUT url` with exactly these headers, then `POST …/uploads/{upload}`. */
export const uploadTicketSchema = z.strictObject({
  upload: z.string(),
  url,
  headers: z.record(z.string(), z.string()),
  expiresInMs,
});
export type UploadTicket = z.infer<typeof uploadTicketSchema>;

export const resourceUrlSchema = z.strictObject({ url, expiresInMs });
export type ResourceUrl = z.infer<typeof resourceUrlSchema>;
