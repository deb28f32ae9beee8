import { Cursors } from '../shared/cursors.ts';
import type { Point } from '../shared/glide.ts';
import type { Visitor } from '../shared/people.ts';
import { CARD_WIDTH, type Card } from './card.ts';
import { CardView, type PaintImage } from './card-view.ts';

export type TableOptions = {
  /** Scrolls. */
  readonly window: HTMLElement;
  /** Is scrolled: as large as where the cards are. */
  readonly plane: HTMLElement;
  /** ms, never going back. */
  readonly now: () => number;
  /** Calls with the next frame of the screen. */
  readonly frame: (call: () => void) => void;
  /** The user wants to see nothing move. */
  readonly still: () => boolean;
  readonly paintImage: PaintImage;
};

/** Room beyond the last card. */
const MARGIN = 160;

/** The table with its cards and the cursors of others; draws what moves, frame by frame, and nothing while nothing does. */
export class Table {
  readonly views = new Map<string, CardView>();
  /** Called with each frame; whether there has to be another one. */
  onFrame: (now: number) => boolean = () => false;
  readonly #options: TableOptions;
  readonly #cursors: Cursors;
  #scheduled = false;
  #sized = false;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#cursors = new Cursors(options);
  }

  /** `undefined`: there is no such card. `still`: it does not glide to its place. */
  show(id: string, card: Card | undefined, still = false): void {
    const view = this.views.get(id);
    const now = this.#options.now();
    if (card === undefined) {
      view?.element.remove();
      this.views.delete(id);
    } else if (view) view.show(card, now, still || this.#options.still());
    else {
      const made = new CardView(id, card, now, this.#options.paintImage);
      made.draw(now);
      this.views.set(id, made);
      this.#options.plane.append(made.element);
    }
    this.#sized = false;
    this.wake();
  }

  showCursors(visitors: readonly Visitor[]): void {
    this.#cursors.show(visitors);
    this.wake();
  }

  /** The card that this is part of. */
  viewAt(target: EventTarget | null): CardView | undefined {
    const element = target instanceof Element ? target.closest<HTMLElement>('[data-card]') : null;
    return element?.dataset.card === undefined ? undefined : this.views.get(element.dataset.card);
  }

  /** The card that comes next when one goes through them with the keyboard, or the one before the last. */
  after(view: CardView): CardView | undefined {
    const all = [...this.views.values()];
    const at = all.indexOf(view);
    return all[at + 1] ?? all[at - 1];
  }

  /** A place of the window of the browser as one of the table. */
  toTable({ x, y }: Point): Point {
    const { window } = this.#options;
    const box = window.getBoundingClientRect();
    return { x: x - box.left + window.scrollLeft, y: y - box.top + window.scrollTop };
  }

  /** The middle of what the user sees. */
  get middle(): Point {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.#options.window;
    return { x: scrollLeft + clientWidth / 2, y: scrollTop + clientHeight / 2.4 };
  }

  /** Draws with the next frame, and goes on for as long as something moves. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.frame(() => {
      this.#scheduled = false;
      const now = this.#options.now();
      let moves = this.onFrame(now);
      if (!this.#sized) this.#size();
      for (const view of this.views.values()) moves = view.draw(now) || moves;
      moves = this.#cursors.draw(now) || moves;
      if (moves) this.wake();
    });
  }

  #size(): void {
    this.#sized = true;
    let [width, height] = [0, 0];
    for (const { card, bottom } of this.views.values()) {
      width = Math.max(width, card.x + CARD_WIDTH + MARGIN);
      height = Math.max(height, bottom + MARGIN);
    }
    const { style } = this.#options.plane;
    style.width = `max(100%, ${width}px)`;
    style.height = `max(100%, ${height}px)`;
  }
}
