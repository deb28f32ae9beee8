/** What is seen of a long list of lines of one height: lines `from` up to and without `to`, the first of them so many pixels below the top. */
export type LogWindow = { readonly from: number; readonly to: number; readonly top: number; readonly height: number };

/** Browsers draw no element that is much higher. */
export const MAX_HEIGHT = 8_000_000;
/** Lines beyond either edge, so that a quick scroll shows no gap. */
const SPARE = 8;

/** A list that would be higher than an element can be is scrolled through faster than it is long. Pure. */
export function windowOf(count: number, line: number, scrolled: number, seen: number): LogWindow {
  const full = count * line;
  const height = Math.min(full, MAX_HEIGHT);
  const way = Math.max(0, height - seen);
  const at = Math.max(0, Math.min(scrolled, way));
  const place = full <= MAX_HEIGHT || way === 0 ? at : (at / way) * (full - seen);
  const from = Math.max(0, Math.floor(place / line) - SPARE);
  const to = Math.min(count, Math.ceil((place + seen) / line) + SPARE);
  return { from, to, top: at - (place - from * line), height };
}
