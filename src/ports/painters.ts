import type { ImageType } from './images.ts';

/** A tile as it is kept: 256 by 256 pixels, deflated. */
export type PackedTile = readonly [index: number, bytes: Uint8Array];

export type DecodedImage = {
  readonly width: number;
  readonly height: number /** R, G, B, A. */;
  readonly rgba: Uint8Array;
};

/** What the file of a picture says of itself. */
export type FileText = {
  readonly item: string;
  readonly version: number;
  readonly index: number;
  readonly lineage: string;
};

type Drawn = {
  readonly width: number;
  readonly height: number;
  /** All tiles that have pixels. */
  readonly tiles: readonly PackedTile[];
};

export type FoldJob = Drawn & {
  readonly task: 'fold';
  /** Instead of tiles: the picture as it was written. */
  readonly png?: Uint8Array | undefined;
  /** As the picture kind has accepted them. */
  readonly ops: readonly unknown[];
  readonly stamps: ReadonlyMap<string, DecodedImage>;
  /** It is written, too. */
  readonly file?: FileText | undefined;
};
export type Folded = {
  /** Tiles that changed, or that the picture has that was written; without bytes: it has no pixels any more. */
  readonly changed: readonly (readonly [index: number, bytes: Uint8Array | undefined])[];
  readonly file?: Uint8Array;
};

export type EncodeJob = Drawn & FileText & { readonly task: 'encode' };
export type DecodeJob = { readonly task: 'decode'; readonly type: ImageType; readonly bytes: Uint8Array };

/** Nothing to paint yet: who paints is there, and what drawing takes is loaded. */
export type PrepareJob = { readonly task: 'prepare' };

export type PaintJob = FoldJob | EncodeJob | DecodeJob | PrepareJob;
export type Painted<Job extends PaintJob> = Job extends FoldJob
  ? Folded
  : Job extends EncodeJob
    ? Uint8Array
    : Job extends PrepareJob
      ? undefined
      : /** `undefined`: it is no image of this type, or one with too many pixels. */ DecodedImage | undefined;

/** One who paints, one job after the other, elsewhere than on the main thread. */
export interface Painter {
  run<Job extends PaintJob>(job: Job): Promise<Painted<Job>>;
  /** Ends it at once, whatever it does. */
  end(): Promise<void>;
}
