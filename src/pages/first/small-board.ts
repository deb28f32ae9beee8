import type { Item } from '../../client/connect.ts';
import { readCard } from '../board/card.ts';
import { find, make } from '../shared/dom.ts';
import { followDrag } from './card-drag.ts';
import { type Point, within } from './places.ts';

/** What of a card has to stay in sight, and what a new one takes, in CSS pixels. */
const LEAST = { width: 40, height: 30 };
const NEW = { width: 160, height: 60 };

export type SmallBoardOptions = {
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  /** `last`: it was let go there. */
  readonly onMove: (item: string, to: Point, last: boolean) => void;
};

/** The items that are cards, with what was changed here. */
export class SmallBoard {
  readonly #board = find('board', HTMLElement);
  readonly #cards = new Map<string, HTMLElement>();
  readonly #options: SmallBoardOptions;

  constructor(options: SmallBoardOptions) {
    this.#options = options;
  }

  show(items: readonly Item[]): void {
    const left = new Set<string>();
    for (const { id, value } of items) {
      const card = readCard(value);
      if (!card) continue;
      left.add(id);
      const element = this.#cardOf(id);
      const text = card.text || id;
      if (element.textContent !== text) element.textContent = text;
      if (!element.classList.contains('held')) this.#place(element, card);
    }
    for (const [id, element] of this.#cards) {
      if (left.has(id)) continue;
      element.remove();
      this.#cards.delete(id);
    }
  }

  /** Anywhere on it, for a new card. */
  somewhere(): Point {
    const { clientWidth, clientHeight } = this.#board;
    const { fraction } = this.#options;
    const at = { x: fraction() * (clientWidth - NEW.width), y: fraction() * (clientHeight - NEW.height) };
    return within(at, this.#room);
  }

  get #room(): { readonly width: number; readonly height: number } {
    const { clientWidth, clientHeight } = this.#board;
    return { width: clientWidth - LEAST.width, height: clientHeight - LEAST.height };
  }

  #cardOf(id: string): HTMLElement {
    const known = this.#cards.get(id);
    if (known) return known;
    const card = make('div', { class: 'card' });
    card.addEventListener('pointerdown', (down) =>
      followDrag(down, card, this.#board, (to, last) => {
        const at = within(to, this.#room);
        this.#place(card, at);
        this.#options.onMove(id, at, last);
      }),
    );
    this.#cards.set(id, card);
    this.#board.append(card);
    return card;
  }

  /** Coordinates are whatever the item says; the board shows the part it has room for. */
  #place(card: HTMLElement, at: Point): void {
    const { x, y } = within(at, this.#room);
    card.style.transform = `translate(${x}px, ${y}px)`;
  }
}
