/** `#rrggbb`, or `#rrggbbaa`. */
export type Color = string;
export type Point = readonly [x: number, y: number];

/** What is drawn; coordinates are integers, (0, 0) is the pixel at the top left. */
export type DrawOp =
  /** A line through the points as a round pen of `width` pixels leaves it. Takes the place of what was there, alpha too: to erase, draw with `#00000000`. */
  | { readonly stroke: { readonly color: Color; readonly width: number; readonly points: readonly Point[] } }
  /** Single pixels, in this order. */
  | { readonly pixels: readonly { readonly x: number; readonly y: number; readonly c: Color }[] }
  /** The pixels that have the colour of (x, y) and are joined to it by edges. */
  | { readonly fill: { readonly x: number; readonly y: number; readonly color: Color } }
  /** An image over what is there, its top left at (x, y); `hash` names a resource. */
  | { readonly stamp: { readonly x: number; readonly y: number; readonly hash: string } }
  | { readonly clear: true };

/** The only forms that a colour may have. */
export const COLOR = /^#(?:[0-9a-f]{6}|[0-9a-f]{8})$/;
