import { z } from 'zod';
import { isId } from './ids.ts';
import {
  MAX_KIND_CHARS,
  MAX_KINDS,
  MAX_MEMBERS,
  MAX_SPACES_PER_ANSWER,
  MAX_SUBJECT_CHARS,
  SETTING_BOUNDS,
} from './limits.ts';

const kind = z.string().min(1).max(MAX_KIND_CHARS);
const rights = z
  .string()
  .regex(
    /^(?!.*(.).*\1)[rwla]{1,4}$/,
    'must be letters of r (read), w (write), l (lock), a (admin), each at most once',
  );

function within(name: keyof typeof SETTING_BOUNDS) {
  const [from, to] = SETTING_BOUNDS[name];
  return z.int().min(from).max(to).optional();
}

/** A record of bounded size; `what` names its entries in the complaint. */
function bounded<Value extends z.ZodType>(key: z.ZodString, value: Value, max: number, what: string) {
  const few = (record: object) => Object.keys(record).length <= max;
  return z.record(key, value).refine(few, `may name at most ${max} ${what}`).optional();
}

/** `PUT /v1/spaces/{space}`: the whole of the settings; what is left out has its default. Times are milliseconds. */
export const spaceSettingsSchema = z.strictObject({
  /** Kinds that may be created; absent: all. */
  kinds: z.array(kind).min(1).max(MAX_KINDS).optional(),
  maxLocks: within('maxLocks'),
  lockTtlMs: within('lockTtlMs'),
  maxHoldMs: within('maxHoldMs'),
  /** By kind; `optional` where not named. */
  lockRules: bounded(kind, z.enum(['required', 'optional', 'none']), MAX_KINDS, 'kinds'),
  steal: z.enum(['admin', 'anyone']).optional(),
  /** Whoever was refused three times in a row at a place of a text has it to itself for 2 s. */
  textReservations: z.boolean().optional(),
  /** At most the server's own. */
  persistMs: within('persistMs'),
  leaseMs: within('leaseMs'),
  /** Rights by subject. */
  members: bounded(z.string().min(1).max(MAX_SUBJECT_CHARS), rights, MAX_MEMBERS, 'subjects'),
  tombstoneMs: within('tombstoneMs'),
  clientKeepMs: within('clientKeepMs'),
  /** A space that nobody has used for so long is deleted; absent: never. */
  idleKeepMs: within('idleKeepMs'),
  /** Resources that no item names are kept for so long. */
  resourceKeepMs: within('resourceKeepMs'),
  /** Bytes that the resources of the space may take up; never more than the server allows. */
  quotaBytes: within('quotaBytes'),
});

/** What a space is told to do. */
export type WantedSettings = z.infer<typeof spaceSettingsSchema>;

const time = z.string();
export const spaceListSchema = z.strictObject({
  spaces: z.array(z.strictObject({ id: z.string().refine(isId), createdAt: time })).max(MAX_SPACES_PER_ANSWER),
  /** Absent: there are no more. */
  after: z.string().optional(),
});
export type SpaceList = z.infer<typeof spaceListSchema>;

/** How far the deletion of a space has come; the same call goes on. */
export const spaceDeletingSchema = z.strictObject({ deleted: z.int().min(0) });
