import { make } from '../shared/dom.ts';
import { type Actions, cleanText } from './actions.ts';
import { MAX_TEXT_CHARS } from './card.ts';
import type { CardView } from './card-view.ts';
import type { Grip } from './grip.ts';

export type EditorOptions = {
  readonly actions: Actions;
  readonly heldBy: (id: string) => string | undefined;
  readonly onRefused: (id: string, holder: string) => void;
  readonly onDone: (id: string) => void;
};

type Editing = {
  readonly view: CardView;
  readonly field: HTMLTextAreaElement;
  readonly grip: Grip;
  readonly before: string;
};

/** The text of one card at a time, edited in place. Others see it grow, and cannot take the card meanwhile. */
export class Editor {
  readonly #options: EditorOptions;
  #editing: Editing | undefined;

  constructor(options: EditorOptions) {
    this.#options = options;
  }

  get editing(): CardView | undefined {
    return this.#editing?.view;
  }

  open(view: CardView): void {
    if (this.#editing?.view === view) return;
    this.close(true);
    const { actions, heldBy, onRefused } = this.#options;
    const holder = heldBy(view.id);
    if (holder !== undefined) {
      onRefused(view.id, holder);
      return;
    }
    const field = make('textarea', { 'aria-label': 'Text of the card', maxlength: String(MAX_TEXT_CHARS), rows: '3' });
    const { text } = view.card;
    field.value = text;
    const editing = { view, field, grip: actions.grip(view.id), before: text };
    this.#editing = editing;
    field.addEventListener('input', () => editing.grip.put({ text: cleanText(field.value) }));
    field.addEventListener('keydown', (event) => this.#key(event));
    field.addEventListener('blur', () => this.#editing === editing && this.close(true));
    view.element.classList.add('edited');
    view.text.hidden = true;
    view.element.append(field);
    field.focus();
    field.select();
    void editing.grip.hold.then((hold) => {
      if (hold.state === 'refused' && this.#editing === editing) this.close(false);
    });
  }

  /** `keep`: what was written stays; else the text is again what it was. */
  close(keep: boolean): void {
    const editing = this.#editing;
    if (!editing) return;
    this.#editing = undefined;
    const { view, field, grip, before } = editing;
    const { actions, onRefused, onDone } = this.#options;
    const hadFocus = document.activeElement === field;
    view.element.classList.remove('edited');
    view.text.hidden = false;
    field.remove();
    if (hadFocus) view.element.focus({ preventScroll: true });
    const after = keep ? { text: cleanText(field.value) } : undefined;
    void actions.finish(view.id, 'text', grip, { text: before }, after).then((hold) => {
      if (hold.state === 'refused') onRefused(view.id, hold.holder);
      else onDone(view.id);
    });
  }

  #key(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === 'Escape') this.close(false);
    else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.close(true);
    }
  }
}
