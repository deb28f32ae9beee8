import type { FileText, PackedTile, Painted, Painter, PaintJob } from '../../src/ports/painters.ts';
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
      const ground = job.png
        ? readListed(job.png).tiles
        : job.tiles.map(([tile, bytes]) => [tile, readTile(bytes)] as const);
      const tiles = new Map(ground.map(([tile, ops]) => [tile, [...ops]]));
      const changed = new Set<number>(job.png ? tiles.keys() : []);
      for (const op of job.ops) {
        for (const [tile, color] of tilesOf(op)) {
          tiles.set(tile, [...(tiles.get(tile) ?? []), color]);
          changed.add(tile);
        }
      }
      const painted = { changed: [...changed].sort().map((tile) => packed(tile, tiles.get(tile) ?? [])) };
      return job.file ? { ...painted, file: written([...tiles], job.file) } : painted;
    }
    case 'encode':
      return written(
        job.tiles.map(([tile, bytes]) => [tile, readTile(bytes)] as const),
        job,
      );
    case 'prepare':
    case 'decode':
      return undefined;
  }
}

function packed(tile: number, ops: Listed): PackedTile {
  return [tile, Buffer.from(JSON.stringify(ops))];
}

function written(tiles: ListedPicture['tiles'], { item, version, index, lineage }: FileText): Uint8Array {
  return Buffer.from(JSON.stringify({ item, version, index, lineage, tiles } satisfies ListedPicture));
}
