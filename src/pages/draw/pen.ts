import type { DrawOp, Point } from '../../raster/ops.ts';
import type { Gesture, Sketch } from './sketch.ts';

export type Tool = {
  readonly kind: 'pen' | 'eraser' | 'fill';
  readonly color: string;
  readonly width: number;
};

export type PenOptions = {
  readonly canvas: HTMLCanvasElement;
  readonly sketch: Sketch;
  readonly layers: { add(op: DrawOp): void; readonly size: { readonly width: number; readonly height: number } };
  readonly tool: () => Tool;
  /** ms, never going back. */
  readonly now: () => number;
};

type Line = { readonly gesture: Gesture; readonly tool: Tool; points: Point[]; sentAt: number };

/** A stroke that takes longer is sent in parts, so that others see it grow. */
const PART_MS = 120;
const MAX_POINTS = 1_000;
const NOTHING = '#00000000';
/** As far as coordinates may lie outside of the picture. */
const MARGIN = 4_000;

/** Strokes by mouse, touch and pen, one for each pointer. */
export class Pen {
  readonly #options: PenOptions;
  readonly #lines = new Map<number, Line>();

  constructor(options: PenOptions) {
    this.#options = options;
    const { canvas, sketch } = options;
    sketch.preview = () => [...this.#lines.values()].map(strokeOf);
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const name of ['pointerup', 'pointercancel'] as const)
      canvas.addEventListener(name, (event) => this.#up(event));
  }

  /** A place of the window as one of the picture. */
  at({ clientX, clientY }: { readonly clientX: number; readonly clientY: number }): Point {
    const { canvas, layers } = this.#options;
    const box = canvas.getBoundingClientRect();
    const { width, height } = layers.size;
    const place = (part: number, size: number): number =>
      Math.max(-MARGIN, Math.min(size + MARGIN, Math.floor(part * size)));
    return [place((clientX - box.left) / box.width, width), place((clientY - box.top) / box.height, height)];
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0 || this.#lines.has(event.pointerId)) return;
    const { canvas, sketch, tool, now, layers } = this.#options;
    const [at, chosen] = [this.at(event), tool()];
    event.preventDefault();
    const gesture = sketch.begin();
    if (chosen.kind === 'fill') {
      sketch.draw([{ fill: { x: at[0], y: at[1], color: chosen.color } }], gesture);
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    const line: Line = { gesture, tool: chosen, points: [at], sentAt: now() };
    this.#lines.set(event.pointerId, line);
    layers.add(strokeOf(line));
  }

  #move(event: PointerEvent): void {
    const line = this.#lines.get(event.pointerId);
    if (!line) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length > 0 ? events : [event]) this.#extend(line, this.at(one));
    const late = this.#options.now() - line.sentAt >= PART_MS;
    if ((late && line.points.length > 1) || line.points.length >= MAX_POINTS) this.#send(line);
  }

  #extend(line: Line, at: Point): void {
    const last = line.points.at(-1);
    if (last && last[0] === at[0] && last[1] === at[1]) return;
    line.points.push(at);
    this.#options.layers.add(strokeOf({ ...line, points: last ? [last, at] : [at] }));
  }

  #up(event: PointerEvent): void {
    const line = this.#lines.get(event.pointerId);
    if (!line) return;
    this.#lines.delete(event.pointerId);
    // The rest is one point where everything else was sent a moment ago.
    if (line.points.length > 1 || line.gesture.waiting + line.gesture.versions.length === 0) this.#send(line);
    else this.#options.sketch.renew(this.#options.sketch.preview());
  }

  #send(line: Line): void {
    const op = strokeOf(line);
    line.points = line.points.slice(-1);
    line.sentAt = this.#options.now();
    this.#options.sketch.draw([op], line.gesture);
  }
}

function strokeOf({ tool, points }: Pick<Line, 'tool' | 'points'>): DrawOp {
  return { stroke: { color: tool.kind === 'eraser' ? NOTHING : tool.color, width: tool.width, points: [...points] } };
}
