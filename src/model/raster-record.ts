import { decodeRecord, encodeRecord } from './record.ts';

/** A picture as far as it was drawn: a record in the cache. It can be made again at any time, of operations alone or of a stored picture and those after it. */
export type RasterRecord = {
  /** How the operations became pixels; pictures drawn in another way cannot be gone on from. */
  readonly algo: string;
  readonly width: number;
  readonly height: number;
  /** The last operation that is in the pixels: its version, and how many there were. */
  readonly version: number;
  readonly index: number;
  /** Under which those operations have their indexes. */
  readonly lineage: string;
  /** Where the tiles are that have pixels: place in the picture, name in the cache. A name never has two contents. */
  readonly tiles: Readonly<Record<string, string>>;
};

export function encodeRaster(raster: RasterRecord): Buffer {
  return encodeRecord(raster);
}

export function decodeRaster(bytes: Buffer): RasterRecord {
  return decodeRecord(bytes, 'raster') as unknown as RasterRecord;
}

/** What a stored picture says of itself. */
export type StoredPicture = { readonly version: number; readonly index: number; readonly lineage: string };

/** The newest stored picture of a life. */
export type PicturePointer = StoredPicture & Pick<RasterRecord, 'algo' | 'width' | 'height'>;

export function encodePointer(pointer: PicturePointer): Buffer {
  return encodeRecord(pointer);
}

export function decodePointer(bytes: Buffer): PicturePointer {
  return decodeRecord(bytes, 'picture') as unknown as PicturePointer;
}
