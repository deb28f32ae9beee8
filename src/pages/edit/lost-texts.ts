import type { ChangeDesc } from '@codemirror/state';
import { isObject } from '../../base/json.ts';
import { find, make } from '../shared/dom.ts';

/** What was written at one go and taken back: each text, and where it was. */
export type Lost = readonly { readonly at: number; readonly text: string }[];

export type LostTextsOptions = {
  readonly storage: { load(): string | undefined; save(text: string): void };
  readonly onInsert: (lost: Lost) => void;
  readonly onCopied: (done: boolean) => void;
  /** Nothing is left to be decided. */
  readonly onEmpty: () => void;
};

const MAX_KEPT = 20;

/** The panel with texts that could not be merged, each to be inserted again, copied, or let go. They survive a reload. */
export class LostTexts {
  readonly #panel = find('lost', HTMLElement);
  readonly #list = find('lost-list', HTMLElement);
  readonly #options: LostTextsOptions;
  #all: Lost[];

  constructor(options: LostTextsOptions) {
    this.#options = options;
    this.#all = read(options.storage.load());
    this.#draw();
  }

  add(lost: Lost): void {
    if (lost.length === 0) return;
    this.#all = [...this.#all, lost].slice(-MAX_KEPT);
    this.#draw();
  }

  /** The text has changed: what is offered goes where it was. */
  move(change: ChangeDesc): void {
    if (this.#all.length === 0) return;
    const moved = (at: number): number => change.mapPos(Math.min(at, change.length), 1);
    this.#all = this.#all.map((lost) => lost.map(({ at, text }) => ({ at: moved(at), text })));
    this.#keep();
  }

  #remove(place: number): void {
    this.#all = this.#all.filter((_, i) => i !== place);
    this.#draw();
    const next = this.#list.querySelectorAll<HTMLElement>('li button.strong')[Math.min(place, this.#all.length - 1)];
    if (next) next.focus();
    else this.#options.onEmpty();
  }

  #draw(): void {
    this.#keep();
    this.#panel.hidden = this.#all.length === 0;
    this.#list.replaceChildren(...this.#all.map((lost, place) => this.#entry(lost, place)));
  }

  #entry(lost: Lost, place: number): HTMLElement {
    const words = lost.map(({ text }) => text).join(' … ');
    const button = (label: string, act: () => void, strong = false): HTMLElement => {
      const element = make('button', { type: 'button', ...(strong && { class: 'strong' }) }, label);
      element.addEventListener('click', act);
      return element;
    };
    const insert = (): void => {
      const now = this.#all[place] ?? lost;
      this.#remove(place);
      this.#options.onInsert(now);
    };
    return make(
      'li',
      {},
      make('blockquote', {}, words),
      make(
        'div',
        { class: 'choices' },
        button('Insert again', insert, true),
        button('Copy', () => void this.#copy(words)),
        button('Dismiss', () => this.#remove(place)),
      ),
    );
  }

  async #copy(words: string): Promise<void> {
    // Without TLS there is no clipboard.
    const done = await Promise.resolve()
      .then(() => navigator.clipboard.writeText(words))
      .then(
        () => true,
        () => false,
      );
    this.#options.onCopied(done);
  }

  #keep(): void {
    try {
      this.#options.storage.save(this.#all.length === 0 ? '' : JSON.stringify(this.#all));
    } catch {
      // No room: it is offered all the same, and the document has told that nothing is kept.
    }
  }
}

/** What is not of this form was not written by this page. */
function read(text: string | undefined): Lost[] {
  try {
    const all: unknown = JSON.parse(text || '[]');
    if (!Array.isArray(all)) return [];
    const isPiece = (one: unknown): boolean =>
      isObject(one) && Number.isSafeInteger(one.at) && typeof one.text === 'string';
    return all.filter((lost): lost is Lost => Array.isArray(lost) && lost.length > 0 && lost.every(isPiece));
  } catch {
    return [];
  }
}
