import type { Space } from '../../client/connect.ts';
import type { Reserved, TextDocument } from '../../client/text/text.ts';
import type { TextEvents } from '../../client/text/text-document.ts';
import type { Clock } from '../../ports/clock.ts';
import { find } from '../shared/dom.ts';
import { Header } from '../shared/header.ts';
import type { Notices } from '../shared/notices.ts';
import { type Place, readVisitors, type Said, type Visitor } from '../shared/people.ts';
import type { Session } from '../shared/session.ts';
import { LostTexts, type LostTextsOptions } from './lost-texts.ts';
import type { Peer } from './peers.ts';
import { wordsOfOutcome, wordsOfRefusal } from './refusal-words.ts';
import { describeText, Unsaved } from './saving.ts';
import { TextView } from './text-view.ts';

export type EditorPageOptions = {
  readonly space: Space;
  readonly text: TextDocument;
  readonly item: string;
  readonly session: Session;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly lostStorage: LostTextsOptions['storage'];
};

/** How often the page says for how long something is not saved. */
const TICK_MS = 1_000;

/** The page of one text: what the user writes goes to the document, what the document tells goes to the editor. */
export class EditorPage {
  readonly #space: Space;
  readonly #text: TextDocument;
  readonly #item: string;
  readonly #session: Session;
  readonly #notices: Notices;
  readonly #clock: Clock;
  readonly #view: TextView;
  readonly #header: Header;
  readonly #lost: LostTexts;
  readonly #unsaved = new Unsaved();
  #visitors: readonly Visitor[] = [];
  /** Where each of the others was when they said it last: it is moved along from there. */
  readonly #said = new Map<string, Place>();
  #stopTicking: (() => void) | undefined;

  constructor({ space, text, item, session, notices, clock, lostStorage }: EditorPageOptions) {
    this.#space = space;
    this.#text = text;
    this.#item = item;
    this.#session = session;
    this.#notices = notices;
    this.#clock = clock;
    this.#view = new TextView(text.shown, {
      place: find('text', HTMLElement),
      label: `Text of ${item}`,
      clock,
      onWrite: (change) => text.write(change),
      onChange: (change) => this.#lost.move(change),
      onSelect: () => this.#say(),
    });
    this.#lost = new LostTexts({
      storage: lostStorage,
      onInsert: (lost) => this.#view.insert(lost),
      onCopied: (done) => notices.show(done ? 'Copied.' : 'This browser lets no page copy; select the text instead.'),
      onEmpty: () => this.#view.focus(),
    });
    this.#header = new Header(notices, session, () => this.#say());
    this.#listen();
    this.#refresh();
  }

  #listen(): void {
    const [space, text] = [this.#space, this.#text];
    text.on('change', (change) => {
      this.#view.apply(change);
      this.#showPeers();
    });
    text.on('refused', (refused) => this.#tellRefused(refused));
    text.on('saving', () => this.#refresh());
    text.on('unkept', () =>
      this.#notices.show('This browser has no room to keep what you write: do not reload before it is saved.'),
    );
    for (const name of ['status', 'error'] as const) space.on(name, () => this.#refresh());
    space.on('clients', (people) => {
      this.#visitors = [...readVisitors(people).values()];
      this.#header.showPeople(this.#visitors, space.clientId);
      this.#showPeers();
    });
  }

  #tellRefused({ lost, ranges, outcome, reserved }: TextEvents['refused']): void {
    this.#view.flash([...ranges, ...lost.map(({ at }) => ({ from: at, to: at }))]);
    this.#lost.add(lost);
    this.#notices.show(outcome ? wordsOfOutcome(outcome) : wordsOfRefusal(lost.length > 0, this.#named(reserved)));
  }

  #named(reserved: Reserved | undefined) {
    if (!reserved) return undefined;
    const name = this.#visitors.find(({ id }) => id === reserved.holder)?.name;
    return { ...reserved, isOwn: reserved.holder === this.#space.clientId, name };
  }

  #say(): void {
    const selection = this.#view.selection;
    const text = this.#text;
    const place = selection && {
      item: this.#item,
      version: text.version,
      anchor: text.toSynced(selection.anchor),
      head: text.toSynced(selection.head),
    };
    const said: Said = { name: this.#session.name, cursor: null, ...(place && { place }) };
    this.#space.say(said);
  }

  /** Whoever has said something new is put there, as soon as the text is as they see it; the others stay where the text has taken them. */
  #showPeers(): void {
    const known = new Map(this.#view.peers.map((peer) => [peer.id, peer]));
    const peers = this.#visitors.flatMap((visitor): Peer[] => {
      const { id, name, hue, place } = visitor;
      if (id === this.#space.clientId || place?.item !== this.#item) return [];
      const found = isSame(this.#said.get(id), place) ? undefined : this.#locate(place);
      if (found) this.#said.set(id, place);
      const { anchor, head } = found ?? known.get(id) ?? {};
      return anchor === undefined || head === undefined ? [] : [{ id, name, hue, anchor, head }];
    });
    for (const id of this.#said.keys()) if (!peers.some((peer) => peer.id === id)) this.#said.delete(id);
    this.#view.showPeers(peers);
  }

  /** `undefined`: in a text that has not come yet. */
  #locate({ anchor, head, version }: Place): { readonly anchor: number; readonly head: number } | undefined {
    const from = this.#text.toShown(anchor, version);
    const to = this.#text.toShown(head, version);
    return from === undefined || to === undefined ? undefined : { anchor: from, head: to };
  }

  #refresh(): void {
    const { status, failure } = this.#space;
    const now = this.#clock.monotonic();
    this.#view.writable = this.#text.isThere;
    this.#unsaved.note(this.#text, now);
    const ms = this.#unsaved.ms(now);
    this.#header.showState(describeText(status, failure !== undefined, ms), status);
    this.#stopTicking?.();
    this.#stopTicking = ms === undefined ? undefined : this.#clock.after(TICK_MS, () => this.#refresh());
  }
}

function isSame(a: Place | undefined, b: Place): boolean {
  return a?.version === b.version && a?.anchor === b.anchor && a?.head === b.head;
}
