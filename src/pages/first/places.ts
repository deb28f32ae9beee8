export type Point = { readonly x: number; readonly y: number };

/** The nearest place in that room, in whole pixels. */
export function within({ x, y }: Point, { width, height }: { readonly width: number; readonly height: number }): Point {
  return { x: clamp(x, width), y: clamp(y, height) };
}

function clamp(at: number, size: number): number {
  return Math.max(0, Math.min(Math.round(at), size));
}
