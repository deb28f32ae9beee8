const FIRST_SPACE = 'demo';

/** The space that the address names behind `#`. */
export function spaceOf(hash: string): string {
  const name = hash.slice(1);
  try {
    return decodeURIComponent(name) || FIRST_SPACE;
  } catch {
    return name; // a `%` that escapes nothing: the server will say that there is no such space
  }
}

/** Where the links to the other pages lead, by their id. */
export function addressesIn(space: string): Readonly<Record<string, string>> {
  const name = encodeURIComponent(space);
  return {
    table: `/board/${name}`,
    letter: `/edit/${name}/notes`,
    sketch: `/draw/${name}/sketch`,
    words: `/set/${name}/words`,
  };
}
