/** A hash as it stands in a value, and not a part of something longer. */
const HASH = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/** What may be hashes of resources in what is stored of an item. */
export function* namedResources(data: string): Generator<string> {
  for (const [hash] of data.matchAll(HASH)) yield hash;
}

export function namesResource(data: string): boolean {
  return data.search(HASH) >= 0;
}
