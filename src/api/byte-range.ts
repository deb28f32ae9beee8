/** Bytes `start..end`, both included. */
export type Range = { readonly start: number; readonly end: number };

const FORM = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/;

/**
 * RFC 9110, 14.2, of something with `size` bytes: one range. `undefined`: none was asked, or one of a form that is answered as a whole (several
 * ranges, another unit, an end before its start). `outside`: nothing of it is there.
 */
export function readRange(header: string | undefined, size: number): Range | 'outside' | undefined {
  const match = FORM.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first, last = '', suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? 'outside' : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Number(last);
  if (last !== '' && end < start) return undefined;
  return start >= size ? 'outside' : { start, end: Math.min(end, size - 1) };
}
