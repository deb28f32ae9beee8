/**
 * Which of several nodes holds a place. Every instance with the same set of names agrees, in whatever order it lists
 * them; taking a node away moves only the places that node held.
 */
export class Rendezvous {
  readonly #names: readonly string[];
  readonly #known = new Map<string, number>();

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Index into the names. */
  choose(place: string): number {
    if (this.#names.length === 1) return 0;
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const chosen = chooseOf(this.#names, place);
    if (this.#known.size >= MAX_KNOWN_PLACES) this.#known.clear();
    this.#known.set(place, chosen);
    return chosen;
  }
}

const MAX_KNOWN_PLACES = 10_000;

function chooseOf(names: readonly string[], place: string): number {
  let best = 0;
  let bestWeight = -1;
  for (const [index, name] of names.entries()) {
    const weight = hash(`${name}/${place}`);
    if (weight > bestWeight || (weight === bestWeight && name < (names[best] ?? ''))) {
      best = index;
      bestWeight = weight;
    }
  }
  return best;
}

/** FNV-1a, then the finisher of MurmurHash3: FNV alone leaves names that differ in one digit close together. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
