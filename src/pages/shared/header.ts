import type { Space } from '../../client/connect.ts';
import { find, make } from './dom.ts';
import type { Notices } from './notices.ts';
import { cleanName, initials, type Visitor } from './people.ts';
import { describeSaving, type Saving } from './saved.ts';
import type { Session } from './session.ts';

const FACES = 4;

/** Who is here, the state of the connection and of what was changed, and the link to share. */
export class Header {
  readonly #state = find('state', HTMLElement);
  readonly #faces = find('faces', HTMLElement);
  readonly #list = find('people-list', HTMLElement);
  readonly #count = find('people-count', HTMLElement);
  readonly #notices: Notices;
  readonly #what: string;
  #tone = '';

  /** `what`: this is, in a word. */
  constructor(notices: Notices, session: Session, what: string, onName: (name: string) => void) {
    this.#what = what;
    this.#notices = notices;
    const field = find('name', HTMLInputElement);
    field.value = session.name;
    field.addEventListener('change', () => {
      const name = cleanName(field.value);
      if (name !== '') session.name = name;
      field.value = session.name;
      onName(session.name);
    });
    find('share', HTMLButtonElement).addEventListener('click', () => void this.#share());
    const people = find('people', HTMLDetailsElement);
    document.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Node && !people.contains(event.target)) people.open = false;
    });
    people.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !people.open) return;
      people.open = false;
      people.querySelector('summary')?.focus();
    });
  }

  showSaving(saving: Saving): void {
    const { tone, text, detail } = describeSaving(saving);
    if (this.#state.textContent !== text) this.#state.textContent = text;
    this.#state.dataset.tone = tone;
    this.#state.dataset.status = saving.status;
    this.#state.title = detail;
    if (tone === 'bad' && this.#tone !== 'bad') this.#notices.speak(`${text}. ${detail}`);
    if (tone === 'good' && this.#tone === 'bad') this.#notices.speak('Connected again, everything is saved');
    this.#tone = tone;
  }

  showPeople(visitors: readonly Visitor[], me: Space['clientId']): void {
    const sorted = [...visitors].sort((a, b) => Number(b.id === me) - Number(a.id === me) || (a.id < b.id ? -1 : 1));
    const more = sorted.length - FACES;
    this.#faces.replaceChildren(
      ...sorted.slice(0, FACES).map((one) => face(one)),
      ...(more > 0 ? [make('span', { class: 'face more' }, `+${more}`)] : []),
    );
    const word = visitors.length === 1 ? 'person' : 'people';
    this.#count.textContent = `${visitors.length} ${word} here`;
    this.#list.replaceChildren(
      ...sorted.map((one) => make('li', {}, face(one), one.id === me ? `${one.name} (you)` : one.name)),
    );
  }

  async #share(): Promise<void> {
    const url = `${location.origin}${location.pathname}`;
    try {
      await navigator.clipboard.writeText(url);
      this.#notices.show(`Link copied. Whoever opens it works on this ${this.#what}.`);
    } catch {
      // Without TLS there is no clipboard.
      this.#notices.show(`The link of this ${this.#what}: ${url}`);
    }
  }
}

function face({ name, hue }: Visitor): HTMLElement {
  const element = make('span', { class: 'face', title: name }, initials(name));
  element.dataset.hue = String(hue);
  return element;
}
