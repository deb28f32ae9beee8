import { Raster } from '../../raster/raster.ts';

const SIGNATURE = 8;
const FRAME = 12;
const CHANNELS = 4;

/**
 * The pixels of a PNG as this server writes them: eight bits for each of R, G, B and A, not interlaced. A canvas cannot be used for that: it keeps colours
 * multiplied by alpha, and gives other ones back.
 */
export async function readPng(bytes: Uint8Array): Promise<Raster> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const form = [...bytes.subarray(24, 29)];
  if (form.join() !== '8,6,0,0,0') throw new Error(`a PNG of the form ${form}`);
  const lines = await inflate(imageData(bytes, view));
  const raster = new Raster(width, height);
  const stride = width * CHANNELS;
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    const line = lines.slice(start + 1, start + 1 + stride);
    unfilter(lines[start] ?? 0, line, above);
    for (let x = 0; x < width; x++) {
      const at = x * CHANNELS;
      const [r = 0, g = 0, b = 0, a = 0] = [line[at], line[at + 1], line[at + 2], line[at + 3]];
      raster.set(x, y, (r | (g << 8) | (b << 16) | (a << 24)) >>> 0);
    }
    above = line;
  }
  raster.takeDirty();
  return raster;
}

function imageData(bytes: Uint8Array, view: DataView): Blob {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = SIGNATURE; at + FRAME <= bytes.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === 'IDAT') parts.push(bytes.slice(at + 8, at + 8 + length));
    at += FRAME + length;
  }
  return new Blob(parts);
}

async function inflate(data: Blob): Promise<Uint8Array> {
  const stream = data.stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Filters 0 to 4 of the PNG specification, section 9. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array): void {
  if (filter === 0) return;
  for (let i = 0; i < line.length; i++) {
    const left = i < CHANNELS ? 0 : (line[i - CHANNELS] ?? 0);
    const up = above[i] ?? 0;
    const corner = i < CHANNELS ? 0 : (above[i - CHANNELS] ?? 0);
    line[i] = (line[i] ?? 0) + predicted(filter, left, up, corner);
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
