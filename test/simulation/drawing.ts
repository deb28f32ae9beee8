import type { Json } from '../../src/base/json.ts';
import { TILE_SIDE } from '../../src/raster/raster.ts';
import type { Seeded } from './seeded.ts';

const TILES = 3;
export const PICTURE_SIZE = { width: TILES * TILE_SIDE, height: 16 };

/** Operations on pictures that can be told from each other: each draws in a colour of its own, on one tile or two. */
export class Drawing {
  readonly #random: Seeded;
  readonly #names: string[] = [];

  constructor(random: Seeded) {
    this.#random = random;
  }

  /** `more`: two operations in one update. */
  op(name: string, more: boolean): Json {
    return more ? { ops: [this.#single(name), this.#single(`${name}.more`)] } : this.#single(name);
  }

  nameOf(op: unknown): string {
    const [pixel] = (op as { readonly pixels?: readonly { readonly c: string }[] }).pixels ?? [];
    return (pixel && this.#names[Number.parseInt(pixel.c.slice(1), 16)]) ?? 'unknown';
  }

  #single(name: string): Json {
    const n = this.#names.push(name) - 1;
    const c = `#${n.toString(16).padStart(6, '0')}`;
    const first = this.#random.int(TILES);
    const tiles = this.#random.chance(0.3) ? [first, (first + 1) % TILES] : [first];
    return { pixels: tiles.map((tile) => ({ x: tile * TILE_SIDE, y: 0, c })) };
  }
}
