import { find, make } from '../shared/dom.ts';
import { windowOf } from './log-window.ts';
import type { LogLine } from './op-log.ts';

/** As in the style sheet, px. */
const LINE = 32;
const WORDS = { add: 'added', remove: 'removed', create: 'created, bias' } as const;

/** The operations as a list that scrolls. Only the lines that are seen are there; at the end it follows the newest. */
export class LogView {
  readonly #frame = find('log', HTMLElement);
  readonly #list = find('lines', HTMLElement);
  readonly #newest = find('newest', HTMLButtonElement);
  readonly #nameOf: (clientId: string | undefined) => string;
  readonly #rows = new Map<number, HTMLElement>();
  #lines: readonly LogLine[] = [];
  /** How many there were when they were drawn last. */
  #drawn = 0;
  #follows = true;

  constructor(nameOf: (clientId: string | undefined) => string) {
    this.#nameOf = nameOf;
    this.#frame.tabIndex = 0; // keys scroll it
    this.#frame.addEventListener('scroll', () => {
      this.#follows = this.#frame.scrollTop + this.#frame.clientHeight >= this.#frame.scrollHeight - LINE;
      this.#draw();
    });
    this.#newest.addEventListener('click', () => {
      this.#follows = true;
      this.#draw();
      this.#frame.focus();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#frame);
  }

  show(lines: readonly LogLine[]): void {
    if (lines.length < this.#drawn) this.#clear();
    this.#lines = lines;
    this.#draw();
  }

  /** Names of those who are here have come. */
  rename(): void {
    for (const [index, row] of this.#rows) setText(row.children[2], this.#nameOf(this.#lines[index]?.clientId));
  }

  #clear(): void {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
    this.#drawn = 0;
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.#frame;
    const count = this.#lines.length;
    const at = this.#follows ? Number.POSITIVE_INFINITY : scrollTop;
    const { from, to, top, height } = windowOf(count, LINE, at, clientHeight);
    this.#list.style.height = `${height}px`;
    for (const [index, row] of this.#rows) {
      if (index >= from && index < to) continue;
      row.remove();
      this.#rows.delete(index);
    }
    for (let index = from; index < to; index++) {
      const row = this.#rows.get(index) ?? this.#add(index);
      row.style.transform = `translateY(${top + (index - from) * LINE}px)`;
    }
    if (this.#follows) this.#frame.scrollTop = height;
    this.#newest.hidden = this.#follows;
    this.#drawn = count;
  }

  /** In the order of the list also for those who do not see where it stands. */
  #add(index: number): HTMLElement {
    const { verb, element, clientId, updatedAt } = this.#lines[index] as LogLine;
    const words = make('span', { class: 'unseen' }, WORDS[verb]);
    const row = make(
      'li',
      { 'aria-setsize': String(this.#lines.length), 'aria-posinset': String(index + 1) },
      make('span', { class: 'index' }, String(index + 1)),
      make('span', { class: 'what', title: element }, make('i', {}, words), ` ${element}`),
      make('span', { class: 'who' }, this.#nameOf(clientId)),
      make('time', { datetime: updatedAt }, new Date(updatedAt).toTimeString().slice(0, 8)),
    );
    row.dataset.verb = verb;
    row.dataset.index = String(index + 1);
    row.classList.toggle('new', this.#drawn > 0 && index >= this.#drawn);
    const next = this.#rows.get(index + 1);
    this.#list.insertBefore(row, next ?? null);
    this.#rows.set(index, row);
    return row;
  }
}

function setText(element: Element | undefined, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
