import { find, make } from '../shared/dom.ts';
import type { Actions } from './actions.ts';
import { type Card, COLORS, type Color } from './card.ts';

export type DockOptions = {
  readonly actions: Actions;
  readonly onAdd: () => void;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
  readonly onEdit: () => void;
  readonly onPaint: (color: Color) => void;
  readonly onRaise: () => void;
  readonly onRemove: () => void;
};

/** The buttons below the table: those for everything, and those for the card that is selected. */
export class Dock {
  readonly #options: DockOptions;
  readonly #undo = find('undo', HTMLButtonElement);
  readonly #redo = find('redo', HTMLButtonElement);
  readonly #tools = find('card-tools', HTMLElement);
  readonly #swatches = new Map<Color, HTMLButtonElement>();

  constructor(options: DockOptions) {
    this.#options = options;
    const { onAdd, onUndo, onRedo, onEdit, onRaise, onRemove, onPaint } = options;
    const calls = { add: onAdd, undo: onUndo, redo: onRedo, edit: onEdit, raise: onRaise, remove: onRemove };
    for (const [id, call] of Object.entries(calls)) find(id, HTMLButtonElement).addEventListener('click', call);
    for (const color of COLORS) {
      const swatch = make('button', { type: 'button', class: 'swatch', 'aria-label': `Colour ${color}`, title: color });
      swatch.dataset.color = color;
      swatch.addEventListener('click', () => onPaint(color));
      this.#swatches.set(color, swatch);
      find('colors', HTMLElement).append(swatch);
    }
    // The card keeps the focus, so that keys and buttons can be mixed.
    find('dock', HTMLElement).addEventListener('pointerdown', (event) => event.preventDefault());
  }

  show(selected: Card | undefined): void {
    const { canUndo, canRedo } = this.#options.actions;
    this.#undo.disabled = !canUndo;
    this.#redo.disabled = !canRedo;
    this.#tools.hidden = selected === undefined;
    for (const [color, swatch] of this.#swatches) {
      swatch.setAttribute('aria-pressed', String(selected?.color === color));
    }
  }
}
