import type { DrawOp } from '../../src/raster/ops.ts';

/** Bytes of R, G, B, A by the words of the rules, pixel by pixel, as slowly as it may be. Shares nothing with the rasteriser. */
export function drawSlowly(
  width: number,
  height: number,
  ops: readonly DrawOp[],
  images: ReadonlyMap<string, { width: number; height: number; rgba: readonly number[] }> = new Map(),
): Buffer {
  const bytes = Buffer.alloc(width * height * 4);
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height;
  const read = (x: number, y: number) => [...bytes.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)];
  const write = (x: number, y: number, rgba: readonly number[]) => {
    if (inside(x, y)) bytes.set(rgba, (y * width + x) * 4);
  };
  for (const op of ops) {
    if ('clear' in op) bytes.fill(0);
    if ('pixels' in op) for (const { x, y, c } of op.pixels) write(x, y, colorOf(c));
    if ('stroke' in op) {
      const { points } = op.stroke;
      const color = colorOf(op.stroke.color);
      const disc = discOf(op.stroke.width);
      for (let i = 0; i < points.length; i++) {
        for (const [x, y] of lineOf(points[Math.max(0, i - 1)] ?? [0, 0], points[i] ?? [0, 0])) {
          for (const [dx, dy] of disc) write(x + dx, y + dy, color);
        }
      }
    }
    if ('fill' in op && inside(op.fill.x, op.fill.y)) {
      const old = read(op.fill.x, op.fill.y).join();
      const color = colorOf(op.fill.color);
      const open = old === color.join() ? [] : [[op.fill.x, op.fill.y]];
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        const [x = 0, y = 0] = next;
        if (!inside(x, y) || read(x, y).join() !== old) continue;
        write(x, y, color);
        open.push([x + 1, y], [x - 1, y], [x, y + 1], [x, y - 1]);
      }
    }
    if ('stamp' in op) {
      const image = images.get(op.stamp.hash);
      for (let i = 0; image !== undefined && i < image.width * image.height; i++) {
        const x = op.stamp.x + (i % image.width);
        const y = op.stamp.y + Math.floor(i / image.width);
        if (inside(x, y)) write(x, y, blend(image.rgba.slice(i * 4, i * 4 + 4), read(x, y)));
      }
    }
  }
  return bytes;
}

function colorOf(color: string): number[] {
  return Buffer.from(`${color.slice(1)}ff`.slice(0, 8), 'hex').toJSON().data;
}

/** Middles at most half the width from the middle of the disc. */
function discOf(width: number): [number, number][] {
  const middle = width % 2 === 0 ? 0.5 : 0;
  const all: [number, number][] = [];
  for (let dy = -width; dy <= width; dy++) {
    for (let dx = -width; dx <= width; dx++) {
      if (Math.hypot(dx - middle, dy - middle) <= width / 2) all.push([dx, dy]);
    }
  }
  return all;
}

function lineOf([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): [number, number][] {
  const points: [number, number][] = [];
  let [x, y] = [x0, y0];
  let error = Math.abs(x1 - x0) - Math.abs(y1 - y0);
  for (;;) {
    points.push([x, y]);
    if (x === x1 && y === y1) return points;
    const before = 2 * error;
    if (before >= -Math.abs(y1 - y0)) {
      error -= Math.abs(y1 - y0);
      x += Math.sign(x1 - x0);
    }
    if (before <= Math.abs(x1 - x0)) {
      error += Math.abs(x1 - x0);
      y += Math.sign(y1 - y0);
    }
  }
}

function blend(source: readonly number[], under: readonly number[]): number[] {
  const [r = 0, g = 0, b = 0, alpha = 0] = source;
  if (alpha === 0) return [...under];
  const rest = Math.round(((under[3] ?? 0) * (255 - alpha)) / 255);
  const all = alpha + rest;
  const mix = (s: number, u: number) => Math.round((s * alpha + u * rest) / all);
  return [mix(r, under[0] ?? 0), mix(g, under[1] ?? 0), mix(b, under[2] ?? 0), all];
}
