const ID_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Randomness that one number repeats exactly: sfc32, its state filled by splitmix32. */
export class Seeded {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number) {
    const fill = splitmix32((seed >>> 0) ^ Math.imul(Math.floor(seed / 0x1_0000_0000), 0x9e3779b1));
    this.#a = fill();
    this.#b = fill();
    this.#c = fill();
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** 32 bits. */
  bits(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  fraction(): number {
    return this.bits() / 0x1_0000_0000;
  }

  id(): string {
    let id = '';
    for (let i = 0; i < 16; i++) id += ID_LETTERS[this.bits() >>> 26];
    return id;
  }

  /** 0 … below - 1; 0 where `below` is less than 1. */
  int(below: number): number {
    return below < 1 ? 0 : Math.floor(this.fraction() * below);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.int(list.length)] as T;
  }

  /** A key of `weights`, as often as its weight says. */
  weighted<Name extends string>(weights: { readonly [name in Name]?: number }): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let point = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      point -= weight;
      if (point < 0) return name;
    }
    return this.pick(entries)[0];
  }

  /** Another stream, so that one more draw here does not shift the draws there. */
  fork(): Seeded {
    return new Seeded(this.bits() * 0x10_0000 + (this.bits() >>> 12));
  }
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}
