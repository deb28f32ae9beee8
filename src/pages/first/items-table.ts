import type { Item } from '../../client/connect.ts';
import { find, make } from '../shared/dom.ts';

const SHOWN_CHARS = 300;

/** The items as the server has told them, one in each row. */
export class ItemsTable {
  readonly #body = find('items', HTMLTableSectionElement);
  readonly #count = find('count', HTMLElement);
  readonly #rows = new Map<string, HTMLTableRowElement>();
  readonly #onDelete: (item: string) => void;

  constructor(onDelete: (item: string) => void) {
    this.#onDelete = onDelete;
  }

  /** What did not change is left alone. */
  show(items: readonly Item[]): void {
    const sorted = items.filter(({ confirmed }) => confirmed !== undefined).sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#count.textContent = `${sorted.length}`;
    const left = new Set(sorted.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (left.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    for (const [i, item] of sorted.entries()) {
      const row = this.#rowOf(item.id);
      fill(row, item);
      const there = this.#body.children[i] ?? null;
      if (there !== row) this.#body.insertBefore(row, there);
    }
  }

  #rowOf(id: string): HTMLTableRowElement {
    const known = this.#rows.get(id);
    if (known) return known;
    const remove = make('button', { type: 'button', class: 'quiet', 'aria-label': `Delete ${id}` }, '×');
    remove.addEventListener('click', () => this.#onDelete(id));
    const row = make('tr', {}, ...Array.from({ length: 4 }, () => make('td')), make('td', {}, remove));
    this.#rows.set(id, row);
    return row;
  }
}

function fill(row: HTMLTableRowElement, { id, version, durableVersion, confirmed }: Item): void {
  const isStored = durableVersion >= version;
  const value = JSON.stringify(confirmed).slice(0, SHOWN_CHARS);
  const texts = [id, `${version}`, isStored ? '✓' : `at ${durableVersion}`, value];
  for (const [i, text] of texts.entries()) {
    const cell = row.cells[i];
    if (cell && cell.textContent !== text) cell.textContent = text;
  }
  const stored = row.cells[2];
  if (stored) stored.className = isStored ? 'stored' : 'behind';
}
