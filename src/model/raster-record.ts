/** A picture as far as it was drawn: part of the record that names its newest operation, so that both are read together. */
export type RasterRecord = {
  /** How the operations became pixels; pictures drawn in another way cannot be gone on from. */
  readonly algo: string;
  readonly width: number;
  readonly height: number;
  /** The last operation that is in the pixels: its version, and how many there were. */
  readonly version: number;
  readonly index: number;
  /** Where the tiles are that have pixels: place in the picture, name in the cache. A name never has two contents. */
  readonly tiles: Readonly<Record<string, string>>;
};
