import { make } from '../shared/dom.ts';
import { Glide, type Point } from '../shared/glide.ts';
import type { Visitor } from '../shared/people.ts';
import { CARD_HEIGHT, type Card, titleOf } from './card.ts';

/** Draws an image, by its hash, when it has come. */
export type PaintImage = (hash: string, canvas: HTMLCanvasElement) => void;

/** One card as it is drawn. */
export class CardView {
  readonly id: string;
  readonly element: HTMLElement;
  readonly text = make('div', { class: 'text' });
  readonly glide: Glide;
  /** Where the pointer of this user has it; whatever is told meanwhile does not move it. */
  dragged: Point | undefined;
  card: Card;
  #badge: HTMLElement | undefined;
  #drawn: Point | undefined;
  #holder = '';
  #image: HTMLCanvasElement | undefined;
  readonly #paintImage: PaintImage;

  constructor(id: string, card: Card, now: number, paintImage: PaintImage) {
    this.#paintImage = paintImage;
    this.id = id;
    this.card = card;
    this.glide = new Glide(card, now);
    this.element = make('div', {
      class: 'card',
      tabindex: '0',
      role: 'group',
      'aria-roledescription': 'card',
      'aria-describedby': 'card-help',
    });
    this.element.dataset.card = id;
    this.element.append(this.text);
    this.#describe(undefined);
    this.#paint();
  }

  get bottom(): number {
    return this.card.y + CARD_HEIGHT;
  }

  /** `still`: without a move. */
  show(card: Card, now: number, still: boolean): void {
    const { x, y } = this.card;
    this.card = card;
    if (card.x !== x || card.y !== y) this.glide.tell(card, now, still);
    this.#paint();
  }

  /** `mine`: it is this user who holds it. */
  hold(holder: Visitor | undefined, mine: boolean): void {
    const shown = holder === undefined ? '' : `${mine} ${holder.hue} ${holder.name}`;
    if (shown === this.#holder) return;
    this.#holder = shown;
    this.element.classList.toggle('held', holder !== undefined);
    this.element.classList.toggle('mine', mine);
    this.element.dataset.hue = holder ? String(holder.hue) : '';
    const seen = mine ? undefined : holder;
    if (seen) {
      this.#badge ??= make('span', { class: 'badge', 'aria-hidden': 'true' });
      this.#badge.textContent = seen.name;
      this.element.append(this.#badge);
    } else {
      this.#badge?.remove();
      this.#badge = undefined;
    }
    this.#describe(seen?.name);
  }

  /** Draws it where it is now. Returns whether it is still on its way. */
  draw(now: number): boolean {
    const at = this.dragged ?? this.glide.at(now);
    if (at.x !== this.#drawn?.x || at.y !== this.#drawn?.y) {
      this.element.style.transform = `translate(${at.x}px, ${at.y}px)`;
      this.#drawn = { x: at.x, y: at.y };
    }
    return this.dragged === undefined && !this.glide.isOver(now);
  }

  #paint(): void {
    const { text, color, z } = this.card;
    if (this.text.textContent !== text) {
      this.text.textContent = text;
      this.#describe(this.#badge?.textContent ?? undefined);
    }
    this.#showImage();
    this.element.dataset.color = color;
    this.element.style.zIndex = String(z);
  }

  #showImage(): void {
    const { image } = this.card;
    if (this.#image?.dataset.image === image) return;
    this.#image?.remove();
    this.#image = undefined;
    if (image === undefined) return;
    const canvas = make('canvas', { class: 'image', width: '0', height: '0', 'aria-hidden': 'true' });
    canvas.dataset.image = image;
    this.#image = canvas;
    this.element.prepend(canvas);
    this.#paintImage(image, canvas);
  }

  #describe(holder: string | undefined): void {
    const title = titleOf(this.card);
    this.element.setAttribute('aria-label', holder === undefined ? title : `${title}, held by ${holder}`);
  }
}
