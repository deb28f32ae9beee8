import { find, make } from '../shared/dom.ts';
import type { Tool } from './pen.ts';

export type ToolsOptions = { readonly onUndo: () => void; readonly onDownload: () => void };

const COLORS: readonly (readonly [name: string, color: string])[] = [
  ['Ink', '#15242c'],
  ['Coral', '#d9482b'],
  ['Sun', '#f2b705'],
  ['Kelp', '#1f8a4c'],
  ['Sea', '#0b6482'],
  ['Dusk', '#6a3fb0'],
  ['Rose', '#d63384'],
  ['Paper', '#ffffff'],
];
const WIDTHS: readonly (readonly [name: string, width: number])[] = [
  ['Fine', 2],
  ['Medium', 6],
  ['Broad', 18],
];
const KINDS = ['pen', 'eraser', 'fill'] as const;

/** The buttons below the picture, and what is chosen there. */
export class Tools {
  readonly #undo = find('undo', HTMLButtonElement);
  #tool: Tool = { kind: 'pen', color: '#15242c', width: 6 };

  constructor({ onUndo, onDownload }: ToolsOptions) {
    const colors = COLORS.map(([name, color]) => {
      const button = make('button', { type: 'button', class: 'swatch', 'aria-label': name, title: name });
      button.style.setProperty('--card', color);
      return this.#choice(button, () => this.#tool.color === color, { color });
    });
    find('colors', HTMLElement).append(...colors.map(({ button }) => button));
    const widths = WIDTHS.map(([name, width]) => {
      const button = make(
        'button',
        { type: 'button', class: 'width', 'aria-label': `${name} line`, title: name },
        make('i'),
      );
      button.style.setProperty('--width', `${width}px`);
      return this.#choice(button, () => this.#tool.width === width, { width });
    });
    find('widths', HTMLElement).append(...widths.map(({ button }) => button));
    const kinds = KINDS.map((kind) => {
      return this.#choice(find(kind, HTMLButtonElement), () => this.#tool.kind === kind, { kind });
    });
    this.#choices = [...colors, ...widths, ...kinds];
    this.#undo.addEventListener('click', onUndo);
    find('download', HTMLButtonElement).addEventListener('click', onDownload);
    this.#show();
  }

  #choices: readonly { readonly button: HTMLButtonElement; readonly isChosen: () => boolean }[] = [];

  get tool(): Tool {
    return this.#tool;
  }

  set canUndo(can: boolean) {
    this.#undo.disabled = !can;
  }

  #choice(button: HTMLButtonElement, isChosen: () => boolean, change: Partial<Tool>) {
    button.addEventListener('click', () => {
      this.#tool = { ...this.#tool, ...change };
      this.#show();
    });
    return { button, isChosen };
  }

  #show(): void {
    for (const { button, isChosen } of this.#choices) button.setAttribute('aria-pressed', String(isChosen()));
  }
}
