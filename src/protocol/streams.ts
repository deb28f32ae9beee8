import { ProblemError } from './errors.ts';
import { MAX_STREAM_TTL_SECONDS } from './limits.ts';

/*
 * The words of the Durable Streams protocol that client and server share. An offset is the number of the last message before it, and where one is known the life
 * and lineage of the log that it was read in: numbers of a rollback or of a log that was deleted never pass for those of what came after. It sorts as text.
 */

export type Offset = {
  /** Messages before it. */
  readonly at: number;
  /** As of `GET …/ops`. */
  readonly lineage?: string;
};

/** Where a reader begins. */
export type From = Offset | 'now';

const OFFSET = /^(\d{16})_(?:0{16}|(\d{1,16})_(\d{1,16}))$/;

export function formatOffset(at: number, lineage: string): string {
  return `${String(at).padStart(16, '0')}_${lineage.replace('.', '_')}`;
}

export function parseOffset(name: string, text: string): Offset {
  const [whole, at, born, L] = OFFSET.exec(text) ?? [];
  if (whole === undefined || !Number.isSafeInteger(Number(at)))
    throw new ProblemError('badRequest', `${name} must be an offset that this server gave, -1 or now`);
  return { at: Number(at), ...(born === undefined ? {} : { lineage: `${born}.${L}` }) };
}

export function parseFrom(text: string): From {
  if (text === '-1') return { at: 0 };
  return text === 'now' ? 'now' : parseOffset('offset', text);
}

/** `Stream-TTL`: seconds, without sign, leading zeros, fraction or exponent. */
export function parseTtl(text: string): number {
  const seconds = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= MAX_STREAM_TTL_SECONDS))
    throw new ProblemError('badRequest', `Stream-TTL must be an integer of seconds, 0 to ${MAX_STREAM_TTL_SECONDS}`);
  return seconds;
}

/** `Stream-Expires-At`: RFC 3339. */
export function parseExpiry(text: string): string {
  if (text.length > 40 || !/^\d{4}-\d{2}-\d{2}T/.test(text) || Number.isNaN(Date.parse(text)))
    throw new ProblemError('badRequest', 'Stream-Expires-At must be a time as in RFC 3339');
  return text;
}

const COUNT = /^(?:0|[1-9]\d*)$/;

export function parseCount(name: string, text: string): number {
  const value = COUNT.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new ProblemError('badRequest', `${name} must be an integer from 0 on`);
  return value;
}

const CURSOR_MS = 20_000;
const CURSOR_SINCE = Date.UTC(2024, 9, 9);
const MAX_CURSOR_STEPS = 180;

/** Names a span of time, so that answers of one span may be shared by a cache; always later than the one that the client brings. */
export function nextCursor(now: number, brought: string | undefined, fraction: number): string {
  const current = Math.floor((now - CURSOR_SINCE) / CURSOR_MS);
  const before = brought !== undefined && /^\d{1,15}$/.test(brought) ? Number(brought) : -1;
  return String(before < current ? current : before + 1 + Math.floor(fraction * MAX_CURSOR_STEPS));
}
