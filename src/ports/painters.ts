import type { ImageType } from './images.ts';

/** A tile as it is kept: 256 by 256 pixels, deflated. */
export type PackedTile = readonly [index: number, bytes: Uint8Array];

export type DecodedImage = {
  readonly width: number;
  readonly height: number /** R, G, B, A. */;
  readonly rgba: Uint8Array;
};

export type FoldJob = {
  readonly task: 'fold';
  readonly width: number;
  readonly height: number;
  /** All tiles that have pixels. */
  readonly tiles: readonly PackedTile[];
  /** As the picture kind has accepted them. */
  readonly ops: readonly unknown[];
  readonly stamps: ReadonlyMap<string, DecodedImage>;
};
/** Tiles that changed; without bytes: it has no pixels any more. */
export type Folded = { readonly changed: readonly (readonly [index: number, bytes: Uint8Array | undefined])[] };

export type EncodeJob = {
  readonly task: 'encode';
  readonly width: number;
  readonly height: number;
  readonly tiles: readonly PackedTile[];
  /** Goes into the file, so that it says by itself which picture it is. */
  readonly item: string;
  readonly version: number;
  readonly index: number;
  readonly lineage: string;
};
/** The other way: the tiles of a picture that was written as a PNG. */
export type LoadJob = { readonly task: 'load'; readonly bytes: Uint8Array };
export type DecodeJob = { readonly task: 'decode'; readonly type: ImageType; readonly bytes: Uint8Array };

/** Nothing to paint yet: what painting takes is loaded. */
export type PrepareJob = { readonly task: 'prepare' };

export type PaintJob = FoldJob | EncodeJob | LoadJob | DecodeJob | PrepareJob;
export type Painted<Job extends PaintJob> = Job extends FoldJob
  ? Folded
  : Job extends EncodeJob
    ? Uint8Array
    : Job extends LoadJob
      ? readonly PackedTile[]
      : Job extends PrepareJob
        ? undefined
        : /** `undefined`: it is no image of this type, or one with too many pixels. */ DecodedImage | undefined;

/** One who paints, one job after the other, elsewhere than on the main thread. */
export interface Painter {
  run<Job extends PaintJob>(job: Job): Promise<Painted<Job>>;
  /** Ends it at once, whatever it does. */
  end(): Promise<void>;
}
