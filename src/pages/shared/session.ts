import type { Area } from './areas.ts';
import { cleanName } from './people.ts';

const TOKEN_KEY = 'longshore:token';
const NAME_KEY = 'longshore:name';
const ANIMALS = ['Otter', 'Heron', 'Seal', 'Crab', 'Gull', 'Whale', 'Plover', 'Puffin', 'Tern', 'Walrus'];

/** What a page keeps of its user: the token for as long as the tab lives, the name for longer. */
export class Session {
  readonly #ofTab: Area;
  readonly #ofBrowser: Area;
  readonly #fraction: () => number;

  constructor(ofTab: Area, ofBrowser: Area, fraction: () => number) {
    this.#ofTab = ofTab;
    this.#ofBrowser = ofBrowser;
    this.#fraction = fraction;
  }

  get token(): string | undefined {
    return this.#ofTab.getItem(TOKEN_KEY) ?? undefined;
  }

  set token(token: string | undefined) {
    if (token === undefined) this.#ofTab.removeItem(TOKEN_KEY);
    else this.#ofTab.setItem(TOKEN_KEY, token);
  }

  /** Of requests that the client library does not make. */
  get headers(): Readonly<Record<string, string>> {
    const { token } = this;
    return token === undefined ? {} : { Authorization: `Bearer ${token}` };
  }

  /** What the user goes by; made up at first. */
  get name(): string {
    const known = cleanName(this.#ofBrowser.getItem(NAME_KEY));
    if (known !== '') return known;
    this.name = ANIMALS[Math.floor(this.#fraction() * ANIMALS.length)] ?? 'Guest';
    return this.name;
  }

  set name(name: string) {
    this.#ofBrowser.setItem(NAME_KEY, cleanName(name));
  }
}

/** A token may come behind `#token=`, which no server gets to see. Returns what is to be left of the fragment. */
export function takeToken(fragment: string, session: Pick<Session, 'token'>): string | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = fields.get('token')?.trim();
  if (token === undefined) return undefined;
  if (token !== '') session.token = token;
  fields.delete('token');
  return fields.size === 0 ? '' : `#${fields}`;
}
