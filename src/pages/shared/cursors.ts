import { CursorView } from './cursor-view.ts';
import type { Point } from './glide.ts';
import type { Visitor } from './people.ts';

export type CursorsOptions = {
  readonly plane: HTMLElement;
  readonly now: () => number;
  /** Nothing is to glide. */
  readonly still: () => boolean;
  /** Where a place that was said is on the plane, in CSS pixels. */
  readonly toPlane?: (said: Point) => Point;
};

/** The cursors of the others. */
export class Cursors {
  readonly #options: CursorsOptions;
  readonly #views = new Map<string, CursorView>();

  constructor(options: CursorsOptions) {
    this.#options = options;
  }

  show(visitors: readonly Visitor[]): void {
    const { plane, now, still, toPlane = (said) => said } = this.#options;
    const at = now();
    const seen = new Set<string>();
    for (const visitor of visitors) {
      if (!visitor.cursor) continue;
      seen.add(visitor.id);
      const place = toPlane(visitor.cursor);
      let view = this.#views.get(visitor.id);
      if (!view) {
        view = new CursorView(place, at);
        this.#views.set(visitor.id, view);
        plane.append(view.element);
      }
      view.show(visitor, place, at, still());
    }
    for (const [id, view] of this.#views) {
      if (seen.has(id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
  }

  /** Returns whether any of them is still on its way. */
  draw(at: number): boolean {
    let moves = false;
    for (const view of this.#views.values()) moves = view.draw(at) || moves;
    return moves;
  }
}
