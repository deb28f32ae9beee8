import { make } from './dom.ts';
import { Glide, type Point } from './glide.ts';
import type { Visitor } from './people.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** The cursor of somebody else, with the name. It is for the eye alone: who is here stands in the list of people. */
export class CursorView {
  readonly element: HTMLElement;
  readonly #name = make('span');
  readonly #glide: Glide;

  constructor(at: Point, now: number) {
    const arrow = document.createElementNS(SVG, 'svg');
    arrow.setAttribute('viewBox', '0 0 16 20');
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', 'M1 1v15l4.2-3.6 2.7 6 2.9-1.3-2.7-5.9 5.6-.4z');
    arrow.append(path);
    this.element = make('div', { class: 'cursor', 'aria-hidden': 'true' }, arrow, this.#name);
    this.#glide = new Glide(at, now);
  }

  show({ name, hue }: Visitor, at: Point, now: number, still: boolean): void {
    this.element.dataset.hue = String(hue);
    if (this.#name.textContent !== name) this.#name.textContent = name;
    const { target } = this.#glide;
    if (at.x !== target.x || at.y !== target.y) this.#glide.tell(at, now, still);
  }

  /** Returns whether it is still on its way. */
  draw(now: number): boolean {
    const { x, y } = this.#glide.at(now);
    this.element.style.transform = `translate(${x}px, ${y}px)`;
    return !this.#glide.isOver(now);
  }
}
