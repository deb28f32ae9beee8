import { Raster } from './raster.ts';

const SIGNATURE = 8;
const FRAME = 12;
const CHANNELS = 4;

/** A PNG of the form that this server writes: eight bits for each of R, G, B and A, not interlaced. */
export type PngParts = {
  readonly width: number;
  readonly height: number;
  /** The compressed lines, in order. */
  readonly data: readonly Uint8Array<ArrayBuffer>[];
};

/** Throws where it has another form. */
export function pngParts(bytes: Uint8Array): PngParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const form = [...bytes.subarray(24, 29)];
  if (form.join() !== '8,6,0,0,0') throw new Error(`a PNG of the form ${form}`);
  const data: Uint8Array<ArrayBuffer>[] = [];
  for (let at = SIGNATURE; at + FRAME <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === 'IDAT') data.push(bytes.slice(at + 8, at + 8 + length));
    at += FRAME + length;
  }
  return { width, height, data };
}

/** Bytes of the lines of a picture, each behind the number of its filter. */
export function lineBytes(width: number, height: number): number {
  return height * (width * CHANNELS + 1);
}

/** The picture of the lines of a PNG, decompressed. */
export function rasterOfLines(width: number, height: number, lines: Uint8Array): Raster {
  if (lines.length !== lineBytes(width, height)) throw new Error(`a PNG with ${lines.length} bytes of pixels`);
  const stride = width * CHANNELS;
  const rgba = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    rgba.set(lines.subarray(start + 1, start + 1 + stride), y * stride);
    const filter = lines[start] ?? 0;
    if (filter !== 0) unfilter(filter, rgba, y * stride, stride);
  }
  return Raster.from(width, height, rgba);
}

/** As a PNG has them, without filtering: it would make strokes of few colours larger. */
export function linesOf(raster: Raster): Uint8Array {
  const stride = raster.width * CHANNELS;
  const rgba = raster.bytes();
  const lines = new Uint8Array(lineBytes(raster.width, raster.height));
  for (let y = 0; y < raster.height; y++) lines.set(rgba.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  return lines;
}

/** Filters 1 to 4 of the PNG specification, section 9, of the line that begins at `start`. */
function unfilter(filter: number, rgba: Uint8Array, start: number, stride: number): void {
  for (let at = start; at < start + stride; at++) {
    const isFirst = at < start + CHANNELS;
    const left = isFirst ? 0 : (rgba[at - CHANNELS] ?? 0);
    const up = rgba[at - stride] ?? 0;
    const corner = isFirst ? 0 : (rgba[at - stride - CHANNELS] ?? 0);
    rgba[at] = (rgba[at] ?? 0) + predicted(filter, left, up, corner);
  }
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    default: {
      const sum = left + up - corner;
      const [byLeft, byUp, byCorner] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
      if (byLeft <= byUp && byLeft <= byCorner) return left;
      return byUp <= byCorner ? up : corner;
    }
  }
}
