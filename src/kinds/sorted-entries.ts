/** One element with the newest times, ms, at which it was added and removed; -1: never. */
export type Entry = readonly [element: string, added: number, removed: number];

/**
 * A map of elements, ascending by UTF-16 code unit, that is never changed in place: a change copies one chunk and the list of chunks. Cut into chunks so that
 * one of many thousands of elements costs about a thousand pointers, not a copy of the whole.
 */
export type Entries = readonly (readonly Entry[])[];

export const NO_ENTRIES: Entries = [];
const MAX_CHUNK = 128;

/** From entries that ascend already. */
export function fromSorted(entries: readonly Entry[]): Entries {
  const chunks: Entry[][] = [];
  for (let at = 0; at < entries.length; at += MAX_CHUNK / 2) chunks.push(entries.slice(at, at + MAX_CHUNK / 2));
  return chunks;
}

export function getEntry(entries: Entries, element: string): Entry | undefined {
  const chunk = entries[chunkOf(entries, element)];
  const found = chunk?.[placeIn(chunk, element)];
  return found?.[0] === element ? found : undefined;
}

export function putEntry(entries: Entries, entry: Entry): Entries {
  const which = chunkOf(entries, entry[0]);
  const chunk = entries[which];
  if (chunk === undefined) return [[entry]];
  const place = placeIn(chunk, entry[0]);
  const replaces = chunk[place]?.[0] === entry[0];
  const changed = chunk.toSpliced(place, replaces ? 1 : 0, entry);
  if (changed.length <= MAX_CHUNK) return entries.with(which, changed);
  const half = changed.length >>> 1;
  return entries.toSpliced(which, 1, changed.slice(0, half), changed.slice(half));
}

/** The last chunk that begins with the element or before it; the first one where none does. */
function chunkOf(entries: Entries, element: string): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.[0]?.[0] ?? '') <= element) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Of the first entry that is the element or comes after it. */
function placeIn(chunk: readonly Entry[], element: string): number {
  let [low, high] = [0, chunk.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunk[middle]?.[0] ?? '') < element) low = middle + 1;
    else high = middle;
  }
  return low;
}
