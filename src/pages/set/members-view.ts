import type { Clock } from '../../ports/clock.ts';
import { find, make } from '../shared/dom.ts';

/** More are counted and not shown. */
const MAX_SHOWN = 500;
/** As in the style sheet. */
const GOING_MS = 300;

export type MembersViewOptions = {
  readonly clock: Clock;
  readonly onRemove: (element: string) => void;
  /** Nothing is to move. */
  readonly still: () => boolean;
};

/** The members of the set, in their order. One that goes is seen to go. */
export class MembersView {
  readonly #options: MembersViewOptions;
  readonly #list = find('members', HTMLElement);
  readonly #count = find('members-count', HTMLElement);
  readonly #empty = find('empty', HTMLElement);
  readonly #shown = new Map<string, HTMLElement>();
  #isFirst = true;

  constructor(options: MembersViewOptions) {
    this.#options = options;
    this.#list.addEventListener('click', ({ target }) => {
      const item = target instanceof Element ? target.closest('button')?.closest('li') : null;
      const [element] = [...this.#shown].find(([, one]) => one === item) ?? [];
      if (element !== undefined) options.onRemove(element);
    });
  }

  /** `isKnown`: that nothing is there is known, too. */
  show(members: readonly string[], isKnown: boolean): void {
    const seen = members.slice(0, MAX_SHOWN);
    const stays = new Set(seen);
    for (const [element, item] of this.#shown) if (!stays.has(element)) this.#leave(element, item);
    let before: Element | null = null;
    for (const element of seen) {
      const item: HTMLElement = this.#shown.get(element) ?? this.#make(element);
      this.#shown.set(element, item);
      if (nextOf(before, this.#list) !== item)
        this.#list.insertBefore(item, before === null ? this.#list.firstChild : before.nextSibling);
      before = item;
    }
    if (isKnown) this.#isFirst = false;
    const part = members.length > seen.length ? `, ${seen.length} of them shown` : '';
    this.#count.textContent = isKnown ? `${members.length}${part}` : '';
    this.#empty.hidden = !isKnown || members.length > 0;
  }

  #make(element: string): HTMLElement {
    const name = element === '' ? 'the empty word' : element;
    const button = make('button', { type: 'button', 'aria-label': `Remove ${name}`, title: 'Remove' }, '×');
    const item = make('li', {}, make('span', { title: element }, element), button);
    if (!this.#isFirst) item.classList.add('new');
    return item;
  }

  #leave(element: string, item: HTMLElement): void {
    this.#shown.delete(element);
    if (item.contains(document.activeElement)) this.#focusBeside(item);
    if (this.#options.still()) {
      item.remove();
      return;
    }
    item.classList.add('going');
    item.inert = true;
    this.#options.clock.after(GOING_MS, () => item.remove());
  }

  /** Who goes on with keys stays near. */
  #focusBeside(item: HTMLElement): void {
    const all = [...this.#shown.values()];
    const following = all.find((one) => item.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    const button = (following ?? all.at(-1))?.querySelector('button');
    (button ?? find('element', HTMLInputElement)).focus();
  }
}

/** Those that go are passed over. */
function nextOf(before: Element | null, list: Element): Element | null {
  let next = before === null ? list.firstElementChild : before.nextElementSibling;
  while (next?.classList.contains('going')) next = next.nextElementSibling;
  return next;
}
