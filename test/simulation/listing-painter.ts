import type { PackedTile, Painted, Painter, PaintJob } from '../../src/ports/painters.ts';
import { TILE_SIDE } from '../../src/raster/raster.ts';

/** The operations in a tile, in the order in which they were drawn, by their colours. */
export type Listed = readonly string[];

/** A picture as this painter writes it. */
export type ListedPicture = {
  readonly item: string;
  readonly version: number;
  readonly index: number;
  readonly lineage: string;
  readonly tiles: readonly (readonly [tile: number, ops: Listed])[];
};

type PixelOp = { readonly pixels: readonly { readonly x: number; readonly c: string }[] };

/**
 * Draws no pixels: its tiles list what was drawn on them, one pixel an operation. Two pictures are the same here only if exactly the same operations were drawn in the
 * same order; real pixels would hide one that was painted over. `late` passes before each job is done.
 */
export function createListingPainter(late: () => Promise<void>): Painter {
  return {
    async run<Job extends PaintJob>(job: Job): Promise<Painted<Job>> {
      await late();
      return paint(job) as Painted<Job>;
    },
    async end() {},
  };
}

/** In each of its tiles an operation is there once. */
export function tilesOf(op: unknown): Map<number, string> {
  const { pixels } = op as PixelOp;
  return new Map(pixels.map(({ x, c }) => [Math.floor(x / TILE_SIDE), c]));
}

export function readListed(bytes: Uint8Array): ListedPicture {
  return JSON.parse(Buffer.from(bytes).toString()) as ListedPicture;
}

export function readTile(bytes: Uint8Array): Listed {
  return JSON.parse(Buffer.from(bytes).toString()) as Listed;
}

function paint(job: PaintJob): Painted<PaintJob> {
  switch (job.task) {
    case 'fold': {
      const tiles = new Map(job.tiles.map(([tile, bytes]) => [tile, [...readTile(bytes)]]));
      const changed = new Set<number>();
      for (const op of job.ops) {
        for (const [tile, color] of tilesOf(op)) {
          tiles.set(tile, [...(tiles.get(tile) ?? []), color]);
          changed.add(tile);
        }
      }
      return { changed: [...changed].sort().map((tile) => packed(tile, tiles.get(tile) ?? [])) };
    }
    case 'encode': {
      const { item, version, index, lineage } = job;
      const tiles = job.tiles.map(([tile, bytes]) => [tile, readTile(bytes)] as const);
      return Buffer.from(JSON.stringify({ item, version, index, lineage, tiles } satisfies ListedPicture));
    }
    case 'load':
      return readListed(job.bytes).tiles.map(([tile, ops]) => packed(tile, ops));
    case 'prepare':
    case 'decode':
      return undefined;
  }
}

function packed(tile: number, ops: Listed): PackedTile {
  return [tile, Buffer.from(JSON.stringify(ops))];
}
