import type { Json } from '../../base/json.ts';
import { connect, type Item, type Outcome, RefusedError, type Space } from '../../client/connect.ts';
import { realFraction, realId } from '../../client/system.ts';
import { find } from '../shared/dom.ts';
import { addressesIn, spaceOf } from './address.ts';
import { ItemsTable } from './items-table.ts';
import { SmallBoard } from './small-board.ts';
import { type Words, wordsOfOutcome, wordsOfStanding } from './words.ts';

/** Where another token may help. */
const ASKS_FOR_TOKEN = new Set([401, 403, 404]);

/** Shows one space after another: its items, and those that are cards on a board. */
export class FirstPage {
  readonly #field = find('space', HTMLInputElement);
  /** The token is kept here alone: a reload asks for it again. */
  readonly #token = find('token', HTMLInputElement);
  readonly #status = find('status', HTMLElement);
  readonly #posted = find('posted', HTMLElement);
  readonly #table = new ItemsTable((item) => this.#tell(this.#item(item)?.delete()));
  readonly #board = new SmallBoard({
    fraction: realFraction,
    onMove: (item, to, last) => this.#tell(this.#item(item)?.merge(to, last ? { release: true } : {})),
  });
  #space: Space | undefined;
  /** Ends with the space that is shown. */
  #shown = new AbortController();
  #trouble: unknown;
  #isDue = false;

  constructor() {
    find('open', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const name = this.#field.value;
      if (spaceOf(location.hash) === name) this.open();
      else location.hash = name;
    });
    const form = find('post', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#post(new FormData(form));
    });
    find('add', HTMLButtonElement).addEventListener('click', () => {
      const id = `card-${realId().slice(0, 8)}`;
      this.#tell(this.#item(id)?.set({ text: id, ...this.#board.somewhere() }, { release: true }));
    });
  }

  /** The space that the address names, with the token that stands in the field. */
  open(): void {
    this.#leave();
    const name = spaceOf(location.hash);
    const token = this.#token.value.trim();
    this.#field.value = name;
    for (const [id, address] of Object.entries(addressesIn(name))) find(id, HTMLAnchorElement).href = address;
    document.title = `${name} · Longshore`;
    const { signal } = this.#shown;
    const space = connect({ url: location.origin, space: name, join: false, durable: true, ...(token && { token }) });
    this.#space = space;
    for (const event of ['change', 'told', 'status'] as const) space.on(event, () => this.#refresh(), signal);
    space.on('error', (error) => this.#fail(error, space), signal);
    this.#refresh();
  }

  /** What was changed there and has no answer yet is still sent. */
  #leave(): void {
    this.#shown.abort();
    this.#shown = new AbortController();
    this.#trouble = undefined;
    const space = this.#space;
    if (space === undefined) return;
    const close = (): void => space.close();
    void space.flush().then(close, close);
  }

  #item(id: string, kind?: string): Item | undefined {
    return this.#space?.item(id, kind);
  }

  #post(fields: FormData): void {
    const item = this.#item(String(fields.get('item')), 'register');
    try {
      const value = JSON.parse(String(fields.get('value'))) as Json;
      this.#tell(item?.set(value, fields.has('durable') ? { durable: true } : {}));
    } catch {
      this.#say({ state: 'trouble', text: 'not sent: the value is not JSON' });
    }
  }

  /** What becomes of a change, unless the space was left meanwhile. */
  #tell(change: Promise<Outcome> | undefined): void {
    const { signal } = this.#shown;
    void change?.then((outcome) => {
      if (!signal.aborted) this.#say(wordsOfOutcome(outcome));
    });
  }

  #say({ state, text }: Words): void {
    this.#posted.dataset.state = state;
    this.#posted.textContent = text;
  }

  #fail(error: unknown, { failure }: Space): void {
    this.#trouble = error;
    if (failure instanceof RefusedError && ASKS_FOR_TOKEN.has(failure.status)) {
      find('token-field', HTMLElement).hidden = false;
    }
    this.#refresh();
  }

  /** At most once in a frame, however much has come. */
  #refresh(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      if (this.#space) this.#show(this.#space);
    });
  }

  #show(space: Space): void {
    const { status, failure } = space;
    const { state, text } = wordsOfStanding({ status, failure, trouble: this.#trouble });
    this.#status.dataset.state = state;
    if (this.#status.textContent !== text) this.#status.textContent = text;
    const items = space.items();
    this.#table.show(items);
    this.#board.show(items);
  }
}
