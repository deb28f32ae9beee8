import type { Clock } from '../../ports/clock.ts';
import { make } from './dom.ts';

const SHOWN_MS = 5_000;

/** Short words to the user: seen for a while, and spoken by screen readers. The same words are not said twice while they are seen. */
export class Notices {
  readonly #place: HTMLElement;
  readonly #spoken: HTMLElement;
  readonly #clock: Clock;
  readonly #seen = new Set<string>();

  /** `spoken`: a live region that nobody sees. */
  constructor(place: HTMLElement, spoken: HTMLElement, clock: Clock) {
    this.#place = place;
    this.#spoken = spoken;
    this.#clock = clock;
  }

  show(text: string): void {
    this.speak(text);
    if (this.#seen.has(text)) return;
    this.#seen.add(text);
    const notice = make('p', { class: 'notice' }, text);
    this.#place.append(notice);
    this.#clock.after(SHOWN_MS, () => {
      this.#seen.delete(text);
      notice.remove();
    });
  }

  /** To screen readers alone: what others see anyway. */
  speak(text: string): void {
    this.#spoken.textContent = text;
  }
}
